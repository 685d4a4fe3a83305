#include "cli/putter.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "capture.hpp"
#include "cli/dead_letter_copies.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/simulation/virtual_time.hpp"

namespace weir::cli {
namespace {

using emulator::Fault;
using emulator::Operation;

struct PutterTest : ::testing::Test {
  simulation::VirtualTime time;
  emulator::Kinesis kinesis{time};
  Capture file;
  std::unique_ptr<LineReader> lines;
  std::unique_ptr<RecordFeed> feed;
  std::unique_ptr<Putter> putter;

  void SetUp() override { ASSERT_TRUE(kinesis.create("s", 4).ok()); }

  Result<void> put(const std::string& text, const std::string& key = "", std::stop_token stop = {}) {
    EXPECT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::lseek(file.descriptor(), 0, SEEK_SET);
    std::optional<KeyFinder> finder;
    if (!key.empty()) {
      finder.emplace(*KeyFinder::of(key));
    }
    lines = std::make_unique<LineReader>(file.descriptor());
    feed = std::make_unique<RecordFeed>(*lines, std::move(finder), Random(1));
    putter = std::make_unique<Putter>(kinesis, time, *feed, *lines, "s", Random(2));
    return time.run(putter->run(std::move(stop)));
  }
  void fail(Fault::Kind kind, std::optional<std::uint64_t> times, double probability, std::uint64_t after = 0) {
    Fault fault;
    fault.kind = kind;
    fault.calls = {Operation::put_records};
    fault.times = times;
    fault.probability = probability;
    fault.after = after;
    kinesis.faults().add(fault);
  }
  std::vector<std::string> stored(const std::string& stream = "s") {
    std::vector<std::string> all;
    const auto log = kinesis.log(stream);
    EXPECT_TRUE(log.ok());
    for (const auto& shard : *log) {
      for (const auto& record : shard.records) {
        all.push_back(record.data);
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  static std::pair<std::string, std::vector<std::string>> numbers(int count) {
    std::string text;
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(std::to_string(i));
      text += all.back() + "\n";
    }
    std::sort(all.begin(), all.end());
    return {text, all};
  }
};

TEST_F(PutterTest, PutsEveryLineOnce) {
  const auto [text, all] = numbers(5001);
  ASSERT_TRUE(put(text).ok());
  EXPECT_EQ(stored(), all);
  EXPECT_EQ(putter->totals().records, 5001U);
  EXPECT_EQ(kinesis.calls(Operation::put_records), 11U);
}

// HTTP 200 does not mean stored: the failed entries alone go out again, or records are lost or doubled.
TEST_F(PutterTest, SendsFailedEntriesAgainUntilAllAreStored) {
  fail(Fault::Kind::failed_entries, std::nullopt, 0.4);
  const auto [text, all] = numbers(3000);
  ASSERT_TRUE(put(text).ok());
  EXPECT_EQ(stored(), all);
  EXPECT_EQ(putter->totals().records, 3000U);
  EXPECT_GT(kinesis.calls(Operation::put_records), 6U);
}

// A shard that takes nothing for long must not keep the command for ever.
TEST_F(PutterTest, GivesUpWhenNothingIsStoredAgainAndAgain) {
  fail(Fault::Kind::failed_entries, std::nullopt, 1);
  const auto outcome = put("a\nb\n");
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().message.starts_with("lines 1 to 2: the service stored none of them in 10 attempts: "))
      << outcome.error().message;
  EXPECT_EQ(putter->totals().records, 0U);
  EXPECT_LT(time.elapsed(), std::chrono::minutes(2));
}

// A whole call that was throttled stored nothing: it deserves the patience that its entries get.
TEST_F(PutterTest, SendsAThrottledCallAgain) {
  fail(Fault::Kind::throttle, 9, 1);
  ASSERT_TRUE(put("a\n").ok());
  EXPECT_EQ(stored(), std::vector<std::string>{"a"});
  EXPECT_EQ(kinesis.calls(Operation::put_records), 10U);
}

TEST_F(PutterTest, GivesUpWhenEveryCallIsThrottled) {
  fail(Fault::Kind::throttle, std::nullopt, 1);
  const auto outcome = put("a\n");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, "ProvisionedThroughputExceededException");
  EXPECT_EQ(outcome.error().message,
            "line 1: the service stored none of them in 10 attempts: Rate exceeded for stream s under account "
            "000000000000.");
  EXPECT_EQ(kinesis.calls(Operation::put_records), 10U);
}

// A call that failed as a whole may have taken effect: repeating it is the client's decision.
TEST_F(PutterTest, DoesNotRepeatACallThatFailedAsAWhole) {
  fail(Fault::Kind::lost_reply, 1, 1);
  const auto outcome = put("a\n");
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().message.starts_with("line 1: ")) << outcome.error().message;
  EXPECT_EQ(kinesis.calls(Operation::put_records), 1U);
  EXPECT_EQ(putter->lines_in_doubt(), (std::vector<Putter::LineRange>{{1, 1}}));
  EXPECT_EQ(stored(), std::vector<std::string>{"a"});
}

// Putting goes on from the reported line: the lines before it must all be there, and none after.
TEST_F(PutterTest, PutsTheLinesBeforeABadOneAndNoneAfter) {
  std::string text;
  for (int i = 1; i <= 2000; ++i) {
    text += i == 1234 ? std::string("{}\n") : "{\"k\":" + std::to_string(i) + "}\n";
  }
  const auto outcome = put(text, "k");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().message, "line 1234: it has no member 'k'");
  EXPECT_EQ(putter->first_line_left(), 1234U);
  EXPECT_FALSE(putter->put_later_lines());
  EXPECT_EQ(stored().size(), 1233U);
  EXPECT_EQ(putter->totals().records, 1233U);
}

