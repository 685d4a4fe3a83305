#pragma once

#include <thread>

#include "support.hpp"

/// What every store must do, whatever it is made of. A store takes part with a fixture that has
/// `Store& store()`: INSTANTIATE_TYPED_TEST_SUITE_P(Name, StoreConformance, Fixture). Rows are DecimalSum's.
namespace weir::state {

template <class Fixture>
class StoreConformance : public testing::Test {
 public:
  Store& store() { return fixture_.store(); }

 private:
  Fixture fixture_;
};
TYPED_TEST_SUITE_P(StoreConformance);

// A reader that finds leftovers of nothing would start in the wrong place.
TYPED_TEST_P(StoreConformance, IsEmptyBeforeTheFirstCommit) {
  auto& store = this->store();
  const auto positions = value_of(store.positions("flights", "kinesis:flights"));
  EXPECT_FALSE(positions.stream);
  EXPECT_FALSE(positions.start);
  EXPECT_TRUE(positions.shards.empty());
  EXPECT_TRUE(positions.gaps.empty());
  EXPECT_FALSE(value_of(store.definition("flights")));
  EXPECT_EQ(row_of(store, "JFK"), "");
  EXPECT_TRUE(value_of(store.scan("flights", "", "", 10)).empty());
  EXPECT_TRUE(value_of(store.dead_letters("flights", "kinesis:flights", nullptr, 10)).empty());
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, 0U);
}

TYPED_TEST_P(StoreConformance, AddsTheChangesOfARowAcrossCommits) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "5").row("JFK", "2").row("SFO", "1").into(store).ok());
  ASSERT_TRUE(Draft().advance("a", "5", "9").row("JFK", "40").into(store).ok());
  EXPECT_EQ(row_of(store, "JFK"), "42");
  EXPECT_EQ(row_of(store, "SFO"), "1");
  EXPECT_EQ(after_of(store, "a"), "9");
}

// A fold may hand over one key twice; losing one of the two would lose records.
TYPED_TEST_P(StoreConformance, AddsBothChangesOfAKeyThatComesTwiceInACommit) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "5").row("x", "2").row("y", "7").row("x", "3").into(store).ok());
  EXPECT_EQ(row_of(store, "x"), "5");
}

// The answer of a commit is lost and the host sends it again: everything would count twice.
TYPED_TEST_P(StoreConformance, ChangesNothingWhenACommitIsRepeated) {
  auto& store = this->store();
  Draft first;
  first.discover("a").discover("b").advance("a", "", "5").advance("b", "", "7", true).row("JFK", "2").letter("a", "3");
  stream::Gap gap;
  gap.shard = "a";
  gap.to = stream::SequenceNumber("2");
  first.commit.gaps.push_back(gap);
  ASSERT_TRUE(first.into(store).ok());
  ASSERT_TRUE(first.into(store).ok());
  EXPECT_EQ(row_of(store, "JFK"), "2");
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, 1U);
  EXPECT_EQ(value_of(store.positions("flights", "kinesis:flights")).gaps.size(), 1U);
}

// A shard's end comes after the repeated commit was first stored; the repeat is still recognised.
TYPED_TEST_P(StoreConformance, RecognisesARepeatedCommitAfterTheShardEnded) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "5").row("k", "1").into(store).ok());
  ASSERT_TRUE(Draft().advance("a", "5", "5", true).into(store).ok());
  EXPECT_TRUE(Draft().advance("a", "", "5").row("k", "1").into(store).ok());
  EXPECT_EQ(row_of(store, "k"), "1");
  EXPECT_TRUE(value_of(store.positions("flights", "kinesis:flights")).shards.at("a").ended);
}

