#include "weir/aws/retry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace weir::aws {
namespace {

using Kind = RetryPolicy::Kind;
using std::chrono::milliseconds;

Error failed(std::string code, bool throttled = false) {
  Error error(Next::retry, std::move(code), "no");
  error.throttled = throttled;
  return error;
}

RetryPolicy::Options many_attempts() {
  RetryPolicy::Options options;
  options.attempts_max = 1'000;
  options.budget = 1'000'000;
  return options;
}

TEST(RetryPolicy, MakesThreeAttemptsByDefault) {
  RetryPolicy policy;
  RetryPolicy::Attempts attempts(policy, Kind::repeatable);
  EXPECT_TRUE(attempts.after(failed("InternalFailure")));
  EXPECT_TRUE(attempts.after(failed("InternalFailure")));
  EXPECT_FALSE(attempts.after(failed("InternalFailure")));
  EXPECT_EQ(attempts.made(), 3U);
}

// Without full jitter clients that failed together return together and fail again; without the maximum a
// long outage makes waits of days.
TEST(RetryPolicy, WaitsAUniformDrawBelowADoublingCeiling) {
  RetryPolicy policy(many_attempts(), Random(1));
  for (const bool throttled : {false, true}) {
    std::vector<Duration> longest(10), shortest(10, std::chrono::hours(1));
    for (int call = 0; call < 500; ++call) {
      RetryPolicy::Attempts attempts(policy, Kind::repeatable);
      for (std::size_t n = 0; n < 10; ++n) {
        const auto wait = attempts.after(failed("x", throttled)).value();
        longest[n] = std::max(longest[n], wait);
        shortest[n] = std::min(shortest[n], wait);
      }
    }
    for (std::size_t n = 0; n < 10; ++n) {
      const Duration ceiling =
          std::min<Duration>((throttled ? milliseconds(500) : milliseconds(100)) * (1 << n), milliseconds(20'000));
      EXPECT_LT(longest[n], ceiling) << n;
      EXPECT_GT(longest[n], ceiling * 9 / 10) << n;
      EXPECT_LT(shortest[n], ceiling / 10) << n;
    }
  }
}

// Two calls that fail at the same moment must not draw the same waits.
TEST(RetryPolicy, DrawsDifferentWaitsForDifferentCalls) {
  RetryPolicy policy(many_attempts(), Random(7));
  RetryPolicy::Attempts one(policy, Kind::repeatable);
  RetryPolicy::Attempts other(policy, Kind::repeatable);
  EXPECT_NE(one.after(failed("x")), other.after(failed("x")));
}

// A service's wish is honoured, but a wish of a day must not stop a worker for a day.
TEST(RetryPolicy, HonoursRetryAfterWithinItsLimit) {
  RetryPolicy policy(many_attempts());
  RetryPolicy::Attempts attempts(policy, Kind::repeatable);
  auto error = failed("ServiceUnavailable");
  error.retry_after = milliseconds(2'000);
  EXPECT_EQ(attempts.after(error), milliseconds(2'000));
  error.retry_after = std::chrono::hours(24);
  const auto wait = attempts.after(error).value();
  EXPECT_GE(wait, milliseconds(5'000));
  EXPECT_LT(wait, milliseconds(5'200));
  error.retry_after = milliseconds(0);
  EXPECT_LT(attempts.after(error).value(), milliseconds(400));
}

TEST(RetryPolicy, RetriesOnlyWhatSaysSo) {
  for (const auto next : {Next::reopen, Next::conflict, Next::corrupt, Next::refused, Next::stopped}) {
    RetryPolicy policy;
    RetryPolicy::Attempts attempts(policy, Kind::repeatable);
    EXPECT_FALSE(attempts.after(Error(next, "x", "x"))) << to_string(next);
    EXPECT_EQ(policy.budget().left(), 500) << "what is not retried costs nothing";
  }
}

// A reader paces its shard itself and says why it waits. A call that sleeps inside hides both.
TEST(RetryPolicy, LeavesReadsToTheirReaderUnlessAsked) {
  RetryPolicy off;
  EXPECT_FALSE(RetryPolicy::Attempts(off, Kind::read).after(failed("ProvisionedThroughputExceededException", true)));
  EXPECT_FALSE(RetryPolicy::Attempts(off, Kind::read).after(failed("ConnectionLost")));
  RetryPolicy::Options options;
  options.retry_reads = true;
  RetryPolicy on(options);
  EXPECT_TRUE(RetryPolicy::Attempts(on, Kind::read).after(failed("ProvisionedThroughputExceededException", true)));
}

// CreateStream whose reply was lost worked: a second one would fail with "exists", which is not true of
// what the caller did.
TEST(RetryPolicy, RepeatsCallsWithEffectsOnlyWhenThereCanHaveBeenNone) {
  for (const auto* code : {"ConnectionLost", "Timeout", "InternalFailure", "HTTP502", "ConnectionFailed"}) {
    RetryPolicy policy;
    EXPECT_FALSE(RetryPolicy::Attempts(policy, Kind::once).after(failed(code))) << code;
  }
  for (const auto* code : {"ConnectionRefused", "ProxyUnreachable", "HostNotFound", "TlsHandshake", "Overloaded"}) {
    RetryPolicy policy;
    EXPECT_TRUE(RetryPolicy::Attempts(policy, Kind::once).after(failed(code))) << code;
  }
  RetryPolicy policy;
  EXPECT_TRUE(RetryPolicy::Attempts(policy, Kind::once).after(failed("LimitExceededException", true)));
}

// When everything fails, retries must not triple the load: after 100 of them (500 tokens, 5 each) the
// client only tries each call once, until successes pay for more.
TEST(RetryPolicy, StopsRetryingWhenTheBudgetIsSpentUntilCallsSucceedAgain) {
  RetryPolicy policy;
  int retries = 0;
  for (int call = 0; call < 200; ++call) {
    RetryPolicy::Attempts attempts(policy, Kind::repeatable);
    while (attempts.after(failed("InternalFailure"))) {
      ++retries;
    }
  }
  EXPECT_EQ(retries, 100);
  EXPECT_EQ(policy.budget().left(), 0);
  for (int call = 0; call < 5; ++call) {
    RetryPolicy::Attempts(policy, Kind::repeatable).succeeded();
  }
  EXPECT_EQ(policy.budget().left(), 5);
  RetryPolicy::Attempts attempts(policy, Kind::repeatable);
  // A timeout costs 10: it held a connection for a minute, and the service may have done the work.
  for (const auto* code : {"Timeout", "RequestTimeout", "RequestTimeoutException"}) {
    EXPECT_FALSE(attempts.after(failed(code))) << code;
  }
  EXPECT_TRUE(attempts.after(failed("InternalFailure")));
}

TEST(RetryPolicy, RefundsACallThatSucceededAfterARetryAndNeverMoreThanItBeganWith) {
  RetryPolicy policy;
  RetryPolicy::Attempts attempts(policy, Kind::repeatable);
  ASSERT_TRUE(attempts.after(failed("Timeout")));
  EXPECT_EQ(policy.budget().left(), 490);
  attempts.succeeded();
  EXPECT_EQ(policy.budget().left(), 500);
  RetryPolicy::Attempts(policy, Kind::repeatable).succeeded();
  EXPECT_EQ(policy.budget().left(), 500);
}

// One client serves all loops: an update lost between threads would leak the budget away.
TEST(RetryBudget, LosesNothingBetweenThreads) {
  RetryBudget budget(500);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&budget] {
      for (int n = 0; n < 20'000; ++n) {
        if (budget.take(5)) {
          budget.give(5);
        }
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(budget.left(), 500);
}

}  // namespace
}  // namespace weir::aws
