#include "weir/emulator/kinesis.hpp"

#include "support.hpp"

namespace weir::emulator {
namespace {

struct KinesisTest : testing::Test {
  ManualClock clock;
  Kinesis kinesis{clock};
  Caller call{kinesis};
};

// A reader that misses a record, repeats one or gets them out of order counts wrongly for ever.
TEST_F(KinesisTest, HandsOutWhatWasPutInOrderPageByPage) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a", "b", "c"}));

  const auto first = must(call.get(must(call.iterator("s", shard_0)), 2));
  EXPECT_EQ(texts(first), (Texts{"a", "b"}));
  EXPECT_GT(first.behind.count(), 0);
  must(kinesis.put("s", {"d"}));
  const auto second = must(call.get(*first.next_shard_iterator));
  EXPECT_EQ(texts(second), (Texts{"c", "d"}));
  EXPECT_EQ(second.behind.count(), 0);
  const auto third = must(call.get(*second.next_shard_iterator));
  EXPECT_EQ(texts(third), Texts{});
  EXPECT_TRUE(third.next_shard_iterator.has_value());
}

}  // namespace
}  // namespace weir::emulator
