// The service's limits, quotas and checks that a program meets late, on a large account or a large stream. A local
// endpoint that is laxer than the service lets it pass until production.
#include <string>

#include "emulator/sequence.hpp"
#include "support.hpp"

namespace weir::emulator {
namespace {

struct LimitsTest : testing::Test {
  ManualClock clock;
};

// Keys count as data does: a batch of small records with long keys is refused by the service at the same size.
TEST_F(LimitsTest, OfARequestCountKeys) {
  Kinesis::Options options;
  options.request_bytes_max = 1'000;
  Kinesis kinesis(clock, options);
  Caller call(kinesis);
  must(kinesis.create("s"));
  const std::string data(400, 'x'), key(100, 'k'), longer(101, 'k');
  std::vector<api::PutRecordsEntry> entries(2);
  entries[0].data = entries[1].data = data;
  entries[0].partition_key = entries[1].partition_key = key;
  EXPECT_TRUE(call.put_records("s", entries).ok());
  entries[1].partition_key = longer;
  EXPECT_EQ(code(call.put_records("s", entries)), "InvalidArgumentException");
}

TEST_F(LimitsTest, OfAReplyCountKeys) {
  Kinesis::Options options;
  options.reply_bytes_max = 1'000;
  Kinesis kinesis(clock, options);
  Caller call(kinesis);
  must(kinesis.create("s"));
  must(kinesis.put("s", Texts(4, std::string(250, 'x')), std::string(250, 'k')));
  EXPECT_EQ(must(call.read("s", shard_0)).records.size(), 2U);
}

// Every way to more shards meets the quota, not creation alone.
TEST_F(LimitsTest, OfShardsHoldForSplitsAndScalingToo) {
  Kinesis::Options options;
  options.shards_max = 3;
  Kinesis kinesis(clock, options);
  Caller call(kinesis);
  must(call.create("s", 2));
  EXPECT_EQ(code(call.scale("s", 4)), "LimitExceededException");
  EXPECT_EQ(code(call.create("t", 2)), "LimitExceededException");
  EXPECT_TRUE(call.split("s", shard_0, "1").ok());
  EXPECT_EQ(code(call.split("s", shard_1, "340282366920938463463374607431768211454")), "LimitExceededException");
  EXPECT_EQ(must(call.describe("s")).open_shard_count, 3U);
}

TEST_F(LimitsTest, OfStreamsHold) {
  Kinesis::Options options;
  options.streams_max = 2;
  Kinesis kinesis(clock, options);
  Caller call(kinesis);
  must(call.create("a", 1));
  must(call.create("b", 1));
  EXPECT_EQ(code(call.create("c", 1)), "LimitExceededException");
}

// Who lists without a limit gets a hundred, and must ask again: a program that forgets works until the hundred
// and first stream.
TEST_F(LimitsTest, OfAListOfStreamsIsAHundredUnlessAsked) {
  Kinesis kinesis(clock);
  for (int i = 0; i < 101; ++i) {
    must(kinesis.create("stream-" + std::to_string(1'000 + i)));
  }
  api::ListStreamsRequest request;
  const auto first = must(run(kinesis.list_streams(request, {})));
  EXPECT_EQ(first.names.size(), 100U);
  EXPECT_TRUE(first.has_more);
  request.exclusive_start_stream_name = first.names.back();
  const auto second = must(run(kinesis.list_streams(request, {})));
  EXPECT_EQ(second.names, Texts{"stream-1100"});
  EXPECT_FALSE(second.has_more);
}

// Two names of one stream that disagree are a mistake that somebody must see, not a choice to make for them.
TEST_F(LimitsTest, NamesThatContradictEachOtherAreRefused) {
  Kinesis kinesis(clock);
  Caller call(kinesis);
  must(kinesis.create("s"));
  must(kinesis.create("t"));
  api::StreamRef both;
  both.name = "s";
  both.arn = must(call.describe("s")).arn;
  EXPECT_TRUE(run(kinesis.describe_stream_summary(both, {})).ok());
  both.name = "t";
  EXPECT_EQ(code(run(kinesis.describe_stream_summary(both, {}))), "InvalidArgumentException");

  api::GetRecordsRequest read;
  read.shard_iterator = must(call.iterator("s", shard_0));
  read.stream_arn = must(call.describe("s")).arn;
  EXPECT_TRUE(run(kinesis.get_records(read, {})).ok());
  read.stream_arn = must(call.describe("t")).arn;
  EXPECT_EQ(code(run(kinesis.get_records(read, {}))), "InvalidArgumentException");
}

TEST_F(LimitsTest, ASequenceNumberForOrderingMustBeOne) {
  Kinesis kinesis(clock);
  must(kinesis.create("s"));
  api::PutRecordRequest put;
  put.stream = named("s");
  put.record.data = "a";
  put.record.partition_key = "k";
  put.sequence_number_for_ordering = "4957";
  EXPECT_TRUE(run(kinesis.put_record(put, {})).ok());
  put.sequence_number_for_ordering = "the last one";
  EXPECT_EQ(code(run(kinesis.put_record(put, {}))), "ValidationException");
}

// A reader that takes the number before plus one for the next works against numbers without gaps, and skips or
// repeats records on the service.
TEST_F(LimitsTest, CountersOfNeighboursLeaveGaps) {
  Kinesis kinesis(clock);
  must(kinesis.create("s"));
  std::uint64_t last = 0, longest = 0;
  for (const auto& number : must(kinesis.put("s", Texts(200, "x")))) {
    const auto parts = decode_sequence(number);
    ASSERT_TRUE(parts);
    ASSERT_GT(parts->counter, last);
    longest = std::max(longest, parts->counter - last);
    last = parts->counter;
  }
  EXPECT_GT(longest, 1U);
}

// An iterator opened before holds no records in place: what the retention takes goes from under it. Else a reader
// that sleeps for two days sees here what AWS has dropped.
TEST_F(LimitsTest, ARetentionHoldsForIteratorsOpenedBefore) {
  Kinesis::Options options;
  options.iterator_life = std::chrono::hours(100);
  Kinesis kinesis(clock, options);
  Caller call(kinesis);
  must(kinesis.create("s"));
  must(kinesis.put("s", {"old"}));
  const auto iterator = must(call.iterator("s", shard_0));
  clock.advance(std::chrono::hours(12));
  must(kinesis.put("s", {"new"}));
  EXPECT_EQ(texts(must(call.get(iterator))), (Texts{"old", "new"}));
  clock.advance(std::chrono::hours(12) + std::chrono::milliseconds(1));
  EXPECT_EQ(texts(must(call.get(iterator))), Texts{"new"});
}

}  // namespace
}  // namespace weir::emulator
