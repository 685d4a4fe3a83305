#pragma once

#include <atomic>
#include <thread>

#include "support.hpp"

/// What every store must do about dead letters that leave or come again, and about a pipeline that is forgotten.
/// A store takes part as in conformance.hpp: INSTANTIATE_TYPED_TEST_SUITE_P(Name, LetterConformance, Fixture).
namespace weir::state {

template <class Fixture>
class LetterConformance : public testing::Test {
 public:
  Store& store() { return fixture_.store(); }
  // Shard "a" at 20 with the letters 1 ("one"), 2 ("two") and 3 ("three"), and a row of 100.
  void begin() {
    Draft draft;
    draft.discover("a").advance("a", "", "20").row("k", "100");
    draft.letter("a", "1", "one").letter("a", "2", "two").letter("a", "3", "three");
    ASSERT_TRUE(draft.into(store()).ok());
  }
  void expect_unchanged(const char* what) {
    EXPECT_EQ(row_of(store(), "k"), "100") << what;
    EXPECT_EQ(after_of(store(), "a"), "20") << what;
    EXPECT_EQ(letters_of(store()), "one,two,three") << what;
    EXPECT_EQ(value_of(store().dead_letter_sum("flights")), (LetterSum{3, 11})) << what;
  }

 private:
  Fixture fixture_;
};
TYPED_TEST_SUITE_P(LetterConformance);

// Replay: the rows of a letter and its leaving are one write. Were the answer lost and the commit sent again, its
// record would count twice; did the letter go first, a crash would lose it.
TYPED_TEST_P(LetterConformance, MergesAReleasedLetterOnceHoweverOftenTheCommitIsSent) {
  auto& store = this->store();
  this->begin();
  Draft replay;
  replay.release("a", "1").release("a", "3").row("k", "2").row("new", "1");
  for (const auto* time : {"the first time", "repeated", "once more"}) {
    ASSERT_TRUE(replay.into(store).ok()) << time;
    EXPECT_EQ(row_of(store, "k"), "102") << time;
    EXPECT_EQ(row_of(store, "new"), "1") << time;
    EXPECT_EQ(letters_of(store), "two") << time;
    EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{1, 3})) << time;
  }
  EXPECT_EQ(after_of(store, "a"), "20") << "no shard moved";
}

// Two people replay overlapping ranges: what one has merged, the other's commit must not merge again, and it must
// not drop the rest unmerged either. Nothing of it may remain.
TYPED_TEST_P(LetterConformance, RefusesToReleaseLettersOfWhichSomeAreGone) {
  auto& store = this->store();
  this->begin();
  auto expect_conflict = [&](Draft draft, const char* what) {
    const auto result = draft.row("k", "1").discover("new").letter("a", "9", "nine").into(store);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().next, Next::conflict) << what;
    EXPECT_EQ(after_of(store, "new"), "unknown") << what;
    this->expect_unchanged(what);
  };
  expect_conflict(Draft().release("a", "1").release("a", "4"), "one was never there");
  expect_conflict(Draft().release("a", "4").release("a", "1").release("a", "2"), "the first is not there");
  expect_conflict(Draft().release("a", "1").release("a", "2", 0, true), "one unpacked from that record is another");
  expect_conflict(Draft().release("a", "1").release("a", "2", 1), "another place in it");
  expect_conflict(Draft().release("a", "1").release("b", "2"), "another shard");
}

// None of them there is a repetition, also of a pipeline that was forgotten since: nothing comes of it.
TYPED_TEST_P(LetterConformance, ChangesNothingWhenNoneOfTheReleasedLettersIsThere) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().release("a", "1").row("k", "1").discover("a").into(store).ok());
  EXPECT_TRUE(value_of(store.contents()).empty());
  this->begin();
  ASSERT_TRUE(Draft("flights", "kinesis:trains").release("a", "1").row("k", "1").into(store).ok());
  ASSERT_TRUE(Draft("others").release("a", "1").row("k", "1").into(store).ok());
  this->expect_unchanged("other streams and pipelines");
  Draft repeated;
  repeated.release("a", "7").row("k", "1").letter("a", "2", "2").again(9).letter("a", "8", "new").discover("b");
  ASSERT_TRUE(repeated.into(store).ok());
  this->expect_unchanged("with all else that it says");
  EXPECT_EQ(after_of(store, "b"), "unknown");
}

