#pragma once

#include <cstdint>
#include <optional>

#include "weir/base/clock.hpp"

namespace weir::wire {

/// Timestamps outside the years 1 to 9999 are no times of records but damage; keeping them out also keeps
/// every later sum of a time and a duration from overflowing.
inline constexpr std::int64_t timestamp_ms_min = -62'135'596'800'000;
inline constexpr std::int64_t timestamp_ms_max = 253'402'300'799'999;

constexpr std::optional<Timestamp> timestamp_of_ms(std::int64_t ms) noexcept {
  if (ms < timestamp_ms_min || ms > timestamp_ms_max) {
    return std::nullopt;
  }
  return Timestamp(std::chrono::milliseconds(ms));
}
/// Epoch seconds with a fraction, rounded to the nearest millisecond: 1545084650.987 is not exact in binary.
std::optional<Timestamp> timestamp_of_seconds(double seconds) noexcept;

}  // namespace weir::wire
