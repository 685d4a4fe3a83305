#include "kinesis/limiter.hpp"

#include <gtest/gtest.h>

namespace weir::kinesis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The service throttles the sixth call of a second, and a throttled reader falls behind.
TEST(Limiter, LetsFiveCallsThroughInAnySecond) {
  Limiter limiter(5, 0);
  for (int i = 0; i < 5; ++i) {
    const Duration at = milliseconds(100 * i);
    EXPECT_EQ(limiter.next_call(at), at);
    limiter.called(at);
  }
  EXPECT_EQ(limiter.next_call(milliseconds(500)), seconds(1));
  limiter.called(seconds(1));
  EXPECT_EQ(limiter.next_call(seconds(1)), milliseconds(1100));
}

// After a reply of 10 MiB the service refuses further calls for five seconds.
TEST(Limiter, WaitsFiveSecondsAfterTenMebibytes) {
  Limiter limiter(5, 2.0 * 1024 * 1024);
  limiter.called(seconds(1));
  limiter.received(seconds(1), 10U * 1024 * 1024);
  EXPECT_EQ(limiter.next_call(seconds(1)), seconds(6));
  EXPECT_EQ(limiter.next_call(seconds(7)), seconds(7));
}

TEST(Limiter, HasNoLimitWhereRatesAreZero) {
  Limiter limiter(0, 0);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(limiter.next_call(seconds(1)), seconds(1));
    limiter.called(seconds(1));
    limiter.received(seconds(1), 10U * 1024 * 1024);
  }
}

}  // namespace
}  // namespace weir::kinesis
