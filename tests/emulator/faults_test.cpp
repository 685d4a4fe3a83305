#include "weir/emulator/faults.hpp"

#include <chrono>
#include <fstream>
#include <iterator>
#include <set>

#include "support.hpp"

namespace weir::emulator {
namespace {

using Kind = Fault::Kind;

struct FaultsTest : testing::Test {
  ManualClock clock;
  Kinesis kinesis{clock};
  Caller call{kinesis};

  void add(Kind kind, std::uint64_t times = 1, std::vector<Operation> calls = {}) {
    Fault fault;
    fault.kind = kind;
    fault.times = times;
    fault.calls = std::move(calls);
    kinesis.faults().add(fault);
  }
  void SetUp() override { must(kinesis.create("s", 2)); }
};

TEST_F(FaultsTest, ThrottlesRecordsAndStreamsByTheirOwnNames) {
  add(Kind::throttle, 2);
  const auto put = call.put("s", "a");
  ASSERT_EQ(code(put), "ProvisionedThroughputExceededException");
  EXPECT_TRUE(put.error().throttled);
  EXPECT_EQ(put.error().next, Next::retry);
  EXPECT_EQ(put.error().message.find("  "), std::string::npos) << "a call that names no shard: " << put.error().message;
  EXPECT_EQ(code(call.describe("s")), "LimitExceededException");
  EXPECT_TRUE(call.put("s", "a").ok());
}

TEST_F(FaultsTest, FailsAsTheServiceWithNothingDone) {
  for (const auto& [kind, name] :
       {std::pair(Kind::internal_failure, "InternalFailure"), std::pair(Kind::unavailable, "ServiceUnavailable"),
        std::pair(Kind::cut, "ConnectionClosed")}) {
    add(kind);
    const auto put = call.put("s", "a", "k", "0");
    ASSERT_EQ(code(put), name);
    EXPECT_EQ(put.error().next, Next::retry);
  }
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{});
}

// The retry that follows stores the record twice: who cannot live with that must find out here.
TEST_F(FaultsTest, LosesTheReplyAfterTheEffect) {
  for (const Kind kind : {Kind::lost_reply, Kind::truncated}) {
    add(kind, 1, {Operation::put_record});
    const auto put = call.put("s", "a", "k", "0");
    ASSERT_EQ(code(put), "ConnectionClosed");
    EXPECT_EQ(put.error().next, Next::retry);
  }
  EXPECT_EQ(texts(must(call.read("s", shard_0))), (Texts{"a", "a"}));
}

TEST_F(FaultsTest, DelaysACallByTheClock) {
  Fault fault;
  fault.kind = Kind::slow;
  fault.delay = std::chrono::milliseconds(250);
  fault.times = 1;
  kinesis.faults().add(fault);
  add(Kind::throttle);
  const auto before = clock.now();
  EXPECT_EQ(code(call.put("s", "a")), "ProvisionedThroughputExceededException");
  EXPECT_EQ(clock.now() - before, fault.delay);
}

TEST_F(FaultsTest, ExpiresIteratorsOfReadsAlone) {
  add(Kind::expired_iterator);
  const std::string iterator = must(call.iterator("s", shard_0));
  const auto reply = call.get(iterator);
  ASSERT_EQ(code(reply), "ExpiredIteratorException");
  EXPECT_EQ(reply.error().next, Next::reopen);
  EXPECT_TRUE(call.get(iterator).ok());
}

// "Empty with an iterator" is no end and no caught-up: a reader must go on.
TEST_F(FaultsTest, AnswersEmptyInTheMiddleOfAShard) {
  must(call.put("s", "a", "k", "0"));
  clock.advance(std::chrono::seconds(3));
  add(Kind::empty_reply);
  const auto empty = must(call.read("s", shard_0));
  EXPECT_EQ(texts(empty), Texts{});
  EXPECT_EQ(empty.behind, std::chrono::seconds(3));
  EXPECT_EQ(texts(must(call.get(*empty.next_shard_iterator))), Texts{"a"});
}

TEST_F(FaultsTest, FailsSomeEntriesOfAPut) {
  Fault fault;
  fault.kind = Kind::failed_entries;
  fault.shard = shard_1;
  fault.times = 1;
  kinesis.faults().add(fault);
  const std::string last = "340282366920938463463374607431768211455";
  std::vector<api::PutRecordsEntry> entries(2);
  for (auto& entry : entries) {
    entry.data = "a";
    entry.partition_key = "k";
    entry.explicit_hash_key = "0";
  }
  entries[1].explicit_hash_key = last;
  const auto reply = must(call.put_records("s", entries));
  EXPECT_EQ(reply.failed_count, 1U);
  EXPECT_EQ(reply.results[0].error_code, "");
  EXPECT_EQ(reply.results[1].error_code, "ProvisionedThroughputExceededException");
  EXPECT_EQ(reply.results[1].sequence_number, "");
  EXPECT_EQ(must(call.put_records("s", entries)).failed_count, 0U);
}

TEST_F(FaultsTest, TrimsAShardUnderItsReader) {
  must(call.put("s", "a", "k", "0"));
  const auto number = must(call.put("s", "b", "k", "0")).sequence_number;
  Fault fault;
  fault.kind = Kind::trim;
  fault.calls = {Operation::get_shard_iterator};
  fault.trimmed_answer = TrimmedAnswer::error;
  fault.times = 1;
  kinesis.faults().add(fault);
  EXPECT_EQ(code(call.iterator("s", shard_0, api::IteratorType::after_sequence_number, number)),
            "InvalidArgumentException");
  must(call.put("s", "c", "k", "0"));
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{"c"});
}

