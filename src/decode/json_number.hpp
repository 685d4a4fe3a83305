#pragma once

#include <cstdint>

#include "weir/decode/integer.hpp"

namespace weir::decode {

/// A number as JSON spells it, taken apart.
struct NumberText {
  const char* begin = nullptr;  ///< the sign or the first digit
  const char* end = nullptr;
  const char* digits_end = nullptr;      ///< of the digits before the point
  const char* fraction_begin = nullptr;  ///< null: no point
  const char* fraction_end = nullptr;
  std::int64_t exponent = 0;  ///< as written; beyond +-`exponent_max` it stays there
  bool negative = false;
  bool has_exponent = false;

  bool is_plain() const noexcept { return fraction_begin == nullptr && !has_exponent; }
};
/// Larger than any payload has digits, so that clamping changes no result.
inline constexpr std::int64_t exponent_max = 1'000'000'000'000;

/// Takes the number at `text` apart. False: it is not what RFC 8259 calls one, or something sticks to it.
bool scan_number(const char* text, NumberText& number);

enum class Exact : std::uint8_t { integer, fraction, too_large };
/// The number's exact value, if it is an integer of up to 128 bits, however it is spelt.
Exact to_integer(const NumberText& number, Integer& value);
/// Without the sign.
Exact to_magnitude(const NumberText& number, UnsignedInteger& value);
/// The nearest double; false when that is not finite.
bool to_double(const NumberText& number, double& value);

}  // namespace weir::decode
