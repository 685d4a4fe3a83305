#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "weir/base/backoff.hpp"
#include "weir/base/error.hpp"
#include "weir/base/random.hpp"

namespace weir::aws {

/// What one client spends on retries: when most calls fail, retrying each only adds to the load, so they
/// share a purse that only successes fill. The amounts are those of the AWS SDKs (`@smithy/core`,
/// botocore `retries/standard.py`). Any thread may call it.
class RetryBudget {
 public:
  explicit RetryBudget(std::int32_t tokens) noexcept : max_(tokens), tokens_(tokens) {}

  /// False, taking nothing, when there is not enough.
  bool take(std::int32_t tokens) noexcept;
  /// Never more than it began with.
  void give(std::int32_t tokens) noexcept;
  std::int32_t left() const noexcept { return tokens_.load(std::memory_order_relaxed); }

 private:
  const std::int32_t max_;
  std::atomic<std::int32_t> tokens_;
};

/// How calls that failed are tried again. Shared by all calls of a client; any thread may use it.
class RetryPolicy {
 public:
  struct Options {
    std::uint32_t attempts_max = 3;  ///< the first one included
    std::chrono::milliseconds base{100};
    std::chrono::milliseconds throttled_base{500};
    std::chrono::milliseconds wait_max{20'000};
    /// What a service's own wish (`retry_after`) may add to a wait at most (botocore).
    std::chrono::milliseconds retry_after_extra_max{5'000};
    std::int32_t budget = 500;
    std::int32_t retry_cost = 5;
    std::int32_t timeout_cost = 10;
    std::int32_t success_refund = 1;  ///< of a call that needed no retry; else it gets back its last cost
    /// Whether GetRecords and GetShardIterator are retried inside. Off: a shard's reader does its own
    /// waiting, since only it knows its shard's pace, and reports why it waits.
    bool retry_reads = false;
    Options() {}
  };

  /// What a call may be repeated after.
  enum class Kind : std::uint8_t {
    read,        ///< as `Options::retry_reads` says
    repeatable,  ///< every error that says `retry`
    once,        ///< only what cannot have taken effect: a second CreateStream would fail, though the first worked
  };

  explicit RetryPolicy(Options options = Options(), Random random = Random::from_machine());

  /// The attempts of one call. Used by one coroutine; the policy must outlive it.
  class Attempts {
   public:
    Attempts(RetryPolicy& policy, Kind kind) noexcept : policy_(policy), kind_(kind) {}

    /// How long to wait before the next attempt; nothing: give up. Full jitter: a uniform draw from
    /// [0, base * 2^n), at most `wait_max`; a `retry_after` that is longer is honoured within its limit.
    std::optional<Duration> after(const Error& error);
    /// Refunds the budget. Not to be called more than once.
    void succeeded() noexcept;
    std::uint32_t made() const noexcept { return made_; }

   private:
    struct Waits {
      Backoff throttled;
      Backoff other;
    };
    RetryPolicy& policy_;
    const Kind kind_;
    std::uint32_t made_ = 1;
    std::int32_t last_cost_ = 0;
    std::optional<Waits> waits_;  // made at the first failure: most calls have none
  };

  const RetryBudget& budget() const noexcept { return budget_; }

 private:
  const Options options_;
  RetryBudget budget_;
  std::atomic<std::uint64_t> seed_;
};

}  // namespace weir::aws
