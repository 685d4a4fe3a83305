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

// Nothing is forgotten at the bound: the pipeline halts before the record, and goes on once there is room.
TEST_F(LettersTest, HaltsAtTheBoundAndGoesOnOnceThereIsRoom) {
  pipeline.policy.letters_max = 2;
  fail({"a", "bad", "bad"});
  start();
  ASSERT_TRUE(accept(batch("s0", 4, {"a", "bad"})));
  const auto closed = close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, "DeadLettersFull");
  EXPECT_EQ(position("s0").after.text(), "3");
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
  ASSERT_TRUE(drop({dead_letters()[0].id()}));
  start();
  ASSERT_TRUE(accept(batch("s0", 4, {"a", "bad"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "2"}}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
}

TEST_F(LettersTest, HaltsAtTheBoundOfBytes) {
  pipeline.policy.letter_bytes_max = 5;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad", "bad"})));
  const auto closed = close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, "DeadLettersFull");
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