// A second writer, or a host that forgot where it was: merging its changes would count records twice, or
// hide those in between. Nothing of the commit may remain.
TYPED_TEST_P(StoreConformance, RefusesAStepFromElsewhereAndChangesNothing) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").discover("b").advance("a", "", "5").row("k", "1").into(store).ok());
  auto expect_conflict = [&](Draft draft, const char* what) {
    const auto result = draft.row("k", "100").letter("a", "4").discover("new").into(store);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().next, Next::conflict) << what;
    EXPECT_EQ(row_of(store, "k"), "1") << what;
    EXPECT_EQ(after_of(store, "a"), "5") << what;
    EXPECT_EQ(after_of(store, "b"), "") << what;
    EXPECT_EQ(after_of(store, "new"), "unknown") << what;
    EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, 0U) << what;
  };
  expect_conflict(Draft().advance("a", "4", "9"), "behind");
  expect_conflict(Draft().advance("a", "6", "9"), "ahead");
  expect_conflict(Draft().advance("a", "", "9"), "from the beginning");
  expect_conflict(Draft().advance("a", "", "5").advance("b", "", "3"), "one step stored, one new");
  expect_conflict(Draft().advance("b", "", "3").advance("a", "3", "9"), "one step new, one from elsewhere");
  expect_conflict(Draft().advance("unheard-of", "", "3"), "a shard never discovered");
}

TYPED_TEST_P(StoreConformance, RefusesToMoveAShardThatEnded) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "5", true).into(store).ok());
  const auto result = Draft().advance("a", "5", "9").row("k", "1").into(store);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().next, Next::conflict);
  EXPECT_EQ(row_of(store, "k"), "");
}

// Without a step nobody could tell such a commit from its repetition.
TYPED_TEST_P(StoreConformance, RefusesRowsAndDeadLettersWithoutAPosition) {
  auto& store = this->store();
  for (auto& draft : {Draft().row("k", "1"), Draft().letter("a", "1"), Draft().discover("a").row("k", "1")}) {
    const auto result = Draft(draft).into(store);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().next, Next::refused);
  }
  EXPECT_EQ(row_of(store, "k"), "");
  EXPECT_EQ(after_of(store, "a"), "unknown");
}

TYPED_TEST_P(StoreConformance, RefusesACommitThatContradictsItself) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").into(store).ok());
  EXPECT_FALSE(Draft().advance("a", "", "5").advance("a", "5", "6").into(store).ok()) << "twice";
  EXPECT_FALSE(Draft().advance("a", "", "05").into(store).ok()) << "no sequence number";
  EXPECT_FALSE(Draft().advance("a", "7", "5").into(store).ok()) << "backwards";
  EXPECT_FALSE(Draft().advance("a", "", "5").row(std::string(key_bytes_max + 1, 'k'), "1").into(store).ok());
  EXPECT_FALSE(Draft("").advance("a", "", "5").into(store).ok()) << "no pipeline";
  EXPECT_EQ(after_of(store, "a"), "");
}

// Sequence numbers order as numbers: "10" comes after "9".
TYPED_TEST_P(StoreConformance, StepsForwardByNumberNotByText) {
  auto& store = this->store();
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "9").into(store).ok());
  EXPECT_TRUE(Draft().advance("a", "9", "10").into(store).ok());
  EXPECT_EQ(after_of(store, "a"), "10");
}

