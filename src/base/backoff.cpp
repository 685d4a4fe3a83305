#include "weir/base/backoff.hpp"

#include <algorithm>
#include <random>

namespace weir {

Duration Backoff::next() {
  const auto base = std::max<Duration>(options_.base, Duration(1));
  const auto max = std::max<Duration>(options_.max, base);
  auto ceiling = base;
  for (std::uint32_t n = 0; n < failures_ && ceiling < max; ++n) {
    ceiling = ceiling > max / 2 ? max : ceiling * 2;
  }
  ++failures_;
  return Duration(static_cast<Duration::rep>(random_.unit() * static_cast<double>(std::min(ceiling, max).count())));
}

Random Random::from_machine() {
  std::random_device device;
  return Random((static_cast<std::uint64_t>(device()) << 32U) ^ device());
}

}  // namespace weir
