#include "cli/record_feed.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "capture.hpp"
#include "weir/stream/record.hpp"

namespace weir::cli {
namespace {

using Step = LineReader::Step;

std::string padded(std::string text) {
  text.reserve(text.size() + stream::padding_bytes);
  return text;
}

Result<std::string> key_of(const std::string& field, const std::string& line) {
  auto finder = KeyFinder::of(field);
  EXPECT_TRUE(finder.ok());
  const auto text = padded(line);
  auto key = finder->find(text);
  if (!key) {
    return key.error();
  }
  return std::string(*key);
}

TEST(KeyFinder, TakesStringsIntegersAndBooleans) {
  EXPECT_EQ(*key_of("a", R"({"a":"JFK"})"), "JFK");
  EXPECT_EQ(*key_of("a", R"({"b":1,"a":"caf\u00e9 \"x\""})"), "café \"x\"");
  EXPECT_EQ(*key_of("a", R"({"a":-12})"), "-12");
  EXPECT_EQ(*key_of("a", R"({"a":3.0})"), "3");
  EXPECT_EQ(*key_of("a", R"({"a":170141183460469231731687303715884105727})"),
            "170141183460469231731687303715884105727");
  EXPECT_EQ(*key_of("a", R"({"a":true})"), "true");
  EXPECT_EQ(*key_of("a.b", R"({"a":{"b":"x"}})"), "x");
}

// The service refuses a whole batch for one bad key, without saying which line it came from.
TEST(KeyFinder, SaysWhatIsWrongWithALine) {
  EXPECT_EQ(key_of("a", R"({"b":1})").error().message, "it has no member 'a'");
  EXPECT_EQ(key_of("a", R"({"a":""})").error().message, "'a' is empty; a key has at least one character");
  for (const auto* wrong : {R"({"a":null})", R"({"a":1.5})", R"({"a":[]})", R"({"a":{}})"}) {
    EXPECT_EQ(key_of("a", wrong).error().code, "BadKey") << wrong;
  }
  for (const auto* wrong : {"", "x", "[1]", R"({"a":"x")", R"({"a":"x"} y)"}) {
    EXPECT_FALSE(key_of("a", wrong).ok()) << wrong;
  }
}

// 256 characters, not bytes: keys in other scripts must not be refused.
TEST(KeyFinder, CountsCharacters) {
  std::string umlauts;
  for (int i = 0; i < 256; ++i) {
    umlauts += "ü";
  }
  EXPECT_TRUE(key_of("a", R"({"a":")" + umlauts + R"("})").ok());
  EXPECT_EQ(key_of("a", R"({"a":")" + umlauts + R"(u"})").error().message,
            "'a' has 257 characters; a key has at most 256");
}

struct RecordFeedTest : testing::Test {
  Capture file;
  std::unique_ptr<LineReader> lines;
  std::unique_ptr<RecordFeed> feed;
  PutBatch batch;

  void read(const std::string& text, RecordFeed::Options options = RecordFeed::Options(), const std::string& key = "") {
    ASSERT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::lseek(file.descriptor(), 0, SEEK_SET);
    std::optional<KeyFinder> finder;
    if (!key.empty()) {
      finder.emplace(*KeyFinder::of(key));
    }
    lines = std::make_unique<LineReader>(file.descriptor());
    feed = std::make_unique<RecordFeed>(*lines, std::move(finder), Random(1), options);
  }
  std::vector<std::string> data() const {
    std::vector<std::string> all;
    for (const auto& record : batch.request.records) {
      all.emplace_back(record.data);
    }
    return all;
  }
};

TEST_F(RecordFeedTest, MakesARecordOfEachLine) {
  read("a\n\nb");
  EXPECT_EQ(*feed->fill(batch), Step::end);
  EXPECT_EQ(data(), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(batch.lines, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(RecordFeedTest, GivesEachRecordAKeyOfItsOwn) {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += "x\n";
  }
  read(text);
  ASSERT_EQ(*feed->fill(batch), Step::line);
  std::set<std::string_view> keys;
  for (const auto& record : batch.request.records) {
    keys.insert(record.partition_key);
  }
  EXPECT_EQ(keys.size(), 500U);
}

// Whatever ends a batch, the next one begins with the following line: none twice, none left out.
TEST_F(RecordFeedTest, EndsABatchByRecordsAndByBytes) {
  RecordFeed::Options options;
  options.records_max = 3;
  options.bytes_max = 40;
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += std::string(static_cast<std::size_t>(i % 17), static_cast<char>('a' + i % 26)) + "\n";
  }
  read(text, options);
  std::string again;
  for (;;) {
    const auto step = feed->fill(batch);
    ASSERT_TRUE(step.ok());
    EXPECT_LE(batch.lines.size(), 3U);
    EXPECT_LE(batch.bytes, 40U);
    for (const auto& record : batch.request.records) {
      again += std::string(record.data) + "\n";
    }
    if (*step == Step::end) {
      break;
    }
    ASSERT_FALSE(batch.lines.empty());
  }
  EXPECT_EQ(again, text);
}

TEST_F(RecordFeedTest, NamesTheBadLineAndKeepsThoseBefore) {
  read("{\"a\":1}\n{\"a\":2}\n{\"b\":3}\n{\"a\":4}\n", RecordFeed::Options(), "a");
  const auto step = feed->fill(batch);
  ASSERT_FALSE(step.ok());
  EXPECT_EQ(step.error().message, "line 3: it has no member 'a'");
  EXPECT_EQ(data(), (std::vector<std::string>{"{\"a\":1}", "{\"a\":2}"}));
}

TEST_F(RecordFeedTest, RefusesARecordThatTheStreamDoesNotTake) {
  RecordFeed::Options options;
  options.record_bytes_max = 20;
  read("ok\n" + std::string(11, 'x') + "\n", options);  // with its key of 10
  const auto step = feed->fill(batch);
  ASSERT_FALSE(step.ok());
  EXPECT_EQ(step.error().message, "line 2: 21 bytes with the key; the stream takes records of up to 20");
}

}  // namespace
}  // namespace weir::cli
