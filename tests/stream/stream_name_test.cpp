#include "weir/stream/stream_name.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::stream {
namespace {

TEST(StreamName, IsWhatTheServiceTakes) {
  for (const auto* name : {"s", "Flights_2026.v1-x"}) {
    EXPECT_TRUE(is_stream_name(name)) << name;
  }
  EXPECT_TRUE(is_stream_name(std::string(128, 'a')));
  for (const auto* name : {"", "b d", "a/b", "a:b", "Zürich", "a\n"}) {
    EXPECT_FALSE(is_stream_name(name)) << name;
  }
  EXPECT_FALSE(is_stream_name(std::string(129, 'a')));
}

TEST(StreamArn, IsOneOfKinesisWithAStreamsName) {
  for (const auto* arn : {"arn:aws:kinesis:us-east-1:123456789012:stream/flights",
                          "arn:aws-us-gov:kinesis:us-gov-west-1:000000000000:stream/a.b"}) {
    EXPECT_TRUE(is_stream_arn(arn)) << arn;
  }
  for (const auto* arn :
       {"", "flights", "arn:aws:s3:::x", "arn:aws:kinesis:us-east-1:123456789012:stream/",
        "arn:aws:kinesis:us-east-1:123456789012:stream/b d", "arn:aws:kinesis::123456789012:stream/s",
        "arn:aws:kinesis:us-east-1:12345678901:stream/s", "arn:aws:kinesis:us-east-1:12345678901x:stream/s",
        "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1", "arn:aws:kinesis:us-east-1:123456789012",
        "xarn:aws:kinesis:us-east-1:123456789012:stream/s"}) {
    EXPECT_FALSE(is_stream_arn(arn)) << arn;
  }
}

}  // namespace
}  // namespace weir::stream
