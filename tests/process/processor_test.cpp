#include "tests/process/processor_fixture.hpp"

namespace weir::process::testing {
namespace {

TEST_F(ProcessorTest, CommitsEffectsAndPositionTogether) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b", "a"})));
  EXPECT_EQ(rows(), Counts());
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(rows(), (Counts{{"a", "2"}, {"b", "1"}}));
  EXPECT_EQ(position("s0").after.text(), "3");
  EXPECT_EQ(store.commits, 1U);
  EXPECT_EQ(board.totals().records, 3U);
  EXPECT_TRUE(close());
}

// A commit per page would cost more than the page: changes gather over batches and shards.
TEST_F(ProcessorTest, CoalescesBatchesOfAllShardsIntoOneCommit) {
  start();
  for (std::uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(accept(batch("s0", 1 + i, {"a"})));
    ASSERT_TRUE(accept(batch("s1", 1 + i, {"a"})));
  }
  EXPECT_TRUE(close());
  EXPECT_EQ(store.advances, 1U);
  EXPECT_EQ(rows(), (Counts{{"a", "20"}}));
  EXPECT_EQ(position("s0").after.text(), "10");
  EXPECT_EQ(position("s1").after.text(), "10");
}

TEST_F(ProcessorTest, CommitsAtTheLimitOfRecords) {
  context.limits.records_max = 3;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "a"})));
  time.run_for(milliseconds(1));
  EXPECT_EQ(store.advances, 0U);
  ASSERT_TRUE(accept(batch("s0", 3, {"a"})));
  time.run_for(milliseconds(1));
  EXPECT_EQ(store.advances, 1U);
  EXPECT_TRUE(close());
}

TEST_F(ProcessorTest, CommitsAtTheLimitOfBytes) {
  context.limits.bytes_max = 150;  // WordCount counts 100 bytes a key
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  time.run_for(milliseconds(1));
  EXPECT_EQ(store.advances, 0U);
  ASSERT_TRUE(accept(batch("s0", 2, {"b"})));
  time.run_for(milliseconds(1));
  EXPECT_EQ(store.advances, 1U);
  EXPECT_TRUE(close());
}

TEST_F(ProcessorTest, CommitsWhenTheOldestChangeReachesItsAge) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  time.run_for(milliseconds(900));
  ASSERT_TRUE(accept(batch("s0", 2, {"a"})));
  EXPECT_EQ(store.advances, 0U);
  time.run_for(milliseconds(101));
  EXPECT_EQ(store.advances, 1U);
  EXPECT_EQ(rows(), (Counts{{"a", "2"}}));
  EXPECT_TRUE(close());
}

// The store is away for a while: nothing is lost, nothing is a dead letter, and it is said.
TEST_F(ProcessorTest, TriesAFailedCommitUntilItSucceeds) {
  start();
  store.script = {Answer::fails, Answer::fails, Answer::fails, Answer::fails, Answer::fails};
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  time.run_while([&] { return store.script.size() > 3; });
  EXPECT_THAT(board.store_trouble(), HasSubstr("the store is away"));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
  EXPECT_EQ(board.totals().commit_retries, 5U);
  EXPECT_EQ(board.store_trouble(), "");
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_TRUE(close());
}

// The commit landed and its answer was lost: the second try must not count twice.
TEST_F(ProcessorTest, CountsOnceWhenACommitsAnswerIsLost) {
  start();
  store.script = {Answer::loses_its_answer, Answer::loses_its_answer};
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "bad"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
  EXPECT_THAT(dead_letters(), SizeIs(1));
  EXPECT_TRUE(close());
}

// Somebody else moved the position: going on would count twice.
TEST_F(ProcessorTest, EndsOnAConflict) {
  start();
  store.script = {Answer::conflicts};
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  const auto result = settled("s0");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().next, Next::conflict);
  EXPECT_FALSE(accept(batch("s0", 2, {"a"})));
  ASSERT_TRUE(running);
  EXPECT_FALSE(*running);
}

