// Handlers act on the outside world, which takes nothing back: what is run, in what order, what is run again after
// which failure, and that it is said.

#include "tests/process/processor_fixture.hpp"
#include "tests/support/compressed.hpp"
#include "tests/support/kpl.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/process/letters.hpp"

namespace weir::process::testing {
namespace {

using Batch = HandlerBatch<decode::Text>;
using Builder = pipelines::PipelineBuilder<decode::Text>;

// A deduper whose calls fail, or lose their answers, as they are told.
class ScriptedDeduper final : public state::Deduper {
 public:
  explicit ScriptedDeduper(state::Deduper& deduper) : inner(deduper) {}
  Task<std::vector<state::Claim>> claim(std::string_view pipeline, std::string_view stream,
                                        const stream::ShardId& shard,
                                        std::span<const state::ShardEvent> events) override {
    if (take(failing_claims)) {
      co_return away;
    }
    auto claimed = co_await inner.claim(pipeline, stream, shard, events);
    if (take(lost_claims)) {
      co_return away;
    }
    co_return claimed;
  }
  Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                     std::span<const state::ShardEvent> events) override {
    if (take(failing_confirms)) {
      co_return away;
    }
    co_return co_await inner.confirm(pipeline, stream, shard, events);
  }

  std::size_t failing_claims = 0;
  std::size_t lost_claims = 0;
  std::size_t failing_confirms = 0;

 private:
  static bool take(std::size_t& left) { return left > 0 && left-- > 0; }
  const Error away{Next::retry, "Unavailable", "the deduper is away"};
  state::Deduper& inner;
};

class HandlingTest : public ProcessorTest {
 protected:
  HandlingTest() { context.deduper = &deduper; }

  void handle_with(const Builder& builder) {
    auto built = builder.build();
    ASSERT_TRUE(built) << to_string(built.error());
    handler = *std::move(built);
    context.pipeline = handler.get();
  }
  Builder notes() {
    Builder builder("words");
    builder.decode(decode::text_decoder()).handler([this](Batch& batch) { return note(batch); });
    return builder;
  }

  // Notes what it is given, does as it is told, and fails what says so.
  Task<void> note(Batch& batch) {
    for (std::size_t i = 0; i < batch.records().size(); ++i) {
      const auto& record = batch.records()[i];
      seen.push_back(record.event_id.text() + " " + std::string(record.value.text) +
                     (record.may_be_repeat ? " again" : ""));
      if (record.value.text == "hopeless") {
        batch.fail(i, "Hopeless", "nobody can do this");
      }
    }
    ++calls;
    if (takes > Duration(0)) {
      WEIR_CO_CHECK(co_await time.sleep(takes, batch.stop()));
    }
    if (throws) {
      throw std::runtime_error("no such address");
    }
    if (!answers.empty()) {
      auto answer = answers.front();
      answers.pop_front();
      co_return answer;
    }
    co_return Result<void>();
  }

  // The process ends without a word, and starts again.
  void die() {
    abandon.request_stop();
    abandon = std::stop_source();
    processor->close();
    time.run_while([&] { return !running; });
    processor.reset();
    seen.clear();
    start();
  }

  ScriptedDeduper deduper{store.deduper()};
  pipelines::PipelinePtr handler;
  Words seen;
  std::size_t calls = 0;
  Duration takes{0};
  bool throws = false;
  std::deque<Result<void>> answers;
};

TEST_F(HandlingTest, RunsInOrderAndIsAcknowledgedAfterwards) {
  handle_with(notes());
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b"})));
  ASSERT_TRUE(accept(batch("s0", 3, {"c"})));
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a", "words/s0/2 b", "words/s0/3 c"));
  EXPECT_EQ(position("s0").after.text(), "") << "the commit waits for others";
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(position("s0").after.text(), "3");
  EXPECT_EQ(board.totals().records, 3U);
  // The read begins before the position, for another pipeline's sake.
  ASSERT_TRUE(accept(batch("s0", 2, {"b", "c", "d"})));
  EXPECT_EQ(seen.back(), "words/s0/4 d");
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_TRUE(close());
  EXPECT_EQ(store.advances, 2U);
}

// A commit for another shard, while this one's handler runs, must not take the position past what is not done.
TEST_F(HandlingTest, NothingIsAcknowledgedBeforeItReturns) {
  handle_with(notes());
  start();
  takes = seconds(10);
  std::optional<Result<void>> slow;
  time.start(processor->accept(batch("s0", 1, {"slow"})), slow);
  time.run_while([&] { return calls == 0; });
  takes = Duration(0);
  ASSERT_TRUE(accept(batch("s1", 1, {"quick"})));
  ASSERT_TRUE(settled("s1"));
  EXPECT_EQ(position("s1").after.text(), "1");
  EXPECT_FALSE(slow.has_value());
  EXPECT_EQ(position("s0").after.text(), "");
  time.run_while([&] { return !slow; });
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "1");
}