// With several calls under way, a later one may succeed: that must be admitted.
TEST_F(PutterTest, AdmitsThatLaterLinesWerePut) {
  fail(Fault::Kind::slow, std::nullopt, 1);  // so that all are under way at once
  fail(Fault::Kind::internal_failure, 1, 1, 1);  // the second call
  const auto outcome = put(numbers(2000).first);
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().message.starts_with("lines 501 to 1000: ")) << outcome.error().message;
  EXPECT_EQ(putter->first_line_left(), 501U);
  EXPECT_TRUE(putter->put_later_lines());
  EXPECT_EQ(putter->totals().records, 1500U);
}

TEST_F(PutterTest, SendsNothingOnceAskedToStop) {
  std::stop_source stop;
  stop.request_stop();
  const auto outcome = put("a\n", "", stop.get_token());
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().is_stopped());
  EXPECT_EQ(putter->first_line_left(), 1U);
  EXPECT_TRUE(stored().empty());
}

// A call whose answer is lost may have been taken: whoever believes "nothing after" puts its lines again, and
// they are there twice. Calls that were refused for certain are not in doubt.
TEST_F(PutterTest, TellsTheLinesOfUnansweredCallsFromThoseThatWereNotTaken) {
  fail(Fault::Kind::slow, std::nullopt, 1);         // so that all are under way at once
  fail(Fault::Kind::lost_reply, 2, 1, 1);           // the second and third call take effect
  fail(Fault::Kind::throttle, std::nullopt, 1, 1);  // the fourth and later do not, ever
  const auto outcome = put(numbers(2200).first);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(putter->first_line_left(), 501U);
  EXPECT_EQ(putter->lines_in_doubt(), (std::vector<Putter::LineRange>{{501, 1500}}));
  EXPECT_EQ(putter->totals().records, 500U);
  EXPECT_EQ(putter->totals().in_doubt, 1000U);
  EXPECT_EQ(putter->last_line_sent(), 2200U);
  EXPECT_EQ(stored().size(), 1500U);
}

// Copies go out before the commit that stores the letters: none may be left out, whatever their size.
TEST_F(PutterTest, CopiesEveryDeadLetter) {
  fail(Fault::Kind::failed_entries, std::nullopt, 0.3);
  std::vector<state::DeadLetter> letters(1201);
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    letters[i].partition_key = "k" + std::to_string(i);
    letters[i].payload = i == 0 ? std::string() : std::to_string(i) + std::string(i < 15 ? 900'000 : 0, 'x');
    payloads.push_back(letters[i].payload);
  }
  std::sort(payloads.begin(), payloads.end());
  DeadLetterCopies copies(kinesis, time, "s");
  ASSERT_TRUE(time.run(copies.copy(letters, std::stop_token())).ok());
  EXPECT_TRUE(stored() == payloads);
}

// The processor tries a commit again after `retry` alone; anything else halts the pipeline.
TEST_F(PutterTest, SaysWhetherCopyingMaySucceedLater) {
  std::vector<state::DeadLetter> letters(1);
  letters[0].partition_key = "k";
  fail(Fault::Kind::internal_failure, 1, 1);
  DeadLetterCopies copies(kinesis, time, "s");
  EXPECT_EQ(time.run(copies.copy(letters, std::stop_token())).error().next, Next::retry);
  DeadLetterCopies nowhere(kinesis, time, "absent");
  const auto refused = time.run(nowhere.copy(letters, std::stop_token()));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().next, Next::refused);
  EXPECT_NE(refused.error().message.find("absent"), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