TEST_F(ProcessorTest, KeepsFailingRecordsWholeInTheSameCommit) {
  start();
  ASSERT_TRUE(accept(batch("s0", 7, {"a", "bad", "b"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(store.commits, 1U);
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"b", "1"}}));
  const auto letters = dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].shard, "s0");
  EXPECT_EQ(letters[0].sequence_number.text(), "8");
  EXPECT_EQ(letters[0].payload, "bad");
  EXPECT_EQ(letters[0].partition_key, "key");
  EXPECT_EQ(letters[0].code, "Bad");
  EXPECT_EQ(position("s0").after.text(), "9");
  EXPECT_EQ(board.totals().dead_letters, 1U);
  EXPECT_TRUE(close());
}

// User code that throws takes one record down, not its neighbours and not the worker.
TEST_F(ProcessorTest, KeepsARecordWhoseCodeThrowsAndGoesOnBehindIt) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "throw", "bad", "throw", "b", "throw"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"b", "1"}}));
  const auto letters = dead_letters();
  ASSERT_THAT(letters, SizeIs(4));
  EXPECT_EQ(letters[0].code, "Exception");
  EXPECT_THAT(letters[0].reason, HasSubstr("as the record asks"));
  EXPECT_EQ(letters[1].code, "Bad");
  EXPECT_TRUE(close());
}

// Whatever the source repeats, a position counts once.
TEST_F(ProcessorTest, DropsWhatIsAtOrBelowThePosition) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "a", "a"})));
  ASSERT_TRUE(accept(batch("s0", 2, {"a", "a", "b"})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "3"}, {"b", "1"}}));

  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "a", "a", "b", "c"})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "3"}, {"b", "1"}, {"c", "1"}}));
}

// The end and the children it names are in the commit of the last records: a crash right after it
// forgets no child.
TEST_F(ProcessorTest, CommitsAnEndWithItsChildren) {
  start();
  auto last = batch("s0", 1, {"a"});
  last.end.emplace();
  last.end->push_back({"left", {"s0"}});
  last.end->push_back({"right", {"s0"}});
  ASSERT_TRUE(accept(std::move(last)));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(store.commits, 1U);
  EXPECT_TRUE(position("s0").ended);
  EXPECT_THAT(position("left").parents, ElementsAre("s0"));
  EXPECT_THAT(position("right").parents, ElementsAre("s0"));
  EXPECT_TRUE(close());
}

TEST_F(ProcessorTest, CommitsAnEndWithoutRecords) {
  start();
  auto last = batch("s0", 1, {});
  last.end.emplace();
  ASSERT_TRUE(accept(std::move(last)));
  ASSERT_TRUE(settled("s0"));
  EXPECT_TRUE(position("s0").ended);
  EXPECT_TRUE(close());
}

// A store slower than the stream: the reader waits, memory does not grow.
TEST_F(ProcessorTest, HoldsBatchesBackWhileTheStoreIsBusy) {
  context.limits.records_max = 2;
  store.takes = seconds(10);
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "a"})));  // being written
  time.run_for(seconds(1));
  ASSERT_TRUE(accept(batch("s0", 3, {"a", "a"})));  // gathers meanwhile
  std::optional<Result<void>> third;
  time.start(processor->accept(batch("s0", 5, {"a", "a"})), third);
  time.run_for(seconds(5));
  EXPECT_FALSE(third);
  time.run_for(seconds(5));
  ASSERT_TRUE(third);
  EXPECT_TRUE(*third);
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "6"}}));
}

// A stop commits everything that was taken in.
TEST_F(ProcessorTest, DrainsWhenClosed) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
  EXPECT_EQ(position("s0").after.text(), "1");
}

// Stopping while the store is away: it is tried until whoever stops has waited long enough, and then the changes are
// abandoned, not acknowledged; a restart reads them again.
TEST_F(ProcessorTest, AbandonsWithoutAcknowledgingWhenTheStoreStaysAway) {
  start();
  store.keeps_failing_advances = true;
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  processor->close();
  time.run_for(seconds(25));
  ASSERT_FALSE(running);
  abandon.request_stop();
  const auto closed = close();
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().message, HasSubstr("the store is away"));
  store.keeps_failing_advances = false;
  EXPECT_EQ(position("s0").after.text(), "");
  EXPECT_EQ(rows(), Counts());
}

