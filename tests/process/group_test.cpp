#include "weir/process/group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batches.hpp"
#include "tests/support/scripted_store.hpp"
#include "tests/support/word_count.hpp"
#include "weir/simulation/virtual_time.hpp"

namespace weir::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;
using Counts = std::map<std::string, std::string>;
using Answer = weir::testing::ScriptedStore::Answer;

constexpr const char* source = "test:words";

// A pipeline with a store of its own, as it is when two files are run together.
struct Counted {
  Counted(std::string name, Clock& clock) : pipeline(std::move(name)) { store.emplace(combiner, clock); }

  weir::testing::DecimalCombiner combiner;
  weir::testing::WordCount pipeline;
  std::optional<weir::testing::ScriptedStore> store;
  std::optional<Board> board;
  stream::Positions positions;
};

// Two pipelines on one read, virtual time.
class GroupTest : public ::testing::Test {
 protected:
  void begin(Counted& counted, const stream::Start& start, const std::vector<std::string>& shards) {
    state::Commit first;
    first.pipeline = counted.pipeline.name();
    first.stream = source;
    first.identity = stream::StreamIdentity();
    first.start = start;
    for (const auto& id : shards) {
      stream::ShardPosition position;
      position.from_start = true;
      first.discovered.emplace_back(id, position);
    }
    ASSERT_TRUE(time.run(counted.store->commit(first)));
  }
  void begin() {
    begin(one, stream::Start(), {"s0", "s1"});
    begin(two, stream::Start(), {"s0", "s1"});
  }

  void start() {
    std::vector<stream::Positions> each;
    for (auto* counted : {&one, &two}) {
      counted->board.emplace();
      counted->positions = *time.run(counted->store->positions(counted->pipeline.name(), source));
      each.push_back(counted->positions);
    }
    read_from = lowest(each);
    std::vector<std::unique_ptr<Processor>> processors;
    for (auto* counted : {&one, &two}) {
      Processor::Context context;
      context.store = &*counted->store;
      context.clock = &time;
      context.pipeline = &counted->pipeline;
      context.board = &*counted->board;
      context.stream = source;
      context.on_gap = on_gap;
      context.limits = limits;
      processors.push_back(std::make_unique<Processor>(context, counted->positions, read_from));
    }
    group = std::make_unique<Group>(std::move(processors), log);
    running.reset();
    time.start(group->run(std::stop_token()), running);
  }

  stream::Batch batch(const std::string& shard, std::uint64_t first, const Words& words) {
    return batches.make(shard, first, words);
  }
  Result<void> accept(stream::Batch made) { return time.run(group->accept(std::move(made))); }
  Result<void> close() {
    group->close();
    time.run_while([&] { return !running; });
    return *running;
  }

  Counts rows(Counted& counted) {
    Counts counts;
    const auto page = time.run(counted.store->scan(counted.pipeline.name(), "", "", 100));
    for (const auto& row : *page) {
      counts[row.key] = row.value;
    }
    return counts;
  }
  stream::Positions positions(Counted& counted) {
    return *time.run(counted.store->positions(counted.pipeline.name(), source));
  }

  simulation::VirtualTime time;
  weir::testing::Batches batches{time};
  Counted one{"one", time};
  Counted two{"two", time};
  OnGap on_gap = OnGap::halt;
  Limits limits;
  Log log;
  stream::Positions read_from;
  std::unique_ptr<Group> group;
  std::optional<Result<void>> running;
};