TEST_F(FaultsTest, MakesAStreamAgainUnderItsReader) {
  must(call.put("s", "a", "k", "0"));
  const auto created = must(call.describe("s")).created;
  const std::string iterator = must(call.iterator("s", shard_0));
  add(Kind::made_again, 1, {Operation::get_records});
  EXPECT_EQ(code(call.get(iterator)), "ResourceNotFoundException");
  EXPECT_GT(must(call.describe("s")).created, created);
}

TEST_F(FaultsTest, MatchesByStreamShardAndCount) {
  must(kinesis.create("other"));
  Fault fault;
  fault.kind = Kind::internal_failure;
  fault.calls = {Operation::get_records, Operation::get_shard_iterator};
  fault.stream = "s";
  fault.shard = shard_1;
  fault.after = 2;
  fault.times = 2;
  kinesis.faults().add(fault);
  EXPECT_TRUE(call.read("s", shard_0).ok());
  EXPECT_TRUE(call.read("other", shard_0).ok());
  const auto iterator = must(call.iterator("s", shard_1));
  EXPECT_TRUE(call.get(iterator).ok());
  EXPECT_EQ(code(call.get(iterator)), "InternalFailure");
  EXPECT_EQ(code(call.iterator("s", shard_1)), "InternalFailure");
  EXPECT_TRUE(call.get(iterator).ok());
  EXPECT_EQ(kinesis.faults().struck(), 2U);
  EXPECT_EQ(kinesis.faults().struck(Kind::internal_failure), 2U);
  EXPECT_EQ(kinesis.faults().struck(Kind::cut), 0U);
}

// A failure found with a seed must come back with it.
TEST_F(FaultsTest, StrikesTheSameCallsWithTheSameSeed) {
  const auto struck = [&](std::uint64_t seed) {
    kinesis.faults().clear();
    kinesis.faults().reseed(seed);
    Fault fault;
    fault.kind = Kind::throttle;
    fault.probability = 0.3;
    kinesis.faults().add(fault);
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
      pattern.push_back(call.put("s", "a").ok() ? '.' : 'x');
    }
    return pattern;
  };
  const std::string first = struck(7);
  EXPECT_EQ(first, struck(7));
  EXPECT_NE(first, struck(8));
  const auto count = std::count(first.begin(), first.end(), 'x');
  EXPECT_GT(count, 30);
  EXPECT_LT(count, 90);
}

TEST(FaultsFile, ReadsTheExample) {
  const auto script = must(read_faults(std::string(WEIR_SOURCE_DIR "/examples/faults.yaml")));
  EXPECT_GE(script.faults.size(), 5U);
}

// What a page shows is typed off: each of its examples must be one.
TEST(FaultsFile, ReadsTheExamplesOfItsPage) {
  std::ifstream file(WEIR_SOURCE_DIR "/docs/faults.md");
  std::string page((std::istreambuf_iterator<char>(file)), {});
  std::set<std::string_view> kinds;
  const std::string mark = "```yaml\n";
  for (auto at = page.find(mark); at != std::string::npos; at = page.find(mark, at)) {
    at += mark.size();
    const auto script = must(parse_faults(page.substr(at, page.find("```", at) - at), "faults.md"));
    for (const auto& fault : script.faults) {
      kinds.insert(to_string(fault.kind));
    }
  }
  EXPECT_EQ(kinds.size(), 12U) << "one of each kind";
}