TEST_F(ProcessorTest, HaltsOnAGapAndKeepsItOnRecord) {
  start();
  stream::Gap gap;
  gap.shard = "s0";
  gap.reason = "records were trimmed";
  const auto result = time.run(processor->gap(gap));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().next, Next::refused);
  EXPECT_THAT(result.error().message, HasSubstr("records were trimmed"));
  EXPECT_THAT((*time.run(store.positions("words", "test:words"))).gaps, SizeIs(1));
  EXPECT_TRUE(close());
}

TEST_F(ProcessorTest, GoesOnAfterAGapWhenToldTo) {
  context.on_gap = OnGap::go_on;
  start();
  stream::Gap gap;
  gap.shard = "s0";
  EXPECT_TRUE(time.run(processor->gap(gap)));
  EXPECT_THAT((*time.run(store.positions("words", "test:words"))).gaps, SizeIs(1));
  EXPECT_TRUE(close());
  EXPECT_TRUE((*time.run(store.positions("words", "test:words"))).gaps[0].accepted);
}

// How far a quiet shard was read is noted now and again, or its position would one day look trimmed.
TEST_F(ProcessorTest, NotesHowFarAQuietShardWasRead) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  ASSERT_TRUE(settled("s0"));
  const auto before = position("s0").read_up_to;
  for (int i = 0; i < 300; ++i) {
    const auto status = weir::testing::caught_up("s0", time.now());
    processor->report(status);
    time.run_for(seconds(1));
  }
  EXPECT_GE(position("s0").read_up_to, before + std::chrono::minutes(3));
  EXPECT_LT(store.commits, 10U);
  EXPECT_TRUE(close());
  EXPECT_GE(position("s0").read_up_to, before + std::chrono::minutes(4) + seconds(59));
}

// A batch that waits for room was handed over but is not counted: a note that says otherwise would hide
// its loss.
TEST_F(ProcessorTest, NotesNothingWhileABatchIsNotTakenIn) {
  context.limits.records_max = 1;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  ASSERT_TRUE(settled("s0"));
  const auto noted = position("s0").read_up_to;
  store.takes = std::chrono::minutes(10);
  ASSERT_TRUE(accept(batch("s1", 1, {"a"})));
  time.run_for(seconds(1));
  ASSERT_TRUE(accept(batch("s1", 2, {"a"})));
  std::optional<Result<void>> waiting;
  time.start(processor->accept(batch("s0", 2, {"b"})), waiting);
  time.run_for(seconds(1));
  ASSERT_FALSE(waiting);
  const auto status = weir::testing::caught_up("s0", time.now() + std::chrono::hours(1));
  processor->report(status);
  // Until two slow commits are through, and a note could have been stored.
  time.run_for(std::chrono::minutes(25));
  EXPECT_LT(position("s0").read_up_to, status.read_up_to);
  EXPECT_GE(position("s0").read_up_to, noted);
  EXPECT_TRUE(close());
}

// Copies of dead letters go out before the commit, so that a crash repeats one rather than losing it.
TEST_F(ProcessorTest, CopiesDeadLettersBeforeTheyAreCommitted) {
  std::size_t letters_before = 99;
  std::size_t copied = 0;
  context.copy_dead_letters = [&](std::span<const state::DeadLetter> letters, std::stop_token) -> Task<void> {
    copied += letters.size();
    auto stored = co_await store.dead_letters("words", "test:words", nullptr, 100);
    letters_before = stored->size();
    co_return Result<void>();
  };
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad", "a", "bad"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(copied, 2U);
  EXPECT_EQ(letters_before, 0U);
  EXPECT_TRUE(close());
}

// The stream for copies is throttled: the commit waits for it, as it would for the store.
TEST_F(ProcessorTest, TriesAFailedCopyUntilItSucceeds) {
  int copies = 0;
  context.copy_dead_letters = [&](std::span<const state::DeadLetter>, std::stop_token) -> Task<void> {
    ++copies;
    if (copies < 3) {
      co_return Error(Next::retry, "Throttled", "the stream of copies is throttled");
    }
    co_return Result<void>();
  };
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(copies, 3);
  EXPECT_EQ(board.totals().commit_retries, 2U);
  EXPECT_THAT(dead_letters(), SizeIs(1));
  EXPECT_TRUE(close());
}

