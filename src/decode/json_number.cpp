#include "decode/json_number.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "weir/decode/json_cursor.hpp"

namespace weir::decode {
namespace {

bool is_digit(char c) { return json_bytes::is(c, json_bytes::digit); }

/// Every power up to 10^22 is exact as a double.
constexpr std::array<double, 23> powers_of_ten = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// Calls `take` with every digit before and after the point, in order, until it says false.
template <class Take>
bool each_digit(const NumberText& number, Take take) {
  for (const char* p = number.begin + (number.negative ? 1 : 0); p != number.digits_end; ++p) {
    if (!take(static_cast<unsigned>(*p - '0'))) {
      return false;
    }
  }
  if (number.fraction_begin != nullptr) {
    for (const char* p = number.fraction_begin; p != number.fraction_end; ++p) {
      if (!take(static_cast<unsigned>(*p - '0'))) {
        return false;
      }
    }
  }
  return true;
}

std::int64_t fraction_digits(const NumberText& number) {
  return number.fraction_begin == nullptr ? 0 : number.fraction_end - number.fraction_begin;
}

}  // namespace

bool scan_number(const char* text, NumberText& number) {
  const char* p = text;
  number.begin = p;
  number.negative = *p == '-';
  p += number.negative ? 1 : 0;
  const char* first = p;
  while (is_digit(*p)) {
    ++p;
  }
  if (p == first || (*first == '0' && p - first > 1)) {
    return false;
  }
  number.digits_end = p;
  if (*p == '.') {
    ++p;
    number.fraction_begin = p;
    while (is_digit(*p)) {
      ++p;
    }
    number.fraction_end = p;
    if (number.fraction_begin == p) {
      return false;
    }
  }
  if (*p == 'e' || *p == 'E') {
    ++p;
    number.has_exponent = true;
    const bool down = *p == '-';
    p += *p == '-' || *p == '+' ? 1 : 0;
    first = p;
    while (is_digit(*p)) {
      if (number.exponent < exponent_max) {
        number.exponent = number.exponent * 10 + (*p - '0');
      }
      ++p;
    }
    if (p == first) {
      return false;
    }
    if (number.exponent > exponent_max) {
      number.exponent = exponent_max;
    }
    number.exponent = down ? -number.exponent : number.exponent;
  }
  number.end = p;
  return json_bytes::is(*p, json_bytes::space | json_bytes::separator);
}

Exact to_magnitude(const NumberText& number, UnsignedInteger& value) {
  // Zeros at the end are held back, so that 3.000 and 3000e-3 are integers without being large ones.
  value = 0;
  std::int64_t zeros = 0;
  bool large = false;
  const auto shift = [&](std::int64_t places) {
    for (; places > 0 && value != 0; --places) {
      if (value > ~UnsignedInteger{0} / 10) {
        large = true;
        return;
      }
      value *= 10;
    }
  };
  each_digit(number, [&](unsigned digit) {
    if (digit == 0) {
      ++zeros;
      return true;
    }
    shift(zeros + 1);
    zeros = 0;
    if (large || value > ~UnsignedInteger{0} - digit) {
      large = true;
      return true;  // goes on: whether a fraction remains depends on the last digits
    }
    value += digit;
    return true;
  });
  if (!large && value == 0) {
    return Exact::integer;
  }
  const std::int64_t scale = number.exponent - fraction_digits(number) + zeros;
  if (scale < 0) {
    return Exact::fraction;
  }
  if (!large) {
    shift(scale);
  }
  return large ? Exact::too_large : Exact::integer;
}

Exact to_integer(const NumberText& number, Integer& value) {
  UnsignedInteger magnitude = 0;
  const Exact exact = to_magnitude(number, magnitude);
  if (exact != Exact::integer) {
    return exact;
  }
  const UnsignedInteger most = static_cast<UnsignedInteger>(integer_max) + (number.negative ? 1U : 0U);
  if (magnitude > most) {
    return Exact::too_large;
  }
  value = static_cast<Integer>(number.negative ? UnsignedInteger{0} - magnitude : magnitude);
  return Exact::integer;
}

bool to_double(const NumberText& number, double& value) {
  // Digits of up to 53 bits and a power of ten of up to 22 are both exact: one rounding (Clinger, 1990).
  std::uint64_t digits = 0;
  const bool few = each_digit(number, [&digits](unsigned digit) {
    digits = digits * 10 + digit;
    return digits <= (std::uint64_t{1} << 53U);
  });
  const std::int64_t scale = number.exponent - fraction_digits(number);
  if (few && scale >= -22 && scale <= 22) {
    const auto exact = static_cast<double>(digits);
    const double power = powers_of_ten[static_cast<std::size_t>(scale < 0 ? -scale : scale)];
    value = scale < 0 ? exact / power : exact * power;
    value = number.negative ? -value : value;
    return true;
  }
  const auto parsed = std::from_chars(number.begin, number.end, value);
  if (parsed.ec == std::errc::result_out_of_range) {
    // Too small is zero, the nearest double; too large is an error. The first significant digit's place
    // tells them apart.
    std::int64_t place = number.digits_end - number.begin - (number.negative ? 1 : 0) + number.exponent;
    const bool significant = !each_digit(number, [&place](unsigned digit) {
      place -= digit == 0 ? 1 : 0;
      return digit == 0;
    });
    if (significant && place > 0) {
      return false;
    }
    value = number.negative ? -0.0 : 0.0;
    return true;
  }
  return parsed.ec == std::errc() && parsed.ptr == number.end && std::isfinite(value);
}

}  // namespace weir::decode
