#include "kinesis/shard_map.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::kinesis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

ShardMap::Entry shard(const std::string& id, std::vector<std::string> parents = {}, bool ended = false) {
  stream::ShardPosition position;
  position.parents = std::move(parents);
  position.ended = ended;
  return {id, position};
}

std::vector<std::string> taken(ShardMap& map, std::uint32_t loop = 0) {
  std::vector<std::string> ids;
  for (auto& [id, position] : map.take(loop)) {
    ids.push_back(id);
  }
  return ids;
}

// A child's records are newer than its parent's: read early, they would be counted before what they follow.
TEST(ShardMap, HoldsAChildBackUntilItsParentHasEnded) {
  ShardMap map;
  map.reset(1);
  map.add({shard("parent"), shard("left", {"parent"}), shard("right", {"parent"})});
  EXPECT_THAT(taken(map), ElementsAre("parent"));
  EXPECT_THAT(taken(map), IsEmpty());
  EXPECT_THAT(map.waiting(), UnorderedElementsAre(std::pair("left", "parent"), std::pair("right", "parent")));

  map.ended("parent");
  EXPECT_THAT(taken(map), UnorderedElementsAre("left", "right"));
}

// A merge has two parents, which end at different times and on different loops.
TEST(ShardMap, HoldsAMergesChildBackUntilBothParentsHaveEnded) {
  ShardMap map;
  map.reset(1);
  map.add({shard("a"), shard("b"), shard("child", {"a", "b"})});
  EXPECT_THAT(taken(map), UnorderedElementsAre("a", "b"));
  map.ended("a");
  EXPECT_THAT(taken(map), IsEmpty());
  map.ended("b");
  EXPECT_THAT(taken(map), ElementsAre("child"));
}

// The listing may show a child before its parent's end was reached, or without its parent, which
// retention took long ago.
TEST(ShardMap, ReadsAShardWhoseParentNoListingShows) {
  ShardMap map;
  map.reset(1);
  const auto listing = map.begin_listing();
  map.add_listed({shard("child", {"long gone"})}, listing);
  EXPECT_THAT(taken(map), IsEmpty());
  map.end_listing(listing);
  EXPECT_THAT(taken(map), ElementsAre("child"));
}

// One parent of a merge ends and names the child before anybody has told of the other parent: it must not be
// taken for one that is long gone. A listing under way may have passed it by already; the next one has not.
TEST(ShardMap, AsksForAListingBeforeAParentCountsAsGone) {
  ShardMap map;
  map.reset(1);
  const auto before = map.begin_listing();
  map.add({shard("a", {}, true), shard("child", {"a", "b"})});
  EXPECT_TRUE(map.wants_listing());
  map.end_listing(before);
  EXPECT_THAT(taken(map), IsEmpty());
  EXPECT_THAT(map.waiting(), ElementsAre(std::pair("child", "b")));
  const auto after = map.begin_listing();
  EXPECT_FALSE(map.wants_listing());
  map.add_listed({shard("b")}, after);
  map.end_listing(after);
  EXPECT_THAT(taken(map), ElementsAre("b"));
  map.ended("b");
  EXPECT_THAT(taken(map), ElementsAre("child"));
}

// After a restart the stored ends count: a finished parent is neither read again nor waited for.
TEST(ShardMap, TakesStoredEndsAsEnds) {
  ShardMap map;
  map.reset(1);
  map.add({shard("parent", {}, true), shard("child", {"parent"})});
  EXPECT_THAT(taken(map), ElementsAre("child"));
  EXPECT_FALSE(map.finished());
  map.ended("child");
  EXPECT_TRUE(map.finished());
}

// One loop reading everything while the others idle would waste the machine.
TEST(ShardMap, SpreadsTheShardsEvenlyOverTheLoops) {
  ShardMap map;
  map.reset(3);
  std::vector<ShardMap::Entry> shards;
  for (int i = 0; i < 9; ++i) {
    shards.push_back(shard("shard" + std::to_string(i)));
  }
  map.add(shards);
  for (std::uint32_t loop = 0; loop < 3; ++loop) {
    EXPECT_EQ(taken(map, loop).size(), 3U) << "loop " << loop;
  }
}

// Ends free their loop: later shards go where the least is left to read.
TEST(ShardMap, GivesNewShardsToTheLightestLoop) {
  ShardMap map;
  map.reset(2);
  map.add({shard("a"), shard("b"), shard("c"), shard("d")});
  const auto first = taken(map, 0);
  EXPECT_EQ(taken(map, 1).size(), 2U);
  for (const auto& id : first) {
    map.ended(id);
  }
  map.add({shard("e"), shard("f")});
  EXPECT_THAT(taken(map, 0), ElementsAre("e", "f"));
  EXPECT_THAT(taken(map, 1), IsEmpty());
}

// A shard seen twice (by listing, and from its parent's last reply) is still read once.
TEST(ShardMap, HandsOutAShardOnceHoweverOftenItIsSeen) {
  ShardMap map;
  map.reset(2);
  map.add({shard("a")});
  map.add({shard("a")});
  EXPECT_EQ(taken(map, 0).size() + taken(map, 1).size(), 1U);
  map.add({shard("a")});
  EXPECT_THAT(taken(map, 0), IsEmpty());
  EXPECT_THAT(taken(map, 1), IsEmpty());
}

}  // namespace
}  // namespace weir::kinesis
