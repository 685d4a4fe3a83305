// How a pipeline that unpacks is folded, and what that must not change about positions.

#include "tests/process/processor_fixture.hpp"
#include "tests/support/kpl.hpp"
#include "weir/process/letters.hpp"

namespace weir::process::testing {
namespace {

// The words of one record, as a producer aggregates them under keys "k0", "k1", ...
std::string aggregate(const Words& words) {
  std::vector<weir::testing::KplRecord> records;
  for (const auto& word : words) {
    records.push_back({word, "k" + std::to_string(records.size()), {}});
  }
  return weir::testing::kpl_aggregate(records);
}

class UnpackingTest : public ProcessorTest {
 protected:
  UnpackingTest() { context.pipeline = &unpacking; }
  weir::testing::WordCount unpacking{"words", true};
};

TEST_F(UnpackingTest, FoldsUserRecordsAndMovesByWholeRecords) {
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {aggregate({"a", "b", "a"}), "plain", aggregate({"a"}), "plain"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(store.commits, 1U);
  EXPECT_EQ(rows(), (Counts{{"a", "3"}, {"b", "1"}, {"plain", "2"}}));
  EXPECT_EQ(position("s0").after.text(), "4");
  const auto totals = board.totals();
  EXPECT_EQ(totals.records, 4U);
  EXPECT_EQ(totals.user_records, 4U);
  EXPECT_EQ(totals.unfiltered, 4U) << "nobody said what the shard owns";
  EXPECT_EQ(totals.broken_aggregates, 0U);
  EXPECT_TRUE(close());
}

// A pipeline that does not ask for it counts what comes, whatever it looks like.
TEST_F(ProcessorTest, UnpacksNothingUnasked) {
  const auto whole = aggregate({"a", "b"});
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {whole})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{whole, "1"}}));
  EXPECT_EQ(board.totals().user_records, 0U);
}

// A failing user record is kept as it lay in the aggregated one; those beside it count, and a repeat of the whole
// makes neither of them twice.
TEST_F(UnpackingTest, KeepsAFailingUserRecordByItself) {
  start();
  ASSERT_TRUE(accept(batch("s0", 7, {"bad", aggregate({"a", "bad", "throw", "b", "bad"}), "c"})));
  ASSERT_TRUE(accept(batch("s0", 7, {"bad", aggregate({"a", "bad", "throw", "b", "bad"}), "c"})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"b", "1"}, {"c", "1"}}));
  EXPECT_EQ(position("s0").after.text(), "9");
  std::vector<std::string> told;
  for (const auto& letter : dead_letters()) {
    told.push_back(letter.sequence_number.text() + (letter.unpacked ? "/" + std::to_string(letter.sub) : "") + " " +
                   letter.partition_key + " " + letter.code + " " + letter.payload);
  }
  EXPECT_THAT(told, ElementsAre("7 key Bad bad", "8/1 k1 Bad bad", "8/2 k2 Exception throw", "8/4 k4 Bad bad"));
  EXPECT_EQ(board.totals().dead_letters, 4U);
  EXPECT_TRUE(close());
}

// The commit after an aggregated record holds all of it, however small the limits: a position inside of one does
// not exist, so half of it would be counted twice after a crash.
TEST_F(UnpackingTest, NoCommitSplitsAnAggregatedRecord) {
  context.limits.records_max = 1;
  context.limits.bytes_max = 1;
  Words words;
  for (int i = 0; i < 5000; ++i) {
    words.push_back("w" + std::to_string(i % 7));
  }
  start();
  store.script.assign(3, Answer::loses_its_answer);
  ASSERT_TRUE(accept(batch("s0", 1, {aggregate(words)})));
  ASSERT_TRUE(settled("s0"));
  EXPECT_EQ(store.advances, 4U) << "one commit, whose answer was lost three times";
  EXPECT_EQ(position("s0").after.text(), "1");
  EXPECT_EQ(rows()["w0"], "715");
  EXPECT_EQ(rows()["w6"], "714");
  ASSERT_TRUE(accept(batch("s0", 2, {aggregate(words)})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows()["w0"], "1430");
}

// At the bound too: an aggregated record whose failures have no room is not begun, whatever lies before it in the
// round.
TEST_F(UnpackingTest, HaltsBeforeAWholeRecordAtTheBound) {
  unpacking.policy.letters_max = 3;
  const auto made = [this] {
    return batch("s0", 1, {aggregate({"a", "bad"}), aggregate({"b"}), "bad", aggregate({"c", "bad", "c", "bad"}), "d"});
  };
  start();
  const auto taken = accept(made());
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("record words/s0/4/1 failed (Bad"));
  EXPECT_FALSE(close());
  EXPECT_EQ(position("s0").after.text(), "3");
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"b", "1"}}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
  EXPECT_EQ(board.totals().user_records, 3U);

  unpacking.policy.letters_max = 4;
  start();
  EXPECT_TRUE(accept(made()));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "1"}, {"b", "1"}, {"c", "2"}, {"d", "1"}}));
  EXPECT_EQ(position("s0").after.text(), "5");
  EXPECT_THAT(dead_letters(), SizeIs(4));
  EXPECT_EQ(board.totals().user_records, 7U);
}