// It ended between the run and its confirmation: nobody knows, so it runs again and is told.
TEST_F(HandlingTest, SaysWhatMayBeRepeatedAfterACrash) {
  handle_with(notes());
  start();
  deduper.failing_confirms = 1'000'000;
  std::optional<Result<void>> cut;
  time.start(processor->accept(batch("s0", 1, {"a", "b"})), cut);
  time.run_while([&] { return board.store_trouble().empty(); });
  EXPECT_THAT(board.store_trouble(), HasSubstr("confirming for the handler: "));
  abandon.request_stop();
  time.run_while([&] { return !cut; });
  EXPECT_FALSE(*cut);
  die();
  deduper.failing_confirms = 0;
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b", "c"})));
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a again", "words/s0/2 b again", "words/s0/3 c"));
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "3");
}

// It ended between the confirmation and the commit: that is no repeat at all.
TEST_F(HandlingTest, RunsForNothingThatIsConfirmed) {
  handle_with(notes());
  start();
  store.keeps_failing_advances = true;
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b"})));
  die();
  EXPECT_EQ(position("s0").after.text(), "");
  store.keeps_failing_advances = false;
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b"})));
  EXPECT_EQ(calls, 1U) << "nothing is left to do";
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b", "c"})));
  EXPECT_THAT(seen, ElementsAre("words/s0/3 c"));
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "3");
}

// The world is away for a while: that is no fault of the record's, and its successors wait.
TEST_F(HandlingTest, WaitsAndRunsAgainWhenItFailsForNow) {
  handle_with(notes());
  start();
  answers.assign(4, Error(Next::retry, "Timeout", "the mail server does not answer"));
  std::optional<Result<void>> taken;
  time.start(processor->accept(batch("s0", 1, {"a"})), taken);
  time.run_while([&] { return calls < 2; });
  EXPECT_THAT(board.complaints(),
              ElementsAre(HasSubstr("what was read waits: the handler: Timeout: the mail server does not answer")));
  time.run_while([&] { return !taken; });
  ASSERT_TRUE(*taken);
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a", "words/s0/1 a again", "words/s0/1 a again", "words/s0/1 a again",
                                "words/s0/1 a again"));
  EXPECT_TRUE(close());
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_THAT(board.complaints(), IsEmpty());
  EXPECT_EQ(board.totals().commit_retries, 0U);
}

// Stalled, and neither guessed nor run: a claim that nobody stored protects from nothing.
TEST_F(HandlingTest, DoesNotRunWhileTheDeduperIsAway) {
  handle_with(notes());
  start();
  deduper.failing_claims = 3;
  std::optional<Result<void>> taken;
  time.start(processor->accept(batch("s0", 1, {"a"})), taken);
  time.run_while([&] { return deduper.failing_claims > 0; });
  EXPECT_EQ(calls, 0U);
  deduper.lost_claims = 1;
  time.run_while([&] { return !taken; });
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a again")) << "after a lost answer nobody knows";
  EXPECT_TRUE(close());
}

TEST_F(HandlingTest, HaltsBeforeWhatItRefuses) {
  handle_with(notes());
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  answers.emplace_back(refused("BadPassword", "the mail server refuses the password"));
  const auto taken = accept(batch("s0", 2, {"b"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "BadPassword");
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "1");
}

TEST_F(HandlingTest, AnExceptionHaltsIt) {
  handle_with(notes());
  start();
  throws = true;
  const auto taken = accept(batch("s0", 1, {"a"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "Exception");
  EXPECT_EQ(taken.error().message, "the handler threw: no such address");
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "");
  EXPECT_THAT(dead_letters(), IsEmpty());
}

// A handler that gives up because it is asked to has done nothing: `stopped` is no success.
TEST_F(HandlingTest, StoppedIsNotDone) {
  handle_with(notes());
  start();
  takes = std::chrono::hours(1);
  std::optional<Result<void>> taken;
  time.start(processor->accept(batch("s0", 1, {"a"})), taken);
  time.run_while([&] { return calls == 0; });
  abandon.request_stop();
  time.run_while([&] { return !taken; });
  ASSERT_FALSE(*taken);
  EXPECT_EQ(taken->error().code, "HandlerStopped");
  EXPECT_FALSE(taken->error().is_stopped());
  takes = Duration(0);
  die();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a again"));
  EXPECT_TRUE(close());
}

// The others are handled; those that fail are kept in the commit that passes them. One whose handler had said so
// before a crash must not be taken for done.
TEST_F(HandlingTest, KeepsWhatFailsAndHandlesTheRest) {
  handle_with(notes());
  start();
  store.keeps_failing_advances = true;
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "\xff", "hopeless", "b", "hopeless"})));
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a", "words/s0/3 hopeless", "words/s0/4 b", "words/s0/5 hopeless"));
  die();
  store.keeps_failing_advances = false;
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "\xff", "hopeless", "b", "hopeless"})));
  EXPECT_THAT(seen, ElementsAre("words/s0/3 hopeless again", "words/s0/5 hopeless again"));
  EXPECT_TRUE(close());
  Words kept;
  for (const auto& letter : dead_letters()) {
    kept.push_back(letter.sequence_number.text() + " " + letter.code + " " + letter.payload);
  }
  EXPECT_THAT(kept, ElementsAre("2 BadText \xff", "3 Hopeless hopeless", "5 Hopeless hopeless"));
  EXPECT_EQ(position("s0").after.text(), "5");
}

