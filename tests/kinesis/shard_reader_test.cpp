// How one shard is read: its pace, the memory it holds, what it makes of bad replies, and what it misses.

#include "kinesis/shard_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kinesis/source_fixture.hpp"

namespace weir::kinesis::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t mebibyte = 1024U * 1024;
constexpr int replies_borne = 4;    // strange ones in a row
constexpr int iterators_borne = 2;  // refused ones in a row

class ShardReaderTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    ASSERT_TRUE(kinesis.create("s"));
  }

  // So many reads, from the next on, give their records in the wrong order.
  void turn_around(int count) {
    api.on_records = [count](std::string_view, Result<api::GetRecordsReply>& reply) mutable {
      if (reply && reply->records.size() > 1 && count > 0) {
        --count;
        std::reverse(reply->records.begin(), reply->records.end());
      }
    };
  }
  // So many reads, from the next on, fail like this.
  void fail_reads(int count, Error error) {
    api.on_records = [count, error = std::move(error)](std::string_view, Result<api::GetRecordsReply>& reply) mutable {
      if (count > 0) {
        --count;
        reply = error;
      }
    };
  }
  // Nothing is stored but that the shard was first seen now.
  void see_shard() {
    stored.stream = *time.run(StreamSource::make(config).value()->identify({}));
    stored.start = stream::Start();
    stream::ShardPosition seen;
    seen.read_up_to = time.now();
    seen.from_start = true;
    stored.shards.emplace(shard0, seen);
  }
  Texts large_texts(int count, std::size_t bytes) {
    Texts texts;
    for (int i = 0; i < count; ++i) {
      texts.emplace_back(bytes, static_cast<char>('a' + i));
    }
    return texts;
  }
};

// The shard waited so long (for its parent, or because nobody was running) that its oldest records may be gone.
// There is no position to show it: only when it was first seen tells.
TEST_F(ShardReaderTest, SeesAGapInAShardThatWasNotReadForLongerThanTheRetention) {
  see_shard();
  ASSERT_TRUE(kinesis.put("s", {"lost"}));
  time.pass(hours(25));
  ASSERT_TRUE(kinesis.put("s", {"kept"}));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "Gap");
  ASSERT_THAT(sink.gaps, SizeIs(1));
  EXPECT_EQ(sink.gaps[0].shard, shard0);
  EXPECT_TRUE(sink.gaps[0].from.empty());
  EXPECT_THAT(sink.gaps[0].reason, HasSubstr("not looked at for longer than the stream keeps records"));
  EXPECT_GT(sink.gaps[0].lost_before, sink.gaps[0].noticed - hours(24));
  EXPECT_THAT(sink.texts, IsEmpty());
}

// Within the retention nothing can be missing: a gap would halt every restart after a long night.
TEST_F(ShardReaderTest, SeesNoGapInAShardThatWaitedForLessThanTheRetention) {
  see_shard();
  ASSERT_TRUE(kinesis.put("s", {"kept"}));
  time.pass(hours(23));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, Texts{"kept"});
  EXPECT_THAT(sink.gaps, IsEmpty());
}

// Trimmed, and nothing has come since: no later record will ever show that something is missing. Until it is
// known, the shard is not said to be caught up, which hosts take for "whatever arrived has been read".
TEST_F(ShardReaderTest, SeesAGapWhereNothingFollowsTheTrimmedPosition) {
  sink.halt_on_gap = false;
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  const auto position = stored.shards[shard0].after;
  stored.shards[shard0].read_up_to = time.now();
  ASSERT_TRUE(kinesis.put("s", {"lost"}));
  ASSERT_TRUE(kinesis.trim("s", shard0));
  sink.states.clear();
  start();
  run_while([&] { return sink.gaps.empty(); });
  ASSERT_THAT(sink.gaps, SizeIs(1));
  EXPECT_EQ(sink.gaps[0].from, position);
  EXPECT_TRUE(sink.gaps[0].to.empty());
  EXPECT_FALSE(sink.saw(shard0, ShardState::caught_up));
  read_until(shard0, ShardState::caught_up);
  EXPECT_TRUE(sink.saw(shard0, ShardState::caught_up));
  EXPECT_TRUE(finish());
  EXPECT_THAT(sink.gaps, SizeIs(1)) << "one gap is told once";
  EXPECT_EQ(sink.gaps[0].lost_before, Timestamp()) << "retention does not explain it";
  // Or the run that follows one which ended here would be told of it again.
  EXPECT_GT(stored.shards[shard0].read_up_to, sink.gaps[0].noticed);
}

