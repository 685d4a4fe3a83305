#include "weir/process/letters.hpp"

#include "tests/process/processor_fixture.hpp"

namespace weir::process::testing {
namespace {

class LettersTest : public ProcessorTest {
 protected:
  void fail(const Words& words) {
    start();
    ASSERT_TRUE(accept(batch("s0", 1, words)));
    ASSERT_TRUE(close());
  }
  Result<LetterOutcome> replay(std::vector<state::LetterId> ids = {}) {
    return time.run(replay_letters(store, pipeline, "test:words", std::move(ids), progress));
  }
  Result<LetterOutcome> drop(std::vector<state::LetterId> ids = {}) {
    return time.run(drop_letters(store, pipeline, "test:words", std::move(ids), progress));
  }

  LetterProgress progress = [](const LetterOutcome&) -> Task<void> { co_return Result<void>(); };
};

// The code was mended: what had failed counts now, once, and is a dead letter no more.
TEST_F(LettersTest, BringsHomeWhatFailsNoMore) {
  fail({"a", "bad", "bad"});
  pipeline.bad_fails = false;
  const auto outcome = replay();
  ASSERT_TRUE(outcome) << to_string(outcome.error());
  EXPECT_EQ(outcome->done, 2U);
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"bad", "2"}}));
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_EQ(replay()->done, 0U);
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"bad", "2"}}));
}

// Nothing is lost by trying: what fails again stays, and says how often it has.
TEST_F(LettersTest, KeepsWhatFailsAgain) {
  fail({"bad", "throw", "bad"});
  const auto outcome = replay();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->done, 0U);
  EXPECT_EQ(outcome->failed, 3U);
  ASSERT_THAT(dead_letters(), SizeIs(3));
  for (const auto& letter : dead_letters()) {
    EXPECT_EQ(letter.attempts, 2U);
  }
  EXPECT_EQ(dead_letters()[0].payload, "bad");
  EXPECT_EQ(dead_letters()[1].code, "Exception");
  EXPECT_EQ(rows(), Counts());
}

// The answer to a commit was lost: whoever asks again must not count again.
TEST_F(LettersTest, CountsOnceThoughTheAnswerWasLost) {
  fail({"bad", "bad", "bad"});
  pipeline.bad_fails = false;
  store.script = {Answer::loses_its_answer};
  EXPECT_FALSE(replay());
  const auto again = replay();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->done, 0U);
  EXPECT_EQ(rows(), (Counts{{"bad", "3"}}));
}

TEST_F(LettersTest, LosesNothingWhenACommitFails) {
  fail({"bad", "bad"});
  pipeline.bad_fails = false;
  store.script = {Answer::fails};
  EXPECT_FALSE(replay());
  EXPECT_THAT(dead_letters(), SizeIs(2));
  EXPECT_EQ(replay()->done, 2U);
  EXPECT_EQ(rows(), (Counts{{"bad", "2"}}));
}

// Two people replay the same at the same time: the second's page was read before the first's commit.
TEST_F(LettersTest, CountsOnceThoughTwoReplayTheSame) {
  fail({"bad", "bad"});
  pipeline.bad_fails = false;
  store.takes = seconds(1);
  std::optional<Result<LetterOutcome>> first;
  std::optional<Result<LetterOutcome>> second;
  time.start(replay_letters(store, pipeline, "test:words", {}, progress), first);
  time.start(replay_letters(store, pipeline, "test:words", {dead_letters()[0].id()}, progress), second);
  time.run_while([&] { return !first || !second; });
  store.takes = Duration(0);
  EXPECT_EQ(rows(), (Counts{{"bad", "2"}}));
  EXPECT_THAT(dead_letters(), IsEmpty());
}

