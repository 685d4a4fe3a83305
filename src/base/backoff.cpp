#include "weir/base/backoff.hpp"

#include <algorithm>
#include <random>

namespace weir {

Duration Backoff::next() {
  constexpr std::chrono::milliseconds shortest(1);
  const Duration max = std::clamp(options_.max, shortest, longest);
  const Duration base = std::clamp(options_.base, shortest, std::clamp(options_.max, shortest, longest));
  auto ceiling = base;
  for (std::uint32_t n = 0; n < failures_ && ceiling < max; ++n) {
    ceiling = ceiling > max / 2 ? max : ceiling * 2;
  }
  ++failures_;
  return Duration(static_cast<Duration::rep>(random_.unit() * static_cast<double>(ceiling.count())));
}

Random Random::from_machine() {
  std::random_device device;
  return Random((static_cast<std::uint64_t>(device()) << 32U) ^ device());
}

}  // namespace weir