// The service allows a shard 2 MiB a second, and refuses calls for as long as a page was too large. Whoever
// asks all the same takes the calls from the others who read the shard.
TEST_F(ShardReaderTest, WaitsAsLongAsTheBytesOfAPageAreWorth) {
  ASSERT_TRUE(kinesis.put("s", large_texts(8, mebibyte - 1000), "key"));
  config.poll_interval = milliseconds(1);
  start();
  run_while([&] { return api.reads.size() < 2; });
  ASSERT_GE(api.reads.size(), 2U);
  EXPECT_THAT(sink.texts, SizeIs(8));
  EXPECT_GE(api.reads[1].at - api.reads[0].at, milliseconds(3900));
  EXPECT_LE(api.reads[1].at - api.reads[0].at, milliseconds(4100));
  EXPECT_TRUE(finish());
}

// What all shards fetch at one time is bounded: a thousand shards that are behind would take 10 GiB.
TEST_F(ShardReaderTest, AsksForNoPageBeforeThereIsRoomForIt) {
  emulator::Kinesis other(time);
  Intercepted way(other, time);
  ASSERT_TRUE(other.create("s", 4));
  ASSERT_TRUE(other.put("s", {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}));
  auto slow = fault(Fault::Kind::slow, Operation::get_records);
  slow.delay = milliseconds(100);
  other.faults().add(slow);
  config.client = &way;
  config.buffer_bytes_max = 10 * mebibyte;
  start();
  time.run_for(milliseconds(50));
  EXPECT_THAT(way.reads, SizeIs(1)) << "the first page of each may be as large as the budget";
  read_until(11);
  EXPECT_TRUE(finish());
  EXPECT_THAT(sink.texts, SizeIs(11));
}

// A page is fetched under the largest size it may have. Held on to while the sink works, that size would keep
// out the other shards; forgotten, a page that grew would not be counted.
TEST_F(ShardReaderTest, HoldsOfTheBudgetWhatAPageTrulyTakes) {
  ASSERT_TRUE(kinesis.put("s", {"small"}));
  std::vector<std::size_t> received;
  api.on_records = [&](std::string_view, Result<api::GetRecordsReply>& reply) {
    if (reply && !reply->records.empty()) {
      received.push_back(reply->wire_bytes);
    }
  };
  start();
  read_until(1);
  ASSERT_TRUE(kinesis.put("s", large_texts(4, mebibyte / 2), "key"));
  read_until(5);
  EXPECT_TRUE(finish());
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_LT(received[0], 1000U);
  EXPECT_GT(received[1], 2 * mebibyte);
  EXPECT_EQ(sink.lease_bytes, received);
}

// With a budget of one page, whatever is not given back is waited for by the shard itself, for ever.
TEST_F(ShardReaderTest, GivesBackTheRoomOfAPageThatFailedToCome) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  config.buffer_bytes_max = 10 * mebibyte;
  add(fault(Fault::Kind::internal_failure, Operation::get_records, 3));
  start();
  read_until(1);
  EXPECT_EQ(sink.texts, Texts{"a"});
  EXPECT_TRUE(finish());
}

TEST_F(ShardReaderTest, GivesBackTheRoomOfAPageWithoutRecords) {
  config.buffer_bytes_max = 10 * mebibyte;
  api.on_records = [](std::string_view, Result<api::GetRecordsReply>& reply) {
    if (reply && reply->records.empty()) {
      reply->wire_bytes = 9 * mebibyte;  // whatever it was that came
    }
  };
  start();
  read_until(shard0, ShardState::caught_up);
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  read_until(1);
  EXPECT_EQ(sink.texts, Texts{"a"});
  EXPECT_TRUE(finish());
}

// A page of records out of order has taken its room; refused, it must not keep it while the next is asked for.
TEST_F(ShardReaderTest, GivesBackTheRoomOfAPageThatIsRefused) {
  ASSERT_TRUE(kinesis.put("s", large_texts(5, mebibyte - 1000), "key"));
  config.buffer_bytes_max = 10 * mebibyte;
  turn_around(1);
  start();
  read_until(5);
  EXPECT_THAT(sink.texts, SizeIs(5));
  EXPECT_TRUE(finish());
}

// An end without children that holds no records is asked for again: it too has taken room.
TEST_F(ShardReaderTest, GivesBackTheRoomOfAnEndThatIsNotBelieved) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  config.buffer_bytes_max = 10 * mebibyte;
  bool bare = false;
  api.on_records = [&](std::string_view, Result<api::GetRecordsReply>& reply) {
    if (reply && !std::exchange(bare, true)) {
      reply = api::GetRecordsReply();
      reply->wire_bytes = 9 * mebibyte;
    }
  };
  start();
  read_until(1);
  EXPECT_EQ(sink.texts, Texts{"a"});
  EXPECT_TRUE(finish());
}