// Later records would be handled before the one that somebody is to mend.
TEST_F(HandlingTest, HandlesNothingBeyondARecordThatHaltsIt) {
  pipelines::FailurePolicy halt;
  halt.on_failure = pipelines::OnFailure::halt;
  handle_with(notes().on_failure(halt));
  start();
  const auto taken = accept(batch("s0", 1, {"a", "\xff", "b"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "FailedRecord");
  EXPECT_THAT(taken.error().message, HasSubstr("record words/s0/2 failed (BadText"));
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a"));
  EXPECT_FALSE(close());
  EXPECT_EQ(position("s0").after.text(), "1");
  processor.reset();
  seen.clear();
  start();
  EXPECT_FALSE(accept(batch("s0", 1, {"a", "\xff", "b"})));
  EXPECT_THAT(seen, IsEmpty()) << "a is confirmed";
}

// At the bound of dead letters: what was handled stays so, and what failed beyond it fails again once there is room.
TEST_F(HandlingTest, HaltsAtTheBoundOfDeadLetters) {
  pipelines::FailurePolicy one_letter;
  one_letter.letters_max = 1;
  handle_with(notes().on_failure(one_letter));
  const auto made = [this] { return batch("s0", 1, {"a", "hopeless", "b", "\xff", "c"}); };
  start();
  const auto taken = accept(made());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "DeadLettersFull");
  EXPECT_THAT(taken.error().message, HasSubstr("record words/s0/4 failed (BadText"));
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a", "words/s0/2 hopeless", "words/s0/3 b", "words/s0/5 c"));
  EXPECT_FALSE(close());
  EXPECT_EQ(position("s0").after.text(), "3");
  EXPECT_THAT(dead_letters(), SizeIs(1));
  const LetterProgress progress = [](const LetterOutcome&) -> Task<void> { co_return Result<void>(); };
  ASSERT_TRUE(time.run(drop_letters(store, pipeline, "test:words", {}, progress)));
  processor.reset();
  seen.clear();
  start();
  EXPECT_TRUE(accept(made()));
  EXPECT_TRUE(close());
  EXPECT_THAT(seen, IsEmpty()) << "c is confirmed";
  EXPECT_EQ(position("s0").after.text(), "5");
  EXPECT_THAT(dead_letters(), SizeIs(1));
}

TEST_F(HandlingTest, CountsWhatItSkips) {
  pipelines::FailurePolicy skip;
  skip.on_failure = pipelines::OnFailure::skip;
  handle_with(notes().on_failure(skip));
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"\xff", "hopeless", "a"})));
  EXPECT_TRUE(close());
  EXPECT_EQ(board.totals().skipped, 2U);
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_EQ(position("s0").after.text(), "3");
}