// With a step a commit is recognised by its position, without by its letters; with both, neither would say whether
// all of it is stored. The same with a letter that leaves and comes.
TYPED_TEST_P(LetterConformance, RefusesACommitThatSaysTwoThingsOfItsLetters) {
  auto& store = this->store();
  this->begin();
  auto expect_refused = [&](Draft draft, const char* what) {
    const auto result = draft.row("k", "1").into(store);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().code, "BadCommit") << what;
    this->expect_unchanged(what);
  };
  expect_refused(Draft().release("a", "1").advance("a", "20", "21"), "with a step");
  expect_refused(Draft().release("a", "1").advance("a", "20", "20"), "with a step that says nothing");
  expect_refused(Draft().release("a", "1").release("a", "1"), "released twice");
  expect_refused(Draft().release("a", "1").letter("a", "1"), "released and new");
  expect_refused(Draft().release("a", "1").letter("a", "1").again(2), "released and rewritten");
  expect_refused(Draft().advance("a", "20", "21").letter("a", "1").again(2).letter("a", "1"), "rewritten and new");
  expect_refused(Draft().release("a", "3").letter("a", "1").again(2).letter("a", "1").again(3), "rewritten twice");
  expect_refused(Draft().release("a", "01"), "no sequence number");
  expect_refused(Draft().release("a", std::string(300, '1')), "no sequence number");
  expect_refused(Draft().release("a", "3").letter("a", "x").again(2), "no sequence number");
  expect_refused(Draft().release(std::string(key_bytes_max + 1, 'a'), "1"), "no shard");
  expect_refused(Draft().letter("a", "1", "one").again(2), "a row without step or release");
}

// An aggregated record that failed whole is replayed: some of its records merge, one fails by itself.
TYPED_TEST_P(LetterConformance, PutsNewLettersInThePlaceOfAReleasedOne) {
  auto& store = this->store();
  this->begin();
  Draft replay;
  replay.release("a", "2").row("k", "5").letter("a", "2", "two/4", 4, true);
  ASSERT_TRUE(replay.into(store).ok());
  ASSERT_TRUE(replay.into(store).ok());
  EXPECT_EQ(row_of(store, "k"), "105");
  EXPECT_EQ(letters_of(store), "one,two/4,three");
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{3, 13}));
}

// A replayed letter that fails again stays, with its new reason; one that somebody replayed meanwhile must not come
// back, or its record would be merged a second time.
TYPED_TEST_P(LetterConformance, RewritesLettersThatAreThereAndOnlyThose) {
  auto& store = this->store();
  this->begin();
  Draft draft;
  draft.letter("a", "2", "longer");
  draft.commit.dead_letters.back().code = "MissingKey";
  draft.again(2).letter("a", "4", "four").again(2).letter("b", "2", "b").again(2);
  draft.letter("a", "2", "x", 1, true).again(2);
  for (const auto* time : {"the first time", "repeated"}) {
    ASSERT_TRUE(draft.into(store).ok()) << time;
    EXPECT_EQ(letters_of(store), "one,longer,three") << time;
    EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{3, 14})) << time;
  }
  const auto letter = value_of(store.dead_letter("flights", "kinesis:flights", {"a", stream::SequenceNumber("2")}));
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->attempts, 2U);
  EXPECT_EQ(letter->code, "MissingKey");

  Draft both;  // one of a page is merged, the other fails again
  both.release("a", "1").row("k", "1").letter("a", "3", "3").again(2);
  ASSERT_TRUE(both.into(store).ok());
  ASSERT_TRUE(Draft().release("a", "3").into(store).ok()) << "somebody drops it";
  ASSERT_TRUE(both.into(store).ok());
  EXPECT_EQ(letters_of(store), "longer");
  EXPECT_EQ(row_of(store, "k"), "101");
}