// While the sink works on a page the next one comes, or half the time would be spent waiting. Only one: what is
// fetched and not taken in is memory, and read again after a crash.
TEST_F(ShardReaderTest, FetchesOnePageAheadOfTheSinkAndNoMore) {
  config.keep_quotas = false;
  config.records_per_call = 1;
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c", "d", "e"}));
  sink.before_accepting = [this](const stream::Batch&) { return time.sleep(seconds(10), std::stop_token()); };
  start();
  time.run_for(seconds(5));
  EXPECT_THAT(sink.texts, IsEmpty());
  EXPECT_THAT(api.reads, SizeIs(2));
  read_until(1);
  time.run_for(seconds(5));
  EXPECT_EQ(sink.texts, Texts{"a"});
  EXPECT_THAT(api.reads, SizeIs(3));
  read_until(5);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b", "c", "d", "e"}));
}

// Sequence numbers grow within a shard. A page in another order, handed on, would move the position past records
// that come later; refused, it is asked for again.
TEST_F(ShardReaderTest, RefusesAPageOutOfOrderAndAsksAgain) {
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c"}));
  turn_around(replies_borne);
  start();
  read_until(3);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b", "c"}));
  EXPECT_THAT(sink.reason_of(shard0, ShardState::retrying), HasSubstr("out of order"));
}

// A service that goes on like this is not one: the shard fails, and says why.
TEST_F(ShardReaderTest, FailsWhenOnlyPagesOutOfOrderCome) {
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c"}));
  turn_around(1000);
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().next, Next::corrupt);
  EXPECT_EQ(failed.error().code, "BadSequence");
  EXPECT_THAT(api.reads, SizeIs(replies_borne + 1));
  EXPECT_THAT(sink.texts, IsEmpty());
  EXPECT_THAT(sink.reason_of(shard0, ShardState::failed), HasSubstr("out of order"));
}

// A bad page now and then, over weeks, must not add up to a failed shard.
TEST_F(ShardReaderTest, CountsBadPagesInARow) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(kinesis.put("s", {"a", "b"}));
    turn_around(replies_borne);
    if (i == 0) {
      start();
    }
    read_until(sink.texts.size() + 2);
    ASSERT_FALSE(outcome) << "after " << i;
  }
  EXPECT_TRUE(finish());
  EXPECT_THAT(sink.texts, SizeIs(6));
}

// An iterator that the service does not take is replaced; a service that takes none of them is said to.
TEST_F(ShardReaderTest, ReplacesARefusedIterator) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  fail_reads(iterators_borne, refused("InvalidArgumentException", "Invalid ShardIterator."));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, Texts{"a"});
  EXPECT_THAT(api.opened[shard0], SizeIs(iterators_borne + 1));
}

TEST_F(ShardReaderTest, FailsWhenEveryIteratorIsRefused) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  fail_reads(1000, refused("InvalidArgumentException", "Invalid ShardIterator."));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "InvalidArgumentException");
  EXPECT_THAT(api.reads, SizeIs(iterators_borne + 1));
  EXPECT_THAT(sink.reason_of(shard0, ShardState::failed), HasSubstr("Invalid ShardIterator"));
}

// What a person must mend is not retried: it is said, with the shard and the reason.
TEST_F(ShardReaderTest, FailsAtOnceWhenReadingIsRefused) {
  fail_reads(1, refused("AccessDeniedException", "not allowed to kinesis:GetRecords"));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "AccessDeniedException");
  EXPECT_THAT(sink.reason_of(shard0, ShardState::failed), HasSubstr("not allowed to kinesis:GetRecords"));
}

TEST_F(ShardReaderTest, SaysWhyAShardCannotBeOpened) {
  const auto before = *StreamSource::make(config);
  stored.stream = *time.run(before->identify({}));
  stored.start.emplace();
  stored.start->type = stream::Start::Type::at_sequence_number;
  stored.start->shard = shard0;
  stored.start->sequence_number = stream::SequenceNumber("12");
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "InvalidArgumentException");
  EXPECT_THAT(sink.reason_of(shard0, ShardState::failed), HasSubstr("did not come from this stream"));
}

// The service says how long it wants to be left alone. Asked again at once, it throttles everybody.
TEST_F(ShardReaderTest, WaitsAsLongAsTheServiceAsksFor) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  Error busy(Next::retry, "ServiceUnavailable", "come back later");
  busy.retry_after = seconds(7);
  fail_reads(1, busy);
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  ASSERT_GE(api.reads.size(), 2U);
  EXPECT_GE(api.reads[1].at - api.reads[0].at, seconds(7));
  EXPECT_LE(api.reads[1].at - api.reads[0].at, seconds(8));
}

}  // namespace
}  // namespace weir::kinesis::testing
