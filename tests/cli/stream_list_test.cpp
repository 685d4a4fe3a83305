#include "cli/stream_list.hpp"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(StreamList, ReadsNamesAndShards) {
  const auto streams = parse_stream_list("flights:4,orders,a.b-c_d:20000");
  ASSERT_TRUE(streams.ok());
  ASSERT_EQ(streams->size(), 3U);
  EXPECT_EQ((*streams)[0].name, "flights");
  EXPECT_EQ((*streams)[0].shards, 4U);
  EXPECT_EQ((*streams)[1].shards, 1U);
  EXPECT_EQ((*streams)[2].shards, 20'000U);
  EXPECT_TRUE(parse_stream_list("")->empty());
}

TEST(StreamList, SaysWhatItFoundAndExpected) {
  for (const auto* wrong :
       {",a", "a,", "a,,b", ":4", "a:", "a:0", "a:x", "a:4x", "a:-1", "a:99999999999", "a:1:2", "a,a"}) {
    const auto streams = parse_stream_list(wrong);
    ASSERT_FALSE(streams.ok()) << wrong;
    EXPECT_EQ(streams.error().code, "Misuse");
    EXPECT_TRUE(streams.error().message.starts_with("--streams: ")) << streams.error().message;
  }
  EXPECT_EQ(parse_stream_list("a:x").error().message,
            "--streams: a: found 'x', expected a number of shards, 1 or more");
}

}  // namespace
}  // namespace weir::cli