// Without an attempts count kept, an operator cannot tell a letter that was never tried from a hopeless one.
TYPED_TEST_P(LetterConformance, FindsOneLetterByItsName) {
  auto& store = this->store();
  Draft draft;
  draft.discover("a").advance("a", "", "20").letter("a", "10", "whole").letter("a", "10", "0", 0, true);
  draft.letter("a", "10", "7", 7, true);
  draft.commit.dead_letters.back().attempts = 4'000'000'000;
  ASSERT_TRUE(draft.into(store).ok());
  const auto find = [&](LetterId id, std::string_view stream = "kinesis:flights") {
    return value_of(store.dead_letter("flights", stream, id));
  };
  const stream::SequenceNumber ten("10");
  EXPECT_EQ(find({"a", ten}).value().payload, "whole");
  EXPECT_EQ(find({"a", ten}).value().attempts, 1U);
  EXPECT_EQ(find({"a", ten, true, 0}).value().payload, "0");
  const auto letter = find({"a", ten, true, 7}).value();
  EXPECT_EQ(letter.payload, "7");
  EXPECT_EQ(letter.attempts, 4'000'000'000);
  EXPECT_EQ(letter.partition_key, "pk");
  EXPECT_EQ(letter.id(), (LetterId{"a", ten, true, 7}));
  EXPECT_FALSE(find({"a", ten, false, 7}));
  EXPECT_FALSE(find({"a", ten, true, 8}));
  EXPECT_FALSE(find({"b", ten}));
  EXPECT_FALSE(find({"a", stream::SequenceNumber("1")}));
  EXPECT_FALSE(find({"a", stream::SequenceNumber(std::string(256 + 2, '1'))})) << "none can have that name";
  EXPECT_FALSE(find({"a", ten}, "kinesis:trains"));
}

// The bound rests on the sum: one that drifts lets letters pile up, or halts a pipeline that has none.
TYPED_TEST_P(LetterConformance, KeepsTheSumExactWhateverHappensToLetters) {
  auto& store = this->store();
  const auto expect = [&](Draft& draft, std::uint64_t letters, std::uint64_t bytes, const char* what) {
    for (const auto* time : {" ", ", repeated"}) {
      ASSERT_TRUE(draft.into(store).ok()) << what << time;
      EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{letters, bytes})) << what << time;
    }
  };
  expect(Draft().discover("a").advance("a", "", "5").letter("a", "1", "1").letter("a", "2", ""), 2, 1, "two");
  expect(Draft("flights", "s").discover("a").advance("a", "", "5").letter("a", "1", "22"), 3, 3, "another stream");
  expect(Draft().advance("a", "5", "6").letter("a", "6", "333").letter("a", "6", "55555"), 4, 8, "one event twice");
  expect(Draft().advance("a", "6", "7").letter("a", "6", "4444"), 4, 7, "overwritten");
  expect(Draft().letter("a", "6", "666666").again(2), 4, 9, "rewritten with more");
  expect(Draft().letter("a", "6", "").again(3), 4, 3, "rewritten with less");
  expect(Draft().release("a", "1").release("a", "6"), 2, 2, "released");
  expect(Draft("flights", "s").release("a", "1").letter("a", "3", "7777777"), 2, 7, "released, and another");
  expect(Draft().release("a", "2"), 1, 7, "an empty one");
  expect(Draft("flights", "s").release("a", "3"), 0, 0, "the last");
  EXPECT_EQ(value_of(store.dead_letter_sum("others")), LetterSum());
}

