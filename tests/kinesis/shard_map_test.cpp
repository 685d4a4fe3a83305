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
TEST(ShardMap, ReadsAShardWhoseParentWasNeverSeen) {
  ShardMap map;
  map.reset(1);
  map.add({shard("child", {"long gone"})});
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