// Whoever waits for the commit must hear of its end, or the worker would hang.
TEST_F(ProcessorTest, AnExceptionFromACopyEndsIt) {
  context.copy_dead_letters = [](std::span<const state::DeadLetter>, std::stop_token) -> Task<void> {
    throw std::runtime_error("no copies today");
  };
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad"})));
  const auto result = settled("s0");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no copies today"));
  EXPECT_FALSE(accept(batch("s0", 2, {"a"})));
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_EQ(position("s0").after.text(), "");
}

TEST_F(ProcessorTest, AnExceptionFromAListenerIsLogged) {
  context.on_dead_letter = [](const state::DeadLetter&) { throw std::runtime_error("deaf"); };
  std::string logged;
  context.log = [&](LogLevel, std::string_view line) { logged = line; };
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad", "a"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_THAT(logged, HasSubstr("deaf"));
  EXPECT_THAT(dead_letters(), SizeIs(1));
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
  EXPECT_TRUE(close());
}

// A stream of nothing but failures must not fill the memory either.
TEST_F(ProcessorTest, DeadLettersCountInTheLimitOfBytes) {
  context.limits.bytes_max = 100;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"bad"})));
  time.run_for(milliseconds(1));
  EXPECT_EQ(store.advances, 1U);
  EXPECT_TRUE(close());
}

// A source that goes on after the end it reported: its children may have been read already.
TEST_F(ProcessorTest, TakesNothingAfterAnEnd) {
  start();
  auto last = batch("s0", 1, {"a"});
  last.end.emplace();
  ASSERT_TRUE(accept(std::move(last)));
  ASSERT_TRUE(accept(batch("s0", 2, {"b"})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "1"}}));
  EXPECT_EQ(position("s0").after.text(), "1");
}

// What a power cut must not take back before it is acted upon: shards about to be read, and a gap.
TEST_F(ProcessorTest, ShardsAndGapsAreOnTheDiskBeforeReadingGoesOn) {
  context.on_gap = OnGap::go_on;
  start();
  ASSERT_TRUE(time.run(processor->discovered({{"s2", stream::ShardPosition()}})));
  EXPECT_EQ(store.synced_commits, 1U);
  stream::Gap gap;
  gap.shard = "s0";
  ASSERT_TRUE(time.run(processor->gap(gap)));
  EXPECT_EQ(store.synced_commits, 2U);
  EXPECT_TRUE(close());
}

// What is folded but not committed may be lost in a crash: a note that says "read" would hide that. The commit that
// brings it brings the note.
TEST_F(ProcessorTest, NotesNothingOfRoundsNotYetCommitted) {
  store.keeps_failing_advances = true;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  const auto status = weir::testing::caught_up("s0", time.now() + std::chrono::hours(1));
  processor->report(status);
  time.run_for(std::chrono::minutes(5));
  EXPECT_TRUE(position("s0").after.empty());
  EXPECT_LT(position("s0").read_up_to, status.read_up_to);
  store.keeps_failing_advances = false;
  EXPECT_TRUE(close());
  EXPECT_EQ(position("s0").after.text(), "1");
  EXPECT_EQ(position("s0").read_up_to, status.read_up_to);
}

TEST_F(ProcessorTest, ReportsShardsCaughtUpOnlyOnceTheirRecordsAreTakenIn) {
  bool all = false;
  Board::Options watched;
  watched.on_caught_up = [&] { all = true; };
  Board watching(watched);
  context.board = &watching;
  start();
  for (const auto* shard : {"s0", "s1"}) {
    stream::ShardStatus status;
    status.shard = shard;
    status.state = stream::ShardState::starting;
    processor->report(status);
  }
  auto tip = batch("s0", 1, {"a"});
  tip.behind = milliseconds(0);
  ASSERT_TRUE(accept(std::move(tip)));
  EXPECT_FALSE(all);
  auto end = batch("s1", 1, {"a"});
  end.behind = milliseconds(5);
  ASSERT_TRUE(accept(std::move(end)));
  EXPECT_FALSE(all);
  stream::ShardStatus status;
  status.shard = "s1";
  status.state = stream::ShardState::ended;
  processor->report(status);
  EXPECT_TRUE(all);
  EXPECT_TRUE(close());
}

}  // namespace
}  // namespace weir::process::testing