// At the bound the pipeline halts: one letter too many would be kept beyond what the operator allowed, one too few
// halts it early. What was refused must not have moved the position, or its record would be lost.
TYPED_TEST_P(LetterConformance, KeepsLettersUpToTheBoundAndNotOneBeyond) {
  auto& store = this->store();
  this->begin();
  auto expect_full = [&](Draft draft, const char* what) {
    const auto result = draft.discover("new").into(store);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().next, Next::refused) << what;
    EXPECT_EQ(result.error().code, "DeadLettersFull") << what;
    EXPECT_EQ(after_of(store, "new"), "unknown") << what;
    this->expect_unchanged(what);
  };
  const auto more = [] {
    Draft draft;
    draft.advance("a", "20", "30").row("k", "1").letter("a", "21", "12345").letter("a", "22", "");
    return draft;
  };
  expect_full(more().bound(4, 1000), "one letter above");
  expect_full(more().bound(1000, 15), "one byte above");
  expect_full(more().bound(0, 0), "none allowed");
  expect_full(Draft().letter("a", "1", "1234").again(2).bound(3, 11), "a rewritten one has grown");
  expect_full(Draft().release("a", "1").letter("a", "7", "").letter("a", "8", "").bound(3, 1000), "two for one");

  auto fits = more();
  fits.bound(5, 16);
  ASSERT_TRUE(fits.into(store).ok());
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{5, 16}));
  fits.bound(1, 1);
  EXPECT_TRUE(fits.into(store).ok()) << "stored already: a repetition takes no room";
  // The bound was lowered since. Emptying must stay possible, and so must whatever adds no letter.
  EXPECT_TRUE(Draft().advance("a", "30", "31").row("k", "1").bound(1, 1).into(store).ok());
  EXPECT_TRUE(Draft().letter("a", "1", "neo").again(2).bound(1, 1).into(store).ok());
  EXPECT_TRUE(Draft().release("a", "1").letter("a", "40", "abc").bound(1, 1).into(store).ok());
  EXPECT_TRUE(Draft().release("a", "2").row("k", "1").bound(1, 1).into(store).ok());
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{4, 13}));
  EXPECT_EQ(row_of(store, "k"), "103");
}

// Loops commit side by side: a bound checked apart from the write would let each of them pass it.
TYPED_TEST_P(LetterConformance, HoldsTheBoundAgainstThreads) {
  auto& store = this->store();
  std::atomic<int> kept{0};
  std::vector<std::thread> pool;
  for (int thread = 0; thread < 4; ++thread) {
    pool.emplace_back([&store, &kept, thread] {
      const auto shard = std::to_string(thread);
      EXPECT_TRUE(Draft().discover(shard).into(store).ok());
      for (int i = 1; i <= 20; ++i) {
        const auto at = i == 1 ? "" : std::to_string(i - 1);
        Draft draft;
        draft.advance(shard, at, std::to_string(i)).letter(shard, "1" + at).bound(50, 99);
        const auto done = draft.into(store);
        if (!done) {
          EXPECT_EQ(done.error().code, "DeadLettersFull");
          return;
        }
        ++kept;
      }
    });
  }
  for (auto& thread : pool) {
    thread.join();
  }
  EXPECT_EQ(kept, 50);
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{50, 50}));
}

// The same letter released by several at once counts once.
TYPED_TEST_P(LetterConformance, MergesALetterOnceThoughThreadsReleaseIt) {
  auto& store = this->store();
  this->begin();
  std::vector<std::thread> pool;
  for (int thread = 0; thread < 4; ++thread) {
    pool.emplace_back([&store] {
      for (const auto* number : {"1", "2", "3"}) {
        EXPECT_TRUE(Draft().release("a", number).row("k", "1").into(store).ok());
      }
    });
  }
  for (auto& thread : pool) {
    thread.join();
  }
  EXPECT_EQ(row_of(store, "k"), "103");
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")), LetterSum());
}

