#pragma once

#include <array>
#include <cstddef>

#include "weir/base/clock.hpp"

namespace weir::kinesis {

/// Keeps one reader of a shard within the service's shares: so many calls in any second, and so many
/// bytes a second on average. After a page of N bytes the next call waits N / rate, as the service does.
class Limiter {
 public:
  /// Rates of 0 mean no limit.
  Limiter(double calls_per_second, double bytes_per_second);

  /// The first moment (of `Clock::elapsed`) at which a call may be made.
  Duration next_call(Duration now) const noexcept;
  void called(Duration now) noexcept;
  void received(Duration now, std::size_t bytes) noexcept;

 private:
  static constexpr std::size_t calls_remembered_max = 8;
  std::size_t calls_per_second_;
  double bytes_per_second_;
  std::array<Duration, calls_remembered_max> calls_{};
  std::size_t calls_made_ = 0;
  Duration bytes_paid_at_{0};
};

}  // namespace weir::kinesis