TYPED_TEST_P(StoreConformance, GivesBackEverythingAboutTheStream) {
  auto& store = this->store();
  stream::StreamIdentity identity;
  identity.name = "flights";
  identity.arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";
  identity.created = Timestamp(std::chrono::milliseconds(-1));
  stream::Start start;
  start.type = stream::Start::Type::after_sequence_number;
  start.timestamp = Timestamp(std::chrono::milliseconds(1'700'000'000'123));
  start.shard = "shardId-000000000000";
  start.sequence_number = stream::SequenceNumber("49590338271490256608559692538361571095921575989136588898");
  Draft first;
  first.discover("root", {}, true).discover("child", {"root", "other"});
  first.commit.identity = identity;
  first.commit.start = start;
  ASSERT_TRUE(first.into(store).ok());
  ASSERT_TRUE(first.into(store).ok()) << "again, after a lost answer";
  Draft second;
  stream::Gap gap;
  gap.shard = "root";
  gap.from = stream::SequenceNumber("12");
  gap.reason = "trimmed by retention";
  gap.noticed = Timestamp(std::chrono::milliseconds(5));
  second.commit.gaps.push_back(gap);
  second.advance("root", "", "12").discover("root", {"ignored"});
  ASSERT_TRUE(second.into(store).ok());

  const auto positions = value_of(store.positions("flights", "kinesis:flights"));
  EXPECT_EQ(positions.stream, identity);
  EXPECT_EQ(positions.start, start);
  ASSERT_EQ(positions.shards.size(), 2U);
  EXPECT_EQ(positions.shards.at("root").after.text(), "12");
  EXPECT_TRUE(positions.shards.at("root").from_start);
  EXPECT_TRUE(positions.shards.at("root").parents.empty()) << "known shards are not described again";
  EXPECT_EQ(positions.shards.at("child").parents, (std::vector<std::string>{"root", "other"}));
  ASSERT_EQ(positions.gaps.size(), 1U);
  EXPECT_EQ(positions.gaps[0], gap);
  Draft again;
  again.commit.gaps.push_back(gap);
  ASSERT_TRUE(again.into(store).ok());
  EXPECT_EQ(value_of(store.positions("flights", "kinesis:flights")).gaps.size(), 1U) << "a retry notes it once";
  again.commit.gaps[0].accepted = true;
  gap.accepted = true;
  ASSERT_TRUE(again.into(store).ok());
  again.commit.gaps[0].accepted = false;
  ASSERT_TRUE(again.into(store).ok());
  EXPECT_EQ(value_of(store.positions("flights", "kinesis:flights")).gaps, std::vector<stream::Gap>{gap});
}

// Retention goes on taking after the same record: one loss, whose end and whose acceptance are those of the last
// report. The answer to an earlier report may have been lost, and the commit comes again: that must not take the later
// one back.
TYPED_TEST_P(StoreConformance, KeepsOneGapForALossThatGrows) {
  auto& store = this->store();
  const auto on_record = [&] { return value_of(store.positions("flights", "kinesis:flights")).gaps; };
  stream::Gap gap;
  gap.shard = "root";
  gap.from = stream::SequenceNumber("12");
  gap.to = stream::SequenceNumber("20");
  gap.reason = "trimmed";
  gap.noticed = Timestamp(std::chrono::milliseconds(5));
  gap.accepted = true;
  Draft first;
  first.discover("root");
  first.commit.gaps.push_back(gap);
  first.commit.gaps.back().lost_before = Timestamp(std::chrono::milliseconds(4));
  ASSERT_TRUE(first.into(store).ok());
  EXPECT_EQ(on_record(), std::vector<stream::Gap>{gap}) << "when it was lost is not stored";
  gap.to = stream::SequenceNumber("30");
  gap.reason = "trimmed further";
  gap.noticed = Timestamp(std::chrono::milliseconds(6));
  gap.accepted = false;
  Draft later;
  later.commit.gaps.push_back(gap);
  ASSERT_TRUE(later.into(store).ok());
  EXPECT_EQ(on_record(), std::vector<stream::Gap>{gap});
  ASSERT_TRUE(first.into(store).ok());
  EXPECT_EQ(on_record(), std::vector<stream::Gap>{gap});
  later.commit.gaps.push_back(gap);
  later.commit.gaps.back().from = stream::SequenceNumber("13");
  ASSERT_TRUE(later.into(store).ok());
  EXPECT_EQ(on_record().size(), 2U) << "after another record it is another loss";
}

// A stream deleted and made again has the same shard ids; its numbers mean something else.
TYPED_TEST_P(StoreConformance, RefusesAnotherStreamOrStartUnderTheSameName) {
  auto& store = this->store();
  Draft first;
  first.discover("a");
  first.commit.identity.emplace().arn = "arn:one";
  first.commit.start.emplace();
  ASSERT_TRUE(first.into(store).ok());
  Draft made_again;
  made_again.discover("b");
  made_again.commit.identity = first.commit.identity;
  made_again.commit.identity->created = Timestamp(std::chrono::milliseconds(77));
  made_again.commit.start = first.commit.start;
  const auto result = made_again.into(store);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().next, Next::conflict);
  Draft started_elsewhere;
  started_elsewhere.commit.identity = first.commit.identity;
  started_elsewhere.commit.start.emplace().type = stream::Start::Type::at_timestamp;
  EXPECT_FALSE(started_elsewhere.into(store).ok());
  EXPECT_EQ(after_of(store, "b"), "unknown");
}

