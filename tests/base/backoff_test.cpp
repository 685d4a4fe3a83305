#include "weir/base/backoff.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace weir {
namespace {

using std::chrono::milliseconds;

// A backoff that doubles without a limit overflows after some sixty failures, and then waits a negative
// time: a reader that never sleeps, for ever. One that ignores its maximum sleeps for hours.
RC_GTEST_PROP(Backoff, StaysWithinItsBounds, (std::uint64_t seed)) {
  const milliseconds base(*rc::gen::inRange(1, 5000));
  const milliseconds max(*rc::gen::inRange(1, 60'000));
  Backoff backoff(Backoff::Options(base, max), Random(seed));
  for (int n = 0; n < 200; ++n) {
    const auto doubled = n < 20 ? base * (1 << n) : max;
    const auto wait = backoff.next();
    RC_ASSERT(wait >= Duration(0));
    RC_ASSERT(wait < std::min<Duration>(doubled, max));
  }
}

TEST(Backoff, TakesAnyOptions) {
  for (const auto& options :
       {Backoff::Options(milliseconds::max(), milliseconds::max()),
        Backoff::Options(milliseconds(1), milliseconds::max()), Backoff::Options(milliseconds(0), milliseconds(0)),
        Backoff::Options(milliseconds(-5), milliseconds(-1)),
        Backoff::Options(milliseconds::min(), milliseconds::min())}) {
    Backoff backoff(options, Random(1));
    for (int n = 0; n < 100; ++n) {
      const auto wait = backoff.next();
      EXPECT_GE(wait, Duration(0));
      EXPECT_LE(wait, Backoff::longest);
      EXPECT_LE(wait, std::clamp(options.max, milliseconds(1), Backoff::longest));
    }
  }
}

// Full jitter draws from the whole range: waits that are all near the ceiling bring every shard back at
// the same moment.
TEST(Backoff, DrawsFromTheWholeRange) {
  double low = 1;
  double high = 0;
  double sum = 0;
  constexpr int draws = 1000;
  Random seeds(7);
  for (int i = 0; i < draws; ++i) {
    Backoff backoff(Backoff::Options(milliseconds(1000), milliseconds(1000)), Random(seeds()));
    const double share = std::chrono::duration<double>(backoff.next()).count();
    low = std::min(low, share);
    high = std::max(high, share);
    sum += share;
  }
  EXPECT_LT(low, 0.02);
  EXPECT_GT(high, 0.98);
  EXPECT_NEAR(sum / draws, 0.5, 0.05);
}

TEST(Backoff, StartsAgainAfterASuccess) {
  Backoff backoff(Backoff::Options(milliseconds(1), milliseconds(1'000'000)), Random(1));
  for (int n = 0; n < 20; ++n) {
    backoff.next();
  }
  EXPECT_EQ(backoff.failures(), 20U);
  backoff.reset();
  EXPECT_EQ(backoff.failures(), 0U);
  EXPECT_LT(backoff.next(), milliseconds(1));
}

TEST(Random, StaysBelowItsBound) {
  Random random(3);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(random.below(7), 7U);
    EXPECT_LT(random.unit(), 1.0);
    EXPECT_GE(random.unit(), 0.0);
  }
  EXPECT_EQ(random.below(0), 0U);
}

// A simulation replays a failure from its seed alone.
TEST(Random, RepeatsItselfFromTheSameSeed) {
  Random first(42);
  Random second(42);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(first(), second());
  }
}

}  // namespace
}  // namespace weir
