#include "tests/process/processor_fixture.hpp"

namespace weir::process::testing {
namespace {

using pipelines::OnFailure;

// Who halts wants to look before anything goes on. The record is not passed, all before it is counted, and what else
// was folded beside it is neither lost nor counted twice.
TEST_F(ProcessorTest, HaltsBeforeARecordThatFails) {
  pipeline.policy.on_failure = OnFailure::halt;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  ASSERT_TRUE(settled("s0"));
  ASSERT_TRUE(accept(batch("s1", 1, {"b"})));
  const auto taken = accept(batch("s0", 2, {"a", "bad", "a"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "FailedRecord");
  EXPECT_THAT(taken.error().message, HasSubstr("words/s0/3 failed (Bad: the word is bad)"));
  EXPECT_FALSE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "2"}, {"b", "1"}}));
  EXPECT_EQ(position("s0").after.text(), "2");
  EXPECT_EQ(position("s1").after.text(), "1");
  EXPECT_THAT(dead_letters(), IsEmpty());

  pipeline.policy.on_failure = OnFailure::dead_letter;
  start();
  ASSERT_TRUE(accept(batch("s1", 1, {"b"})));
  ASSERT_TRUE(accept(batch("s0", 2, {"a", "bad", "a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "3"}, {"b", "1"}}));
  EXPECT_THAT(dead_letters(), SizeIs(1));
}

TEST_F(ProcessorTest, HaltsBeforeARecordAtWhichTheUsersCodeThrows) {
  pipeline.policy.on_failure = OnFailure::halt;
  start();
  const auto taken = accept(batch("s0", 1, {"a", "throw", "bad"}));
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("words/s0/2 failed (Exception: "));
  EXPECT_FALSE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
}

// Skipped is not unseen: the count is all that is left of the record.
TEST_F(ProcessorTest, CountsWhatItSkips) {
  pipeline.policy.on_failure = OnFailure::skip;
  std::size_t told = 0;
  context.on_dead_letter = [&](const state::DeadLetter&) { ++told; };
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "bad", "throw", "a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "2"}}));
  EXPECT_EQ(position("s0").after.text(), "4");
  EXPECT_EQ(board.totals().records, 4U);
  EXPECT_EQ(board.totals().skipped, 2U);
  EXPECT_EQ(board.totals().dead_letters, 0U);
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_EQ(told, 0U);
}

// What is wrong is told for as long as it is, with its reason; what is only waiting is well.
TEST(Board, ComplainsOfWhatIsWrongWhileItIs) {
  simulation::VirtualTime time;
  Board::Options options;
  options.clock = &time;
  options.stuck_after = seconds(60);
  Board board(options);
  const auto report = [&](const char* shard, stream::ShardState state, std::string reason) {
    stream::ShardStatus status;
    status.shard = shard;
    status.state = state;
    status.reason = std::move(reason);
    board.report(status);
  };
  report("s0", stream::ShardState::reading, "");
  report("s1", stream::ShardState::waiting_for_parent, "s0 is not read to its end yet");
  EXPECT_THAT(board.complaints(), IsEmpty());
  report("s0", stream::ShardState::retrying, "no connection");
  EXPECT_THAT(board.complaints(), ElementsAre("shard s0 is retrying: no connection"));
  report("s0", stream::ShardState::throttled, "slow down");
  EXPECT_THAT(board.complaints(), IsEmpty()) << "the service asks for patience; nothing is wrong yet";
  time.pass(seconds(59));
  EXPECT_THAT(board.complaints(), IsEmpty());
  time.pass(seconds(1));
  EXPECT_THAT(board.complaints(), ElementsAre("shard s0 has got nowhere for 60 s (throttled: slow down)"));
  board.committed("s0", stream::SequenceNumber("7"));
  EXPECT_THAT(board.complaints(), IsEmpty());
  time.pass(seconds(60));
  EXPECT_THAT(board.complaints(), SizeIs(1));
  report("s0", stream::ShardState::caught_up, "");
  EXPECT_THAT(board.complaints(), IsEmpty());
  board.store_trouble("the disk is full");
  EXPECT_THAT(board.complaints(), ElementsAre("what was read waits: the disk is full"));
  board.count_commit(Board::Totals());
  EXPECT_THAT(board.complaints(), IsEmpty());
  board.halt(refused("Gap", "records were lost"));
  board.halt(refused("Later", "something else"));
  EXPECT_THAT(board.complaints(), ElementsAre("halted: records were lost"));
}

// Whoever asks where a shard stands before its first commit is told what is stored.
TEST(Board, KnowsWhereShardsStandBeforeAnythingIsRead) {
  Board board;
  stream::ShardPosition stored;
  stored.after = stream::SequenceNumber("41");
  board.learn("s0", stored);
  stream::ShardStatus status;
  status.shard = "s0";
  board.report(status);
  EXPECT_EQ(board.shards()["s0"].committed.text(), "41");
  board.committed("s0", stream::SequenceNumber("42"));
  board.report(status);
  EXPECT_EQ(board.shards()["s0"].committed.text(), "42");
}

}  // namespace
}  // namespace weir::process::testing
