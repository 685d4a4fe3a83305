#include "weir/stream/record.hpp"

#include <gtest/gtest.h>

#include "weir/stream/source.hpp"

namespace weir::stream {
namespace {

// The text names a record for people and in dead letters, across streams and shards, and for ever.
TEST(EventId, NamesStreamShardAndSequence) {
  EventId id{"flights", "shardId-000000000001", "4959033827149025660855969253836157109592157598913658889"};
  EXPECT_EQ(id.text(), "flights/shardId-000000000001/4959033827149025660855969253836157109592157598913658889");
  id.unpacked = true;
  EXPECT_EQ(id.text(), "flights/shardId-000000000001/4959033827149025660855969253836157109592157598913658889/0");
  id.sub = UINT32_MAX;
  EXPECT_EQ(id.text(),
            "flights/shardId-000000000001/4959033827149025660855969253836157109592157598913658889/4294967295");
}

TEST(ShardState, HasAName) {
  EXPECT_EQ(to_string(ShardState::starting), "starting");
  EXPECT_EQ(to_string(ShardState::reading), "reading");
  EXPECT_EQ(to_string(ShardState::caught_up), "caught up");
  EXPECT_EQ(to_string(ShardState::throttled), "throttled");
  EXPECT_EQ(to_string(ShardState::waiting_for_parent), "waiting for parent");
  EXPECT_EQ(to_string(ShardState::retrying), "retrying");
  EXPECT_EQ(to_string(ShardState::ended), "ended");
  EXPECT_EQ(to_string(ShardState::failed), "failed");
  EXPECT_EQ(to_string(ShardState::gap), "gap");
}

}  // namespace
}  // namespace weir::stream
