#include "cli/line_reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "capture.hpp"

namespace weir::cli {
namespace {

using Lines = std::vector<std::string>;
using Step = LineReader::Step;

Lines read_all(const std::string& text, std::size_t block_bytes) {
  const Capture file;
  EXPECT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::lseek(file.descriptor(), 0, SEEK_SET);
  LineReader::Options options;
  options.block_bytes = block_bytes;
  LineReader reader(file.descriptor(), options);
  Lines lines;
  for (;;) {
    const auto step = reader.next();
    if (!step.ok() || *step != Step::line) {
      EXPECT_TRUE(step.ok() && *step == Step::end);
      return lines;
    }
    lines.emplace_back(reader.line());
    EXPECT_EQ(reader.line_number(), lines.size());
  }
}

TEST(LineReader, KeepsEveryByteButTheLineFeed) {
  EXPECT_EQ(read_all("", 16), Lines{});
  EXPECT_EQ(read_all("\n", 16), Lines{""});
  EXPECT_EQ(read_all("a\n\nb", 16), (Lines{"a", "", "b"}));
  EXPECT_EQ(read_all("a\r\nb\r\n", 16), (Lines{"a\r", "b\r"}));
  const std::string zeros("a\0b\n\0", 5);
  EXPECT_EQ(read_all(zeros, 16), (Lines{std::string("a\0b", 3), std::string("\0", 1)}));
}

// A line over the edge of a block must come out whole, wherever the edge falls.
TEST(LineReader, CutsTheSameLinesWhateverTheBlock) {
  std::string text;
  Lines expected;
  for (std::size_t length = 0; length < 40; ++length) {
    expected.emplace_back(length, static_cast<char>('a' + length % 26));
    text += expected.back() + "\n";
  }
  for (std::size_t block = 1; block < 100; ++block) {
    EXPECT_EQ(read_all(text, block), expected) << block;
  }
}

// Batches hold lines while the reader goes on; a block must never be written again.
TEST(LineReader, LinesOutliveTheBlocksThatFollow) {
  const Capture file;
  const std::string text = "first\n" + std::string(1000, 'x') + "\nlast\n";
  ASSERT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::lseek(file.descriptor(), 0, SEEK_SET);
  LineReader::Options options;
  options.block_bytes = 16;
  LineReader reader(file.descriptor(), options);
  ASSERT_EQ(*reader.next(), Step::line);
  const auto line = reader.line();
  const auto block = reader.block();
  while (*reader.next() == Step::line) {
  }
  EXPECT_EQ(line, "first");
}

// `tail -f | weir put` must put what has come instead of waiting for a full batch.
TEST(LineReader, SaysThatItWouldHaveToWait) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  LineReader reader(ends[0]);
  EXPECT_EQ(*reader.next(), Step::wait);
  ASSERT_EQ(::write(ends[1], "one\ntw", 6), 6);
  ASSERT_EQ(*reader.next(), Step::line);
  EXPECT_EQ(reader.line(), "one");
  EXPECT_EQ(*reader.next(), Step::wait);
  ASSERT_EQ(::write(ends[1], "o", 1), 1);
  ::close(ends[1]);
  ASSERT_EQ(*reader.next(), Step::line);
  EXPECT_EQ(reader.line(), "two");
  EXPECT_EQ(*reader.next(), Step::end);
  ::close(ends[0]);
}

// A file without line feeds must not be taken into memory whole.
TEST(LineReader, RefusesALineThatIsTooLong) {
  const Capture file;
  const std::string text = "ok\n" + std::string(101, 'x') + "\n";
  ASSERT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::lseek(file.descriptor(), 0, SEEK_SET);
  LineReader::Options options;
  options.block_bytes = 16;
  options.line_bytes_max = 64;
  LineReader reader(file.descriptor(), options);
  ASSERT_EQ(*reader.next(), Step::line);
  const auto step = reader.next();
  ASSERT_FALSE(step.ok());
  EXPECT_EQ(step.error().code, "LineTooLong");
  EXPECT_EQ(reader.line_number(), 2U);
}

}  // namespace
}  // namespace weir::cli
