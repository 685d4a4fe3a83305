#include "weir/decode/compression.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "tests/support/compressed.hpp"
#include "weir/base/random.hpp"
#include "weir/stream/record.hpp"

namespace weir::decode {
namespace {

using testing::gzip;
using testing::zstd;

// The text, or "(code)".
std::string result(Decompressor& decompressor, std::string_view payload) {
  const auto done = decompressor.decompress(payload);
  return done ? std::string(*done) : "(" + done.error().code + ")";
}

std::string some_text(std::size_t bytes) {
  Random random(7);
  std::string text;
  while (text.size() < bytes) {
    text += "{\"key\":" + std::to_string(random.below(1000)) + "},";
  }
  text.resize(bytes);
  return text;
}

// A CloudWatch Logs subscription puts one gzip member a record; a writer that appends makes several.
TEST(Decompressor, ReadsAllMembersOfAGzipPayload) {
  Decompressor gunzip(Compression::gzip);
  EXPECT_EQ(result(gunzip, gzip("one")), "one");
  EXPECT_EQ(result(gunzip, gzip("one") + gzip("") + gzip("two")), "onetwo");
  EXPECT_EQ(result(gunzip, gzip("")), "");
  const auto text = some_text(3'000'000);
  EXPECT_EQ(result(gunzip, gzip(text)), text);
  EXPECT_EQ(result(gunzip, gzip("small again")), "small again");
}

TEST(Decompressor, ReadsAllFramesOfAZstdPayload) {
  Decompressor unzstd(Compression::zstd);
  EXPECT_EQ(result(unzstd, zstd("one")), "one");
  EXPECT_EQ(result(unzstd, zstd("one") + zstd("", false) + zstd("two", false)), "onetwo");
  EXPECT_EQ(result(unzstd, zstd("")), "");
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_EQ(result(unzstd, skippable + zstd("one")), "one");
  const auto text = some_text(3'000'000);
  EXPECT_EQ(result(unzstd, zstd(text)), text);
  EXPECT_EQ(result(unzstd, zstd(text, false)), text);
  EXPECT_EQ(result(unzstd, zstd(text, false, 22)), text) << "with the largest window";
  EXPECT_EQ(result(unzstd, zstd("small again")), "small again");
}

// A part must not count as the whole: half a JSON array can look like a shorter one in a lenient format.
TEST(Decompressor, RefusesWhatIsCutOff) {
  Decompressor gunzip(Compression::gzip);
  Decompressor unzstd(Compression::zstd);
  const auto text = some_text(2000);
  const auto first = gzip("first");
  const auto zipped = first + gzip(text);
  for (std::size_t size = 0; size < zipped.size(); ++size) {
    EXPECT_EQ(result(gunzip, zipped.substr(0, size)), size == first.size() ? "first" : "(BadGzip)") << size;
  }
  for (const bool says_size : {true, false}) {
    const auto frame = zstd("first", says_size);
    const auto frames = frame + zstd(text, says_size);
    for (std::size_t size = 0; size < frames.size(); ++size) {
      EXPECT_EQ(result(unzstd, frames.substr(0, size)), size == frame.size() ? "first" : "(BadZstd)") << size;
    }
  }
}

TEST(Decompressor, RefusesWhatIsDamagedOrSomethingElse) {
  Decompressor gunzip(Compression::gzip);
  Decompressor unzstd(Compression::zstd);
  EXPECT_EQ(result(gunzip, R"({"a":1})"), "(BadGzip)");
  EXPECT_EQ(result(gunzip, zstd("x")), "(BadGzip)");
  EXPECT_EQ(result(gunzip, gzip("x", 15)), "(BadGzip)") << "zlib's own format";
  EXPECT_EQ(result(gunzip, gzip("x") + "trailing"), "(BadGzip)");
  auto damaged = gzip(some_text(100));
  damaged[damaged.size() - 6] ^= 1;  // of the CRC
  EXPECT_EQ(result(gunzip, damaged), "(BadGzip)");
  EXPECT_EQ(result(unzstd, R"({"a":1})"), "(BadZstd)");
  EXPECT_EQ(result(unzstd, gzip("x")), "(BadZstd)");
  EXPECT_EQ(result(unzstd, zstd("x") + "trailing"), "(BadZstd)");
}

// Ten megabytes of zeros compress to ten kilobytes: whoever may put records could fill the memory.
TEST(Decompressor, RefusesWhatBecomesTooLarge) {
  constexpr std::size_t bytes_max = 1'000'000;
  Decompressor gunzip(Compression::gzip, bytes_max);
  Decompressor unzstd(Compression::zstd, bytes_max);
  const std::string fits(bytes_max, '0');
  const std::string too_large(bytes_max + 1, '0');
  EXPECT_EQ(result(gunzip, gzip(fits)), fits);
  EXPECT_EQ(result(gunzip, gzip(too_large)), "(TooLarge)");
  EXPECT_EQ(result(gunzip, gzip(fits) + gzip("")), fits);
  EXPECT_EQ(result(gunzip, gzip(fits) + gzip("0")), "(TooLarge)") << "member by member";
  for (const bool says_size : {true, false}) {
    EXPECT_EQ(result(unzstd, zstd(fits, says_size)), fits);
    EXPECT_EQ(result(unzstd, zstd(too_large, says_size)), "(TooLarge)");
    EXPECT_EQ(result(unzstd, zstd(fits) + zstd("", says_size)), fits);
    EXPECT_EQ(result(unzstd, zstd(fits) + zstd("0", says_size)), "(TooLarge)") << "frame by frame";
  }
  EXPECT_EQ(result(gunzip, gzip("and on")), "and on");
  Decompressor tiny(Compression::gzip, 3);
  EXPECT_EQ(result(tiny, gzip("abc")), "abc");
  EXPECT_EQ(result(tiny, gzip("abcd")), "(TooLarge)");
}

// A frame says how large it becomes before anything of it is there to be seen.
TEST(Decompressor, DoesNotBelieveALargeFrame) {
  auto frame = zstd(some_text(300));
  ASSERT_EQ(frame[4] & 0xe0, 0x60) << "one segment, its size in two bytes";
  frame[4] = static_cast<char>(0xa0);  // in four bytes
  frame.replace(5, 2, std::string("\xff\xff\xff\x7f", 4));
  Decompressor unzstd(Compression::zstd);
  EXPECT_EQ(result(unzstd, frame), "(TooLarge)");
  frame.replace(5, 4, std::string("\x00\x00\x00\x01", 4));  // 16 MiB
  EXPECT_EQ(result(unzstd, frame), "(BadZstd)");
}

// Decoders read ahead: what follows must be readable, and must not be what a payload before left there.
TEST(Decompressor, PadsWhatItMade) {
  for (const auto compression : {Compression::gzip, Compression::zstd}) {
    Decompressor decompressor(compression);
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{16384}, std::size_t{70'000}}) {
      const auto text = some_text(size);
      const auto done = decompressor.decompress(compression == Compression::gzip ? gzip(text) : zstd(text));
      ASSERT_TRUE(done);
      EXPECT_EQ(std::string(done->data() + size, stream::padding_bytes), std::string(stream::padding_bytes, '\0'));
    }
  }
}

RC_GTEST_PROP(Decompressor, GivesBackWhatWasCompressed, (const std::string& text, bool says_size)) {
  Decompressor gunzip(Compression::gzip);
  Decompressor unzstd(Compression::zstd);
  RC_ASSERT(result(gunzip, gzip(text)) == text);
  RC_ASSERT(result(unzstd, zstd(text, says_size)) == text);
}

}  // namespace
}  // namespace weir::decode
