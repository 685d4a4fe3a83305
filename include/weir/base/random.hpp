#pragma once

#include <cstdint>
#include <limits>

namespace weir {

/// A small seeded generator (SplitMix64, Steele et al. 2014) for jitter, partition keys and faults; not
/// for secrets. A standard uniform random bit generator. Used by one thread at a time.
class Random {
 public:
  using result_type = std::uint64_t;

  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// Seeded by the machine.
  static Random from_machine();

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>((*this)() >> 11U) * 0x1.0p-53; }
  /// Uniform in [0, bound); 0 when `bound` is 0.
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : (*this)() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace weir
