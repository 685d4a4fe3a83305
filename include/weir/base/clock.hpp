#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "weir/base/task.hpp"

namespace weir {

/// A moment as Kinesis tells it: UTC, whole milliseconds.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::nanoseconds;

/// Where all time comes from, so that a simulation can supply it. Any thread may call it; it must
/// outlive everything that was given it.
class Clock {
 public:
  virtual ~Clock() = default;
  /// The wall clock.
  virtual Timestamp now() const = 0;
  /// Time since some fixed moment; never runs backwards.
  virtual Duration elapsed() const = 0;
  /// Waits on the awaiting coroutine's executor. Fails with `stopped` when asked to stop, within 100 ms.
  virtual Task<void> sleep(Duration time, std::stop_token stop) = 0;
};

/// The machine's clock. Lives as long as the program.
Clock& system_clock();

/// RFC 3339 in UTC with milliseconds: `2026-11-24T06:05:30.000Z`.
std::string to_string(Timestamp time);
/// Reads RFC 3339 (`Z` or an offset, any number of fraction digits, rounded down to ms).
Result<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace weir
