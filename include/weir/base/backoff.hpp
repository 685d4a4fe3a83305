#pragma once

#include <chrono>
#include <cstdint>

#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"

namespace weir {

/// Waits between retries with full jitter: a uniform draw from [0, min(base * 2^n, max)). Never
/// overflows and never exceeds `max` (a millisecond at least), however many failures there were.
class Backoff {
 public:
  /// However large the options: no wait is longer, and none of the sums overflow.
  static constexpr std::chrono::milliseconds longest = std::chrono::hours(24);

  struct Options {
    std::chrono::milliseconds base{100};
    std::chrono::milliseconds max{20'000};
    Options() = default;
    Options(std::chrono::milliseconds first, std::chrono::milliseconds most) : base(first), max(most) {}
  };

  Backoff(Options options, Random random) : options_(options), random_(random) {}

  /// The wait after one more failure.
  Duration next();
  /// After a success the next failure waits briefly again.
  void reset() noexcept { failures_ = 0; }
  std::uint32_t failures() const noexcept { return failures_; }

 private:
  Options options_;
  Random random_;
  std::uint32_t failures_ = 0;
};

}  // namespace weir