TYPED_TEST_P(StoreConformance, KeepsPipelinesAndStreamsApart) {
  auto& store = this->store();
  ASSERT_TRUE(Draft("one", "kinesis:flights")
                  .discover("a")
                  .advance("a", "", "5")
                  .row("k", "1")
                  .letter("a", "2")
                  .into(store)
                  .ok());
  ASSERT_TRUE(Draft("two", "kinesis:flights").discover("a").advance("a", "", "7").row("k", "10").into(store).ok());
  ASSERT_TRUE(Draft("one", "kinesis:trains")
                  .discover("a")
                  .advance("a", "", "9")
                  .row("k", "100")
                  .letter("a", "2")
                  .into(store)
                  .ok());
  EXPECT_EQ(row_of(store, "k", "one"), "101");
  EXPECT_EQ(row_of(store, "k", "two"), "10");
  EXPECT_EQ(after_of(store, "a", "one"), "5");
  EXPECT_EQ(after_of(store, "a", "two"), "7");
  EXPECT_EQ(value_of(store.positions("one", "kinesis:trains")).shards.at("a").after.text(), "9");
  EXPECT_EQ(value_of(store.dead_letter_sum("one")).letters, 2U);
  EXPECT_EQ(value_of(store.dead_letter_sum("two")).letters, 0U);
  EXPECT_EQ(value_of(store.dead_letters("one", "kinesis:trains", nullptr, 10)).size(), 1U);
  EXPECT_EQ(value_of(store.scan("two", "", "", 10)).size(), 1U);
}

TYPED_TEST_P(StoreConformance, KeepsTheDefinition) {
  auto& store = this->store();
  ASSERT_TRUE(run<void>(store.put_definition("flights", "count by origin")).ok());
  EXPECT_EQ(value_of(store.definition("flights")), "count by origin");
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "5").row("k", "1").letter("a", "1").into(store).ok());
  ASSERT_TRUE(run<void>(store.put_definition("flights", "count by carrier")).ok());
  EXPECT_EQ(value_of(store.definition("flights")), "count by carrier");
  EXPECT_FALSE(value_of(store.definition("trains")));
  EXPECT_EQ(row_of(store, "k"), "1");
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, 1U);
}

TYPED_TEST_P(StoreConformance, ReadsManyRowsInTheOrderAsked) {
  auto& store = this->store();
  ASSERT_TRUE(Draft()
                  .discover("a")
                  .advance("a", "", "5")
                  .row("x", "1")
                  .row("", "2")
                  .row(std::string("\0\xff", 2), "3")
                  .into(store)
                  .ok());
  const std::vector<std::string> keys{"none", std::string("\0\xff", 2), "x", "", "x"};
  const auto values = value_of(store.get_many("flights", keys));
  ASSERT_EQ(values.size(), 5U);
  EXPECT_FALSE(values[0]);
  EXPECT_EQ(values[1], "3");
  EXPECT_EQ(values[2], "1");
  EXPECT_EQ(values[3], "2");
  EXPECT_EQ(values[4], "1");
}