TEST_F(UnpackingTest, HaltsBeforeAWholeRecordThatFailsInPart) {
  unpacking.policy.on_failure = pipelines::OnFailure::halt;
  start();
  const auto taken = accept(batch("s0", 1, {aggregate({"a", "b"}), "a", aggregate({"c", "bad"}), "d"}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "FailedRecord");
  EXPECT_THAT(taken.error().message, HasSubstr("record words/s0/3/1 failed (Bad"));
  EXPECT_FALSE(close());
  EXPECT_EQ(position("s0").after.text(), "2");
  EXPECT_EQ(rows(), (Counts{{"a", "2"}, {"b", "1"}}));
}

// Around the size of the parts in which records are unpacked, and beyond it, with room for all, for some and for none.
TEST_F(UnpackingTest, TakesWholeRecordsOfAnySizeAtAnyBound) {
  std::uint64_t number = 1;
  for (const std::size_t size : {1022U, 1023U, 1024U, 1025U, 2048U, 2049U, 3000U}) {
    for (const std::size_t failing : {0U, 1U, 600U}) {
      Words words(size, "a");
      for (std::size_t i = 0; i < failing; ++i) {
        words[size - 1 - i] = "bad";
      }
      for (const std::size_t bound : {0U, 1U, 599U, 600U, 5000U}) {
        SCOPED_TRACE(std::to_string(size) + " with " + std::to_string(failing) + " failing, bound " +
                     std::to_string(bound));
        unpacking.policy.letters_max = bound;
        const auto before = rows()["a"];
        const auto counted = before.empty() ? 0 : std::stoul(before);
        const bool fits = failing <= bound;
        start();
        EXPECT_EQ(accept(batch("s0", number, {aggregate({"a", "a"}), aggregate(words), aggregate({"a"})})).ok(), fits);
        EXPECT_EQ(close().ok(), fits);
        EXPECT_EQ(rows()["a"], std::to_string(counted + 2 + (fits ? size - failing + 1 : 0)));
        EXPECT_EQ(time.run(store.dead_letter_sum("words"))->letters, fits ? failing : 0);
        EXPECT_EQ(position("s0").after.text(), std::to_string(number + (fits ? 2 : 0)));
        const LetterProgress progress = [](const LetterOutcome&) -> Task<void> { co_return Result<void>(); };
        ASSERT_TRUE(time.run(drop_letters(store, unpacking, "test:words", {}, progress)));
        number += 3;
      }
    }
  }
}

// After a split the producer sends to the right shard what this one must not count.
TEST_F(UnpackingTest, LeavesOutAndCountsWhatBelongsToAnotherShard) {
  const Words words{"a", "b", "c", "d", "e", "f", "bad", "g"};
  const auto middle = stream::HashKey{1} << 127U;
  start();
  auto lower = batch("s0", 1, {aggregate(words), "outside, but whole"});
  lower.hash_range = stream::HashRange{0, middle - 1};
  auto upper = batch("s1", 1, {aggregate(words)});
  upper.hash_range = stream::HashRange{middle, ~stream::HashKey{0}};
  ASSERT_TRUE(accept(std::move(lower)));
  ASSERT_TRUE(settled("s0"));
  const auto misplaced = board.totals().misplaced;
  EXPECT_GT(misplaced, 0U);
  EXPECT_LT(misplaced, words.size());
  ASSERT_TRUE(accept(std::move(upper)));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{"a", "1"},
                            {"b", "1"},
                            {"c", "1"},
                            {"d", "1"},
                            {"e", "1"},
                            {"f", "1"},
                            {"g", "1"},
                            {"outside, but whole", "1"}}));
  EXPECT_THAT(dead_letters(), SizeIs(1)) << "the failing one belongs to one shard too";
  EXPECT_EQ(dead_letters()[0].sub, 6U) << "its place among all, also where some are left out";
  EXPECT_EQ(board.totals().misplaced, words.size());
  EXPECT_EQ(board.totals().unfiltered, 0U);
}

// What is damaged on its way is one record, whole, for the decoder to judge; and it is counted.
TEST_F(UnpackingTest, CountsWhatOnlyLooksAggregated) {
  auto damaged = aggregate({"a", "b"});
  damaged.back() ^= 1;
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {damaged, "a"})));
  EXPECT_TRUE(close());
  EXPECT_EQ(rows(), (Counts{{damaged, "1"}, {"a", "1"}}));
  EXPECT_EQ(board.totals().broken_aggregates, 1U);
  EXPECT_EQ(board.totals().user_records, 0U);
}

// A child's range is stored with it: the worker that reads it may be another one.
TEST_F(UnpackingTest, StoresWhatAChildOwns) {
  start();
  auto last = batch("s0", 1, {"a"});
  stream::Shard child;
  child.id = "child";
  child.parents = {"s0"};
  child.hash_range = stream::HashRange{5, 9};
  last.end.emplace().push_back(child);
  ASSERT_TRUE(accept(std::move(last)));
  EXPECT_TRUE(close());
  EXPECT_EQ(position("child").hash_range, child.hash_range);
}

}  // namespace
}  // namespace weir::process::testing
