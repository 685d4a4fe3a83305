#include "weir/wire/timestamp.hpp"

#include <cmath>

namespace weir::wire {

std::optional<Timestamp> timestamp_of_seconds(double seconds) noexcept {
  const double ms = std::round(seconds * 1000.0);
  // Written so that NaN fails too. Both limits are exact in a double.
  if (!(ms >= static_cast<double>(timestamp_ms_min) && ms <= static_cast<double>(timestamp_ms_max))) {
    return std::nullopt;
  }
  return timestamp_of_ms(static_cast<std::int64_t>(ms));
}

}  // namespace weir::wire