// A page that skips or repeats a row shows a wrong total.
TYPED_TEST_P(StoreConformance, ScansRowsPageByPageInKeyOrder) {
  auto& store = this->store();
  const std::vector<std::string> keys{"", "a", std::string("a\0", 2), "aa", "ab", "b", "b\xff", "b\xff\xff", "c"};
  Draft draft;
  draft.discover("s").advance("s", "", "5");
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    draft.row(*key, "1");
  }
  ASSERT_TRUE(draft.into(store).ok());
  auto all = [&](std::string_view prefix, std::size_t rows_max) {
    std::vector<std::string> seen;
    std::string after;
    for (;;) {
      const auto page = value_of(store.scan("flights", prefix, after, rows_max));
      for (const auto& row : page) {
        seen.push_back(row.key);
        EXPECT_EQ(row.value, "1");
      }
      if (page.size() < rows_max) {
        return seen;
      }
      after = page.back().key;
      if (after.empty()) {  // "after nothing" is from the first: an empty key needs a page with another row
        ADD_FAILURE() << "a page of one empty key cannot be continued";
        return seen;
      }
    }
  };
  EXPECT_EQ(all("", 100), keys);
  EXPECT_EQ(all("", 2), keys);
  EXPECT_EQ(all("", 3), keys);
  EXPECT_EQ(all("a", 1), (std::vector<std::string>{"a", std::string("a\0", 2), "aa", "ab"}));
  EXPECT_EQ(all("b\xff", 1), (std::vector<std::string>{"b\xff", "b\xff\xff"}));
  EXPECT_EQ(all("d", 1), std::vector<std::string>());
  EXPECT_TRUE(value_of(store.scan("flights", "", "", 0)).empty());
  EXPECT_EQ(value_of(store.scan("flights", "b", "a", 1))[0].key, "b") << "after something before the prefix";
}

TYPED_TEST_P(StoreConformance, KeepsDeadLettersWholeAndInOrder) {
  auto& store = this->store();
  Draft draft;
  draft.discover("a").discover("b").advance("a", "", "20").advance("b", "", "20");
  const std::string everything = [] {
    std::string bytes(256, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(i);
    }
    return bytes;
  }();
  draft.letter("b", "3", "b3")
      .letter("a", "10", everything)
      .letter("a", "9", "", 2, true)
      .letter("a", "9", "9/0", 0, true);
  draft.letter("a", "9", "9");
  ASSERT_TRUE(draft.into(store).ok());
  const auto letters = value_of(store.dead_letters("flights", "kinesis:flights", nullptr, 100));
  ASSERT_EQ(letters.size(), 5U);
  EXPECT_EQ(letters[0].payload, "9");
  EXPECT_EQ(letters[1].payload, "9/0");
  EXPECT_EQ(letters[2].sub, 2U);
  EXPECT_TRUE(letters[2].unpacked);
  EXPECT_EQ(letters[3].payload, everything);
  EXPECT_EQ(letters[3].sequence_number.text(), "10");
  EXPECT_EQ(letters[4].shard, "b");
  EXPECT_EQ(letters[3].code, "BadJson");
  EXPECT_EQ(letters[3].reason, "the payload ends early");
  EXPECT_EQ(letters[3].partition_key, "pk");
  EXPECT_EQ(letters[3].arrival, Timestamp(std::chrono::milliseconds(1'000'000'000'123)));
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, 5U);

  const DeadLetter* after = nullptr;
  std::vector<DeadLetter> page;
  for (const auto& expected : letters) {
    page = value_of(store.dead_letters("flights", "kinesis:flights", after, 1));
    ASSERT_EQ(page.size(), 1U);
    EXPECT_EQ(page[0].payload, expected.payload);
    after = &expected;
  }
  EXPECT_TRUE(value_of(store.dead_letters("flights", "kinesis:flights", after, 1)).empty());
}

// A hundred letters of 10 MiB would be a gigabyte in memory at once.
TYPED_TEST_P(StoreConformance, PagesDeadLettersByTheirBytes) {
  auto& store = this->store();
  Draft draft;
  const std::string half(letter_page_bytes / 2, 'x');
  draft.discover("a").advance("a", "", "20");
  draft.letter("a", "1", half).letter("a", "2", half).letter("a", "3", half + half + half).letter("a", "4", "");
  ASSERT_TRUE(draft.into(store).ok());
  std::optional<DeadLetter> after;
  std::vector<std::size_t> sizes;
  for (;;) {
    auto page = value_of(store.dead_letters("flights", "kinesis:flights", after ? &*after : nullptr, 100));
    if (page.empty()) {
      break;
    }
    sizes.push_back(page.size());
    after = std::move(page.back());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 1, 1}));
}

