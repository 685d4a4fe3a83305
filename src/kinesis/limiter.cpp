#include "kinesis/limiter.hpp"

#include <algorithm>

namespace weir::kinesis {

Limiter::Limiter(double calls_per_second, double bytes_per_second)
    : calls_per_second_(std::min(static_cast<std::size_t>(calls_per_second), calls_remembered_max)),
      bytes_per_second_(bytes_per_second) {}

Duration Limiter::next_call(Duration now) const noexcept {
  auto at = std::max(now, bytes_paid_at_);
  if (calls_per_second_ > 0 && calls_made_ >= calls_per_second_) {
    const auto earliest = calls_[(calls_made_ - calls_per_second_) % calls_remembered_max];
    at = std::max(at, earliest + std::chrono::seconds(1));
  }
  return at;
}

void Limiter::called(Duration now) noexcept {
  calls_[calls_made_ % calls_remembered_max] = now;
  ++calls_made_;
}

void Limiter::received(Duration now, std::size_t bytes) noexcept {
  if (bytes_per_second_ > 0) {
    const auto cost = Duration(static_cast<Duration::rep>(static_cast<double>(bytes) / bytes_per_second_ * 1e9));
    bytes_paid_at_ = std::max(bytes_paid_at_, now) + cost;
  }
}

}  // namespace weir::kinesis