TEST(FaultsFile, ReadsEveryMember) {
  const auto script = must(parse_faults(
      "seed: 7\nfaults:\n"
      "  - {fault: throttle, call: [GetRecords, GetShardIterator], stream: s, shard: shardId-000000000001, "
      "after: 10, times: 3, "
      "probability: 0.25}\n"
      "  - {fault: slow, delay: 2s}\n"
      "  - {fault: trim, call: GetRecords, answer: empty}\n",
      "f.yaml"));
  EXPECT_EQ(script.seed, 7U);
  ASSERT_EQ(script.faults.size(), 3U);
  const Fault& first = script.faults[0];
  EXPECT_EQ(first.kind, Kind::throttle);
  EXPECT_EQ(first.calls, (std::vector{Operation::get_records, Operation::get_shard_iterator}));
  EXPECT_EQ(first.stream, "s");
  EXPECT_EQ(first.shard, shard_1);
  EXPECT_EQ(first.after, 10U);
  EXPECT_EQ(first.times, 3U);
  EXPECT_EQ(first.probability, 0.25);
  EXPECT_EQ(script.faults[1].delay, std::chrono::seconds(2));
  EXPECT_EQ(script.faults[2].trimmed_answer, TrimmedAnswer::empty);
}

// A typing mistake that is passed over makes a fault that never strikes, and a test that proves nothing.
TEST(FaultsFile, NamesAMistakeWithItsPlaceAndWhatWasExpected) {
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"faults:\n  - fault: throtle\n", "f.yaml:2:12: found 'throtle', expected one of throttle, "},
      {"faults:\n  - fault: cut\n    cal: PutRecord\n", "f.yaml:3:5: found 'cal', expected one of fault, call, "},
      {"faults:\n  - fault: cut\n    times: -1\n", "f.yaml:3:12: found '-1', expected a whole number"},
      {"faults:\n  - fault: cut\n    probability: 2\n", "f.yaml:3:18: found '2', expected a probability"},
      {"faults:\n  - fault: slow\n    delay: 5\n", "f.yaml:3:12: found '5', expected a time"},
      {"faults:\n  - fault: cut\n    times: 0\n", "f.yaml:3:12: found '0', expected a whole number from 1"},
      {"faults:\n  - fault: cut\n    probability: 0\n", "f.yaml:3:18: found '0', expected a probability above 0"},
      {"faults:\n  - fault: cut\n    call: []\n", "f.yaml:3:11: found no call, expected at least one"},
      {"faults:\n  - fault: cut\n    call: ListStreams\n    shard: shardId-000000000000\n",
       "f.yaml:4:12: found `shard` with ListStreams, expected it with calls that name one: GetShardIterator, "},
      {"faults:\n  - fault: throttle\n    call: [GetRecords, PutRecord]\n    shard: shardId-000000000000\n",
       "f.yaml:4:12: found `shard` with PutRecord, "},
      {"faults:\n  - fault: cut\n    call: ListStreams\n    stream: s\n",
       "f.yaml:4:13: found `stream` with ListStreams, "},
      {"faults:\n  - fault: cut\n    stream: no such!\n", "f.yaml:3:13: found 'no such!', expected a stream's name"},
      {"faults:\n  - fault: cut\n    shard: a\n", "f.yaml:3:12: found 'a', expected a shard's id, as shardId-0"},
      {"faults:\n  - fault: \"a\\eb\"\n", "f.yaml:2:12: found 'a?b', expected one of throttle"},
      {"faults:\n  - fault: cut\n    delay: 5s\n", "f.yaml:3:12: found `delay` with cut"},
      {"faults:\n  - fault: cut\n    answer: empty\n", "f.yaml:3:13: found `answer` with cut"},
      {"faults:\n  - fault: cut\n    call: Put\n", "f.yaml:3:11: found 'Put', expected a call that can meet cut: "},
      {"faults:\n  - fault: trim\n    call: PutRecord\n", "f.yaml:3:11: found 'PutRecord', expected a call"},
      {"faults:\n  - fault: trim\n    answer: none\n", "f.yaml:3:13: found 'none', expected one of oldest, "},
      {"faults:\n  - call: PutRecord\n", "f.yaml:2:5: found no `fault`"},
      {"faults:\n  - cut\n", "f.yaml:2:5: found 'cut', expected a map"},
      {"faults:\n  - fault: cut\n    fault: cut\n", "f.yaml:3:5: found 'fault' again"},
      {"faults: cut\n", "f.yaml:1:9: found 'cut', expected a list"},
      {"seed: 1\n", "f.yaml:1:1: found no `faults`"},
      {"seed: x\nfaults: []\n", "f.yaml:1:7: found 'x', expected a whole number"},
      {"- 1\n", "f.yaml:1:1: found a list, expected a map"},
      {"", "f.yaml:1:1: found nothing, expected a map"},
      {"faults: [\n", "f.yaml:2:1: found no YAML"},
  };
  for (const auto& [text, expected] : mistakes) {
    const auto script = parse_faults(text, "f.yaml");
    ASSERT_FALSE(script.ok()) << text;
    EXPECT_NE(script.error().message.find(expected), std::string::npos) << text << "\n" << script.error().message;
    EXPECT_EQ(script.error().next, Next::refused);
  }
  EXPECT_FALSE(read_faults("/no/such/file.yaml").ok());
}

}  // namespace
}  // namespace weir::emulator