// Before the first record it says that nothing older is wanted; from then on what was read, which only grows.
TYPED_TEST_P(StoreConformance, TakesReadUpToAsItIsWithTheFirstRecord) {
  auto& store = this->store();
  const auto at = [](int second) { return Timestamp(std::chrono::seconds(second)); };
  const auto stored = [&store] {
    return value_of(store.positions("flights", "kinesis:flights")).shards.at("a").read_up_to;
  };
  Draft found;
  found.discover("a", {}, true);
  found.commit.discovered.back().second.read_up_to = at(100);
  ASSERT_TRUE(found.into(store).ok());
  EXPECT_EQ(stored(), at(100));
  for (const auto& [from, to, read, expected] : {std::tuple("", "1", 50, 50), {"1", "2", 40, 50}, {"2", "3", 60, 60}}) {
    Draft step;
    step.advance("a", from, to);
    step.commit.advances.back().read_up_to = at(read);
    ASSERT_TRUE(step.into(store).ok());
    EXPECT_EQ(stored(), at(expected)) << to;
  }
}

// Each loop commits its own shards at the same time, and they meet in the rows: a lost update is a lost record.
TYPED_TEST_P(StoreConformance, LosesNothingWhenThreadsCommitTheSameRows) {
  auto& store = this->store();
  constexpr int threads = 4;
  constexpr int commits = 50;
  std::vector<std::thread> pool;
  for (int thread = 0; thread < threads; ++thread) {
    pool.emplace_back([&store, thread] {
      const auto shard = std::to_string(thread);
      std::string at;
      EXPECT_TRUE(Draft().discover(shard).into(store).ok());
      for (int i = 1; i <= commits; ++i) {
        const auto next = std::to_string(i);
        Draft draft;
        draft.advance(shard, at, next).row("shared", "1").row("of " + shard, "1").letter(shard, next);
        for (int key = 0; key < 20; ++key) {
          draft.row("many " + std::to_string(key), "1");
        }
        EXPECT_TRUE(draft.into(store).ok());
        if (i % 10 == 0) {
          EXPECT_TRUE(draft.into(store).ok()) << "repeated";
          EXPECT_FALSE(value_of(store.scan("flights", "", "", 5)).empty());
          EXPECT_TRUE(run<void>(store.sync()).ok());
        }
        at = next;
      }
    });
  }
  for (auto& thread : pool) {
    thread.join();
  }
  EXPECT_EQ(row_of(store, "shared"), std::to_string(threads * commits));
  EXPECT_EQ(row_of(store, "many 7"), std::to_string(threads * commits));
  EXPECT_EQ(row_of(store, "of 2"), std::to_string(commits));
  EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, std::uint64_t{threads * commits});
}

REGISTER_TYPED_TEST_SUITE_P(StoreConformance, IsEmptyBeforeTheFirstCommit, AddsTheChangesOfARowAcrossCommits,
                            AddsBothChangesOfAKeyThatComesTwiceInACommit, ChangesNothingWhenACommitIsRepeated,
                            RecognisesARepeatedCommitAfterTheShardEnded, RefusesAStepFromElsewhereAndChangesNothing,
                            RefusesToMoveAShardThatEnded, RefusesRowsAndDeadLettersWithoutAPosition,
                            RefusesACommitThatContradictsItself, StepsForwardByNumberNotByText,
                            GivesBackEverythingAboutTheStream, KeepsOneGapForALossThatGrows,
                            RefusesAnotherStreamOrStartUnderTheSameName, KeepsPipelinesAndStreamsApart,
                            KeepsTheDefinition, ReadsManyRowsInTheOrderAsked, ScansRowsPageByPageInKeyOrder,
                            KeepsDeadLettersWholeAndInOrder, PagesDeadLettersByTheirBytes,
                            TakesReadUpToAsItIsWithTheFirstRecord, LosesNothingWhenThreadsCommitTheSameRows);

}  // namespace weir::state