TEST_F(LettersTest, TakesTheNamedOnesOnceEach) {
  fail({"bad", "bad", "bad"});
  pipeline.bad_fails = false;
  const auto second = dead_letters()[1].id();
  auto unknown = second;
  unknown.shard = "s9";
  const auto outcome = replay({second, unknown, second});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->done, 1U);
  EXPECT_EQ(outcome->absent, 1U);
  EXPECT_EQ(rows(), (Counts{{"bad", "1"}}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
}

TEST_F(LettersTest, DropsTheNamedOrAll) {
  fail({"bad", "bad", "bad"});
  EXPECT_EQ(drop({dead_letters()[0].id()})->done, 1U);
  EXPECT_THAT(dead_letters(), SizeIs(2));
  EXPECT_EQ(drop()->done, 2U);
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_EQ(rows(), Counts());
  EXPECT_EQ(position("s0").after.text(), "3");
}

// More than one commit holds; each is told, so that whoever waits sees it move.
TEST_F(LettersTest, GoesPageByPage) {
  context.limits.bytes_max = std::size_t{1} << 30U;
  fail(Words(2'500, "bad"));
  pipeline.bad_fails = false;
  std::vector<std::uint64_t> told;
  progress = [&](const LetterOutcome& so_far) -> Task<void> {
    told.push_back(so_far.done);
    co_return Result<void>();
  };
  EXPECT_EQ(replay()->done, 2'500U);
  EXPECT_THAT(told, ElementsAre(1'000U, 2'000U, 2'500U));
  EXPECT_EQ(rows(), (Counts{{"bad", "2500"}}));
}

// Nothing is forgotten at the bound: the pipeline halts before the record, with all before it counted, and goes on once
// there is room.
TEST_F(LettersTest, HaltsAtTheBoundAndGoesOnOnceThereIsRoom) {
  pipeline.policy.letters_max = 2;
  fail({"a", "bad", "bad"});
  start();
  const auto taken = accept(batch("s0", 4, {"a", "bad", "a"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "DeadLettersFull");
  EXPECT_THAT(taken.error().message,
              HasSubstr("record words/s0/5 failed (Bad: the word is bad), and words keeps 2 dead letters of 6 bytes"));
  EXPECT_FALSE(close());
  EXPECT_EQ(position("s0").after.text(), "4");
  EXPECT_EQ(rows(), (Counts{{"a", "2"}}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
  ASSERT_TRUE(drop({dead_letters()[0].id()}));
  start();
  ASSERT_TRUE(accept(batch("s0", 4, {"a", "bad", "a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "3"}}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
}

// However little room is made each time, it gets on: were a whole round refused, one with more failures than the bound
// would never pass.
TEST_F(LettersTest, GetsOnThoughMoreFailAtOnceThanThereMayBe) {
  pipeline.policy.letters_max = 2;
  const Words words{"a", "bad", "b", "bad", "a", "throw", "bad", "a", "bad", "c"};
  const std::vector<std::string> stops{"5", "8", "10"};
  for (const auto& stop : stops) {
    start();
    EXPECT_EQ(accept(batch("s0", 1, words)).ok(), stop == stops.back());
    EXPECT_EQ(close().ok(), stop == stops.back());
    EXPECT_EQ(position("s0").after.text(), stop);
    EXPECT_LE(dead_letters().size(), 2U);
    ASSERT_TRUE(drop());
  }
  EXPECT_EQ(rows(), (Counts{{"a", "3"}, {"b", "1"}, {"c", "1"}}));
}

// Dropped or replayed while the worker runs, they make room for it.
TEST_F(LettersTest, MakeRoomForTheRunThatGoesOn) {
  pipeline.policy.letters_max = 2;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad", "bad"})));
  ASSERT_TRUE(settled("s0"));
  ASSERT_TRUE(drop());
  EXPECT_TRUE(accept(batch("s0", 3, {"bad", "a", "bad"})));
  EXPECT_TRUE(close());
  EXPECT_THAT(dead_letters(), SizeIs(2));
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
}

TEST_F(LettersTest, HaltsAtTheBoundOfBytes) {
  pipeline.policy.letter_bytes_max = 5;
  start();
  const auto taken = accept(batch("s0", 1, {"bad", "bad"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "DeadLettersFull");
  EXPECT_FALSE(close());
  EXPECT_EQ(position("s0").after.text(), "1");
  EXPECT_THAT(dead_letters(), SizeIs(1));
}

// What one loop is about to commit leaves no room to another; a look into the store that a commit overtook says
// nothing.
TEST(LetterRoom, IsSharedByAllLoops) {
  const state::LetterSum bound{3, 100};
  LetterRoom room;
  EXPECT_FALSE(room.is_known());
  room.stored({1, 10}, room.version());
  EXPECT_EQ(room.left(bound), (state::LetterSum{2, 90}));
  EXPECT_TRUE(room.take(bound, 90));
  EXPECT_FALSE(room.take(bound, 1)) << "the bytes";
  EXPECT_TRUE(room.take(bound, 0));
  EXPECT_FALSE(room.take(bound, 0)) << "the number";
  const auto version = room.version();
  room.committed({2, 90});
  room.stored({1, 10}, version);
  EXPECT_EQ(room.taken(), (state::LetterSum{3, 100}));
  room.stored({5, 500}, room.version());
  EXPECT_EQ(room.left(bound), state::LetterSum()) << "the bound was lowered";
  EXPECT_FALSE(room.take(bound, 0));
  room.stored({0, 0}, room.version());
  EXPECT_TRUE(room.take(bound, 100));
}

TEST(EventIdText, IsReadAsItIsWritten) {
  state::LetterId id;
  id.shard = "shardId-000000000001";
  id.sequence_number = stream::SequenceNumber("49");
  EXPECT_EQ(event_id_text("kinesis:flights", id), "flights/shardId-000000000001/49");
  EXPECT_EQ(parse_event_id("kinesis:flights", "flights/shardId-000000000001/49"), id);
  id.unpacked = true;
  id.sub = 7;
  EXPECT_EQ(event_id_text("kinesis:flights", id), "flights/shardId-000000000001/49/7");
  EXPECT_EQ(parse_event_id("kinesis:flights", "flights/shardId-000000000001/49/7"), id);
  for (const auto* wrong : {"", "flights", "flights/", "flights/s", "flights//49", "flights/s/", "flights/s/x",
                            "flights/s/049", "flights/s/49/", "flights/s/49/x", "flights/s/49/7/1",
                            "flights/s/49/4294967296", "other/s/49", "flightss/49"}) {
    EXPECT_FALSE(parse_event_id("kinesis:flights", wrong)) << wrong;
  }
}

}  // namespace
}  // namespace weir::process::testing