// Each user record is an event of its own; one aggregated record may take several calls.
TEST_F(HandlingTest, TakesAggregatedRecordsApart) {
  handle_with(notes().unpack_kpl());
  start();
  std::vector<weir::testing::KplRecord> many;
  for (int i = 0; i < 12'000; ++i) {
    many.push_back({"w" + std::to_string(i), "k", {}});
  }
  ASSERT_TRUE(accept(batch("s0", 1, {"plain", weir::testing::kpl_aggregate(many)})));
  ASSERT_EQ(seen.size(), 12'001U);
  EXPECT_EQ(calls, 2U) << "a call has a bound";
  EXPECT_EQ(seen[0], "words/s0/1 plain");
  EXPECT_EQ(seen[1], "words/s0/2/0 w0");
  EXPECT_EQ(seen.back(), "words/s0/2/11999 w11999");
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "2");
  EXPECT_EQ(board.totals().records, 2U);
  EXPECT_EQ(board.totals().user_records, 12'000U);
  EXPECT_EQ(board.totals().unfiltered, 12'000U);
}

// What the views point into lives until the handler is done, decompressed or not.
TEST_F(HandlingTest, GivesDecompressedPayloadsThatLive) {
  handle_with(notes().decompress(Compression::gzip));
  start();
  takes = seconds(1);
  std::optional<Result<void>> first;
  std::optional<Result<void>> second;
  time.start(processor->accept(batch("s0", 1, {weir::testing::gzip("a"), "no gzip", weir::testing::gzip("b")})), first);
  time.start(processor->accept(batch("s1", 1, {weir::testing::gzip("c")})), second);
  time.run_while([&] { return !first || !second; });
  EXPECT_THAT(seen, ElementsAre("words/s0/1 a", "words/s0/3 b", "words/s1/1 c"));
  EXPECT_TRUE(close());
  ASSERT_THAT(dead_letters(), SizeIs(1));
  EXPECT_EQ(dead_letters()[0].code, "BadGzip");
  EXPECT_EQ(dead_letters()[0].payload, "no gzip");
}

// Its pipeline has halted, in this loop or another: what it waits for is of no use, and others wait for this batch.
TEST_F(HandlingTest, GivesUpOnceItsPipelineHasHalted) {
  pipelines::FailurePolicy halt;
  halt.on_failure = pipelines::OnFailure::halt;
  handle_with(notes().on_failure(halt));
  for (const bool elsewhere : {true, false}) {
    Board fresh;
    context.board = &fresh;
    start();
    calls = 0;
    answers.assign(1'000'000, Error(Next::retry, "Timeout", "the mail server does not answer"));
    std::optional<Result<void>> taken;
    time.start(processor->accept(batch("s0", 1, {"a"})), taken);
    time.run_while([&] { return calls < 3; });
    if (elsewhere) {
      fresh.halt(refused("Halted", "a record failed in another loop"));
    } else {
      EXPECT_FALSE(accept(batch("s1", 1, {"\xff"})));
    }
    const auto before = time.elapsed();
    time.run_while([&] { return !taken; });
    EXPECT_FALSE(*taken);
    EXPECT_EQ(time.elapsed(), before);
    static_cast<void>(close());
    EXPECT_EQ(position("s0").after.text(), "");
  }
}

// A stopping worker waits for a replay's handler no longer than for any other.
TEST_F(HandlingTest, AReplaysHandlerHearsOfTheStop) {
  handle_with(notes());
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"hopeless"})));
  ASSERT_TRUE(close());
  takes = std::chrono::hours(1);
  calls = 0;
  std::stop_source stop;
  const LetterProgress progress = [](const LetterOutcome&) -> Task<void> { co_return Result<void>(); };
  std::optional<Result<LetterOutcome>> replayed;
  time.start(replay_letters(store, *handler, "test:words", {}, progress, stop.get_token()), replayed);
  time.run_while([&] { return calls == 0; });
  const auto before = time.elapsed();
  stop.request_stop();
  time.run_while([&] { return !replayed; });
  EXPECT_TRUE(!*replayed && replayed->error().is_stopped());
  EXPECT_EQ(time.elapsed(), before);
  EXPECT_THAT(dead_letters(), SizeIs(1));
}

TEST_F(HandlingTest, ReplaysThroughTheHandler) {
  handle_with(notes());
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"hopeless", "a", "\xff", "hopeless"})));
  ASSERT_TRUE(accept(batch("s1", 1, {"hopeless"})));
  ASSERT_TRUE(close());
  seen.clear();
  Builder mended("words");
  std::vector<std::pair<Words, bool>> given;
  mended.decode(decode::text_decoder()).handler([&](Batch& batch) -> Task<void> {
    auto& [texts, again] = given.emplace_back(Words(), true);
    for (const auto& record : batch.records()) {
      texts.push_back(record.event_id.text());
      again &= record.may_be_repeat;
    }
    if (given.size() == 1) {
      batch.fail(1, "Hopeless", "not this one");
    }
    co_return Result<void>();
  });
  handle_with(mended);
  const LetterProgress progress = [](const LetterOutcome&) -> Task<void> { co_return Result<void>(); };
  const auto outcome = time.run(replay_letters(store, *handler, "test:words", {}, progress));
  ASSERT_TRUE(outcome) << to_string(outcome.error());
  EXPECT_EQ(outcome->done, 2U);
  EXPECT_EQ(outcome->failed, 2U);
  EXPECT_THAT(given,
              ElementsAre(std::pair(Words{"words/s0/1", "words/s0/4"}, true), std::pair(Words{"words/s1/1"}, true)));
  Words left;
  for (const auto& letter : dead_letters()) {
    left.push_back(letter.sequence_number.text() + " " + letter.code + " " + letter.payload + " " +
                   std::to_string(letter.attempts));
  }
  EXPECT_THAT(left, ElementsAre("3 BadText \xff 2", "4 Hopeless hopeless 2"));
}

}  // namespace
}  // namespace weir::process::testing