// What remained of a forgotten pipeline would be counted into the one that starts anew under its name; what went
// of its neighbours is lost. The neighbours' names and keys are the nearest there are.
TYPED_TEST_P(LetterConformance, ForgetsOnePipelineAndNothingElse) {
  auto& store = this->store();
  const std::vector<std::string> pipelines{"flight", "flights", "flights ", "flightt"};
  stream::Gap gap;
  gap.shard = "a";
  gap.reason = "trimmed";
  const auto fill = [&](const std::string& pipeline, const std::string& stream) {
    Draft draft(pipeline, stream);
    draft.discover("a").advance("a", "", "5").row("k", "1").row("", "7").row("\xff\xff", "7").letter("a", "1", "one");
    draft.commit.gaps.push_back(gap);
    draft.commit.identity.emplace().arn = "arn";
    draft.commit.start.emplace();
    ASSERT_TRUE(draft.into(store).ok());
  };
  for (const auto& pipeline : pipelines) {
    ASSERT_TRUE(run<void>(store.put_definition(pipeline, "of " + pipeline)).ok());
    fill(pipeline, "kinesis:flights");
    fill(pipeline, "kinesis:trains");
    ASSERT_TRUE(Draft(pipeline).advance("a", "5", "6").row("k", "3").into(store).ok());
  }

  ASSERT_TRUE(run<void>(store.forget("flights")).ok());
  ASSERT_TRUE(run<void>(store.forget("flights")).ok()) << "repeated, its answer was lost";
  ASSERT_TRUE(run<void>(store.forget("unheard of")).ok());

  EXPECT_EQ(value_of(store.contents()).size(), 3U);
  for (const auto& pipeline : pipelines) {
    const bool there = pipeline != "flights";
    EXPECT_EQ(value_of(store.definition(pipeline)).has_value(), there) << pipeline;
    EXPECT_EQ(value_of(store.scan(pipeline, "", "", 100)).size(), there ? 3U : 0U) << pipeline;
    EXPECT_EQ(row_of(store, "k", pipeline), there ? "5" : "") << pipeline;
    EXPECT_EQ(value_of(store.dead_letter_sum(pipeline)), there ? (LetterSum{2, 6}) : LetterSum()) << pipeline;
    for (const auto* stream : {"kinesis:flights", "kinesis:trains"}) {
      const auto positions = value_of(store.positions(pipeline, stream));
      EXPECT_EQ(positions.shards.size(), there ? 1U : 0U) << pipeline;
      EXPECT_EQ(positions.gaps.size(), there ? 1U : 0U) << pipeline;
      EXPECT_EQ(positions.stream.has_value(), there) << pipeline;
      EXPECT_EQ(positions.start.has_value(), there) << pipeline;
      EXPECT_EQ(letters_of(store, pipeline, stream), there ? "one" : "") << pipeline;
    }
  }
  // Whoever still ran it is told, and adds nothing.
  const auto late = Draft().advance("a", "6", "7").row("k", "1").into(store);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().next, Next::conflict);

  fill("flights", "kinesis:flights");
  EXPECT_EQ(row_of(store, "k"), "1") << "from nothing";
  EXPECT_EQ(value_of(store.scan("flights", "", "", 100)).size(), 3U);
  EXPECT_EQ(value_of(store.positions("flights", "kinesis:flights")).gaps.size(), 1U);
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")), (LetterSum{1, 3}));
  EXPECT_FALSE(value_of(store.definition("flights")));
  EXPECT_TRUE(value_of(store.positions("flights", "kinesis:trains")).shards.empty());
}

REGISTER_TYPED_TEST_SUITE_P(LetterConformance, MergesAReleasedLetterOnceHoweverOftenTheCommitIsSent,
                            RefusesToReleaseLettersOfWhichSomeAreGone,
                            ChangesNothingWhenNoneOfTheReleasedLettersIsThere,
                            RefusesACommitThatSaysTwoThingsOfItsLetters, PutsNewLettersInThePlaceOfAReleasedOne,
                            RewritesLettersThatAreThereAndOnlyThose, FindsOneLetterByItsName,
                            KeepsTheSumExactWhateverHappensToLetters, KeepsLettersUpToTheBoundAndNotOneBeyond,
                            HoldsTheBoundAgainstThreads, MergesALetterOnceThoughThreadsReleaseIt,
                            ForgetsOnePipelineAndNothingElse);

}  // namespace weir::state