TEST_F(GroupTest, GivesEveryRecordToEachPipeline) {
  begin();
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b"})));
  ASSERT_TRUE(accept(batch("s1", 1, {"a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(one), (Counts{{"a", "2"}, {"b", "1"}}));
  EXPECT_EQ(rows(two), rows(one));
}

// They need not stand at the same place: the reader opens at the lowest, and who is ahead must not count again.
TEST_F(GroupTest, PassesOverWhatOneHasCountedAlready) {
  begin();
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  ASSERT_TRUE(close());
  one.pipeline.policy.on_failure = pipelines::OnFailure::halt;
  start();
  ASSERT_TRUE(accept(batch("s0", 2, {"bad", "a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(one), (Counts{{"a", "1"}}));
  EXPECT_EQ(rows(two), (Counts{{"a", "2"}}));

  one.pipeline.policy.on_failure = pipelines::OnFailure::skip;
  start();
  EXPECT_EQ(read_from.shards["s0"].after.text(), "1");
  ASSERT_TRUE(accept(batch("s0", 2, {"bad", "a"})));
  ASSERT_TRUE(accept(batch("s0", 4, {"a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(one), (Counts{{"a", "3"}}));
  EXPECT_EQ(rows(two), (Counts{{"a", "3"}}));
}

// One that halts holds back only itself; its position stays, and the log names it.
TEST_F(GroupTest, GoesOnWithoutAPipelineThatHalts) {
  std::vector<std::string> errors;
  log = [&](LogLevel level, std::string_view line) {
    if (level == LogLevel::error) {
      errors.emplace_back(line);
    }
  };
  one.pipeline.policy.on_failure = pipelines::OnFailure::halt;
  begin();
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "bad"})));
  ASSERT_TRUE(accept(batch("s1", 1, {"a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(one), (Counts{{"a", "1"}}));
  EXPECT_EQ(positions(one).shards["s0"].after.text(), "1");
  EXPECT_TRUE(one.board->is_halted());
  EXPECT_EQ(rows(two), (Counts{{"a", "2"}}));
  EXPECT_FALSE(two.board->is_halted());
  EXPECT_THAT(errors, ElementsAre(HasSubstr("record words/s0/2 failed")));
}

// With nobody left, reading on would go nowhere.
TEST_F(GroupTest, FailsWhenAllHaveHalted) {
  one.pipeline.policy.on_failure = pipelines::OnFailure::halt;
  two.pipeline.policy.on_failure = pipelines::OnFailure::halt;
  begin();
  start();
  EXPECT_FALSE(accept(batch("s0", 1, {"bad"})));
  time.run_while([&] { return !running; });
  EXPECT_FALSE(*running);
}

// A store that is gone for good ends its pipeline while nothing is being read: the other still commits.
TEST_F(GroupTest, OutlivesTheStoreOfOne) {
  begin();
  start();
  one.store->script = {Answer::refuses};
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  time.run_for(seconds(5));
  EXPECT_TRUE(one.board->is_halted());
  EXPECT_FALSE(running);
  ASSERT_TRUE(accept(batch("s0", 2, {"a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(two), (Counts{{"a", "2"}}));
}

// When the last one ends so, the loop must end too, though another halted elsewhere and only waits here.
TEST_F(GroupTest, EndsWhenTheLastHaltsBesideOneThatHaltedElsewhere) {
  begin();
  start();
  two.board->halt(refused("Elsewhere", "in another loop"));
  one.store->script = {Answer::refuses};
  static_cast<void>(accept(batch("s0", 1, {"a"})));
  time.run_while([&] { return !running; });
  EXPECT_FALSE(*running);
}

// The children of a shard are read once its end is committed in every pipeline, not in the quickest.
TEST_F(GroupTest, SettlesWhenTheLastHasCommitted) {
  begin();
  start();
  two.store->takes = seconds(3);
  auto end = batch("s0", 1, {"a"});
  end.end.emplace();
  ASSERT_TRUE(accept(std::move(end)));
  const auto before = time.elapsed();
  ASSERT_TRUE(time.run(group->settled("s0")));
  EXPECT_GE(time.elapsed() - before, seconds(3));
  EXPECT_TRUE(positions(one).shards["s0"].ended);
  EXPECT_TRUE(positions(two).shards["s0"].ended);
  ASSERT_TRUE(close());
}

// A pipeline that was added later began later: what arrived before is not its own, though it is read.
TEST_F(GroupTest, BeginsAtEachPipelinesOwnStart) {
  begin(one, stream::Start(), {"s0", "s1"});
  stream::Start later;
  later.type = stream::Start::Type::at_timestamp;
  later.timestamp = time.now() + seconds(10);
  begin(two, later, {"s0", "s1"});
  start();
  EXPECT_EQ(read_from.start->type, stream::Start::Type::trim_horizon);
  auto mixed = batch("s0", 1, {"a", "b", "c", "d"});
  mixed.records[1].arrival = time.now() + seconds(9);
  mixed.records[2].arrival = later.timestamp;
  mixed.records[3].arrival = time.now();  // arrival times are not in order; the first in time opens the door
  ASSERT_TRUE(accept(std::move(mixed)));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(one), (Counts{{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}}));
  EXPECT_EQ(rows(two), (Counts{{"c", "1"}, {"d", "1"}}));
}

// Nothing of it has arrived yet: the position must not move past what was passed over, or the rule is forgotten.
TEST_F(GroupTest, KeepsThePlaceOfAPipelineWhoseStartHasNotCome) {
  begin(one, stream::Start(), {"s0"});
  stream::Start later;
  later.type = stream::Start::Type::at_timestamp;
  later.timestamp = time.now() + seconds(10);
  begin(two, later, {"s0"});
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(positions(two).shards["s0"].after.text(), "");
  start();
  EXPECT_EQ(read_from.shards["s0"].after.text(), "");
  time.pass(seconds(20));
  auto more = batch("s0", 1, {"a", "b"});
  more.records[0].arrival = time.now() - seconds(20);
  ASSERT_TRUE(accept(std::move(more)));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(two), (Counts{{"b", "1"}}));
  EXPECT_EQ(rows(one), (Counts{{"a", "1"}, {"b", "1"}}));
}

// A start by sequence number takes in its own shard and those that descend from it; the others' shards pass by.
TEST_F(GroupTest, KeepsAPipelineToItsOwnShards) {
  begin(one, stream::Start(), {"s0", "s1"});
  stream::Start by_number;
  by_number.type = stream::Start::Type::after_sequence_number;
  by_number.shard = "s1";
  by_number.sequence_number = stream::SequenceNumber("1");
  begin(two, by_number, {"s1"});
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  auto end = batch("s1", 1, {"b", "c"});
  stream::Shard child;
  child.id = "s2";
  child.parents = {"s1"};
  end.end = std::vector<stream::Shard>{child};
  ASSERT_TRUE(accept(std::move(end)));
  std::vector<std::pair<stream::ShardId, stream::ShardPosition>> seen(2);
  seen[0].first = "s3";
  seen[0].second.parents = {"s0"};
  seen[1].first = "s4";
  seen[1].second.parents = {"s2"};
  ASSERT_TRUE(time.run(group->discovered(seen)));
  ASSERT_TRUE(accept(batch("s2", 1, {"d"})));
  ASSERT_TRUE(accept(batch("s3", 1, {"e"})));
  ASSERT_TRUE(accept(batch("s4", 1, {"f"})));
  ASSERT_TRUE(close());
  EXPECT_EQ(rows(one).size(), 6U);
  EXPECT_EQ(rows(two), (Counts{{"c", "1"}, {"d", "1"}, {"f", "1"}}));
  EXPECT_FALSE(positions(two).shards.contains("s0"));
  EXPECT_FALSE(positions(two).shards.contains("s3"));
}

// Records of a shard that no pipeline was told of would be counted by nobody.
TEST_F(GroupTest, RefusesAShardThatNobodyWasToldOf) {
  begin();
  start();
  EXPECT_FALSE(accept(batch("s9", 1, {"a"})));
  static_cast<void>(close());
}

// What one had read before it was trimmed is no loss to it.
TEST_F(GroupTest, TellsAGapToThoseWhoLostSomething) {
  begin();
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a", "b"})));
  ASSERT_TRUE(close());
  two.store.emplace(two.combiner, time);
  begin(two, stream::Start(), {"s0", "s1"});
  start();
  stream::Gap gap;
  gap.shard = "s0";
  gap.to = stream::SequenceNumber("2");
  gap.reason = "trimmed";
  EXPECT_TRUE(time.run(group->gap(gap))) << "the first goes on";
  EXPECT_FALSE(one.board->is_halted());
  EXPECT_THAT(positions(one).gaps, IsEmpty());
  EXPECT_TRUE(two.board->is_halted());
  EXPECT_EQ(positions(two).gaps.size(), 1U);
  ASSERT_TRUE(close());
}

// Nothing follows what was trimmed, so no record tells who had read beyond it: the time does. Halted by another's loss,
// with a gap of its own on record, a pipeline with right totals would be thought wrong for ever.
TEST_F(GroupTest, HaltsNobodyWhoHadReadBeyondALossWithoutAnEnd) {
  begin();
  state::Commit read;
  read.pipeline = "one";
  read.stream = source;
  read.observed.emplace_back("s0", Timestamp(std::chrono::hours(60)));
  ASSERT_TRUE(time.run(one.store->commit(read)));
  start();
  stream::Gap gap;
  gap.shard = "s0";
  gap.reason = "trimmed";
  gap.lost_before = Timestamp(std::chrono::hours(50));
  EXPECT_TRUE(time.run(group->gap(gap))) << "the first goes on";
  EXPECT_FALSE(one.board->is_halted());
  EXPECT_THAT(positions(one).gaps, IsEmpty());
  EXPECT_TRUE(two.board->is_halted());
  EXPECT_EQ(positions(two).gaps.size(), 1U);
  ASSERT_TRUE(close());
}

stream::Positions at(std::string number, bool ended = false) {
  stream::Positions positions;
  positions.stream.emplace();
  positions.start.emplace();
  positions.shards["s0"].after = stream::SequenceNumber(std::move(number));
  positions.shards["s0"].ended = ended;
  return positions;
}

// Sequence numbers are numbers: 9 is below 10.
TEST(Lowest, IsTheLowestOfThoseThatHaveNotEnded) {
  const std::vector<stream::Positions> some{at("10"), at("9"), at("11", true)};
  EXPECT_EQ(lowest(some).shards["s0"].after.text(), "9");
  EXPECT_FALSE(lowest(some).shards["s0"].ended);
  const std::vector<stream::Positions> all{at("10", true), at("11", true)};
  EXPECT_TRUE(lowest(all).shards["s0"].ended);
}

// Who has not begun a shard begins where its own start says; the lowest of two begins at the horizon if either does.
TEST(Lowest, BeginsAtTheHorizonWhereOneMust) {
  auto born_later = at("");
  auto from_start = at("");
  from_start.shards["s0"].from_start = true;
  const std::vector<stream::Positions> mixed{from_start, born_later};
  EXPECT_FALSE(lowest(mixed).shards["s0"].from_start);
  const std::vector<stream::Positions> same{from_start, from_start};
  EXPECT_TRUE(lowest(same).shards["s0"].from_start);
}

TEST(Lowest, TakesTheEarlierOfTwoTimes) {
  auto early = at("");
  early.start->type = stream::Start::Type::at_timestamp;
  early.start->timestamp = Timestamp(seconds(10));
  auto late = early;
  late.start->timestamp = Timestamp(seconds(20));
  const std::vector<stream::Positions> two{late, early};
  EXPECT_EQ(lowest(two).start->timestamp, Timestamp(seconds(10)));
  auto by_number = at("");
  by_number.start->type = stream::Start::Type::at_sequence_number;
  const std::vector<stream::Positions> other{late, by_number};
  EXPECT_EQ(lowest(other).start->type, stream::Start::Type::trim_horizon);
}

// A loss that one accepted is news to another who stands at the same place.
TEST(Lowest, KeepsAGapAcceptedOnlyWhereAllHave) {
  auto accepted = at("5");
  stream::Gap gap;
  gap.shard = "s0";
  gap.from = stream::SequenceNumber("5");
  gap.accepted = true;
  accepted.gaps.push_back(gap);
  const auto any_accepted = [](const stream::Positions& positions) {
    return std::ranges::any_of(positions.gaps, &stream::Gap::accepted);
  };
  const std::vector<stream::Positions> one_of_two{accepted, at("5")};
  EXPECT_FALSE(any_accepted(lowest(one_of_two)));
  const std::vector<stream::Positions> other_is_ahead{accepted, at("6")};
  EXPECT_TRUE(any_accepted(lowest(other_is_ahead)));
}

// The first pipeline is slow, and the source reads ahead meanwhile: that is no news for the second, whose turn has not
// come. A note that says otherwise would hide the loss of these records.
TEST_F(GroupTest, NotesNothingForOneWhoseTurnHasNotCome) {
  limits.records_max = 1;
  begin();
  start();
  ASSERT_TRUE(accept(batch("s0", 1, {"a"})));
  ASSERT_TRUE(time.run(group->settled("s0")));
  one.store->takes = std::chrono::minutes(10);
  ASSERT_TRUE(accept(batch("s1", 1, {"a"})));
  time.run_for(seconds(1));
  ASSERT_TRUE(accept(batch("s1", 2, {"a"})));
  std::optional<Result<void>> waiting;
  time.start(group->accept(batch("s0", 2, {"b"})), waiting);
  time.run_for(seconds(1));
  ASSERT_FALSE(waiting);
  const auto status = weir::testing::caught_up("s0", time.now() + std::chrono::hours(1));
  group->report(status);
  time.run_for(std::chrono::minutes(5));
  ASSERT_FALSE(waiting);
  EXPECT_EQ(positions(two).shards["s0"].after.text(), "1");
  EXPECT_LT(positions(two).shards["s0"].read_up_to, status.read_up_to);
  EXPECT_TRUE(close());
}

// The log tells who looks at three in the morning which shard is in trouble, why, and when it is over; a quiet
// shard's coming and going is left out.
TEST_F(GroupTest, LogsTroubleAndItsEnd) {
  std::vector<std::pair<LogLevel, std::string>> lines;
  log = [&](LogLevel level, std::string_view line) { lines.emplace_back(level, line); };
  begin();
  start();
  const auto report = [&](stream::ShardState state, std::string reason) {
    stream::ShardStatus status;
    status.shard = "s0";
    status.state = state;
    status.reason = std::move(reason);
    group->report(status);
  };
  report(stream::ShardState::starting, "");
  EXPECT_THAT(lines, IsEmpty());
  report(stream::ShardState::caught_up, "");
  report(stream::ShardState::reading, "");
  report(stream::ShardState::caught_up, "");
  report(stream::ShardState::throttled, "slow down");
  report(stream::ShardState::throttled, "slow down");
  report(stream::ShardState::reading, "");
  report(stream::ShardState::gap, "trimmed");
  using Line = std::pair<LogLevel, std::string>;
  EXPECT_THAT(lines,
              ElementsAre(Line(LogLevel::info, "s0: caught up"), Line(LogLevel::warning, "s0: throttled: slow down"),
                          Line(LogLevel::debug, "s0: throttled: slow down"), Line(LogLevel::info, "s0: reading"),
                          Line(LogLevel::error, "s0: gap: trimmed")));
  EXPECT_EQ(one.board->shard_trouble(), "1 of 1 shards gap: trimmed");
  EXPECT_TRUE(close());
}

}  // namespace
}  // namespace weir::process
