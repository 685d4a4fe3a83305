#include "pipeline/slots.hpp"

#include <fmt/format.h>

#include <compare>

namespace weir::pipelines {
namespace {

using decode::UnsignedInteger;

/// The unevaluated sum of two doubles, high the nearest to it: about 106 bits.
struct Pair {
  double high = 0;
  double low = 0;
};

Pair two_sum(double a, double b) {
  const double sum = a + b;
  const double from_b = sum - a;
  return {sum, (a - (sum - from_b)) + (b - from_b)};
}

Pair plus(Pair a, Pair b) {
  const Pair high = two_sum(a.high, b.high);
  return two_sum(high.high, high.low + a.low + b.low);
}

Pair to_pair(Integer value) {
  // By 32 bits each, which are exact as doubles.
  const bool negative = value < 0;
  auto magnitude = static_cast<UnsignedInteger>(value);
  magnitude = negative ? UnsignedInteger{0} - magnitude : magnitude;
  Pair sum;
  for (int limb = 3; limb >= 0; --limb) {
    const auto bits = static_cast<std::uint32_t>(magnitude >> (32 * limb));
    sum = plus(sum, {std::ldexp(static_cast<double>(bits), 32 * limb), 0});
  }
  return negative ? Pair{-sum.high, -sum.low} : sum;
}

double divide(Pair a, std::uint64_t count) {
  const Pair divisor = to_pair(static_cast<Integer>(count));
  const double quotient = a.high / divisor.high;
  // What the first quotient leaves over, exactly enough to round the second.
  const double product = quotient * divisor.high;
  const double product_low = std::fma(quotient, divisor.high, -product) + quotient * divisor.low;
  const Pair rest = plus(a, {-product, -product_low});
  return quotient + rest.high / divisor.high;
}

std::strong_ordering order(Integer left, double right) {
  constexpr double beyond = 0x1p127;
  if (right >= beyond) {
    return std::strong_ordering::less;
  }
  if (right < -beyond) {
    return std::strong_ordering::greater;
  }
  const double floor = std::floor(right);
  const auto whole = static_cast<Integer>(floor);
  if (left != whole) {
    return left < whole ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return right > floor ? std::strong_ordering::less : std::strong_ordering::equal;
}

void print_integer(Integer value, std::string& out) { fmt::format_to(std::back_inserter(out), "{}", value); }

void print_real(double value, std::string& out) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    out.append("\"overflow\"");
  }
}

constexpr std::uint8_t overflow_flag = 1;
constexpr std::uint8_t real_flag = 2;

}  // namespace

std::string_view to_string(AggregateKind kind) noexcept {
  switch (kind) {
    case AggregateKind::count:
      return "count";
    case AggregateKind::sum:
      return "sum";
    case AggregateKind::mean:
      return "mean";
    case AggregateKind::min:
      return "min";
    case AggregateKind::max:
      return "max";
  }
  return "count";
}

void CountSlot::encode(ByteWriter& writer) const {
  if (overflow) {
    writer.byte(overflow_flag);
  } else if (count != 0) {
    writer.byte(0);
    writer.varint(count);
  }
}

bool CountSlot::decode(std::string_view bytes) {
  if (bytes.empty()) {
    return true;
  }
  ByteReader reader(bytes);
  const auto flags = reader.byte();
  overflow = flags == overflow_flag;
  count = overflow ? 0 : reader.varint<std::uint64_t>();
  return flags <= overflow_flag && reader.ok() && reader.at_end();
}

void CountSlot::print(AggregateKind /*kind*/, std::string& out) const {
  if (overflow) {
    out.append("\"overflow\"");
  } else {
    fmt::format_to(std::back_inserter(out), "{}", count);
  }
}

void SumSlot::merge(const SumSlot& other) {
  overflow |= other.overflow;
  overflow |= __builtin_add_overflow(whole, other.whole, &whole);
  overflow |= __builtin_add_overflow(count, other.count, &count);
  const double rest = other.low;
  add_real(other.high);
  low += rest;
  has_real |= other.has_real;
}

void SumSlot::encode(ByteWriter& writer) const {
  if (overflowed()) {
    writer.byte(overflow_flag);
    return;
  }
  if (count == 0) {
    return;
  }
  writer.byte(has_real ? real_flag : 0);
  writer.varint(count);
  writer.zigzag(whole);
  if (has_real) {
    writer.real(high);
    writer.real(low);
  }
}

bool SumSlot::decode(std::string_view bytes) {
  if (bytes.empty()) {
    return true;
  }
  ByteReader reader(bytes);
  const auto flags = reader.byte();
  if (flags == overflow_flag) {
    overflow = true;
    return reader.at_end();
  }
  count = reader.varint<std::uint64_t>();
  whole = reader.zigzag();
  if (flags == real_flag) {
    has_real = true;
    high = reader.real();
    low = reader.real();
  }
  return (flags == 0 || flags == real_flag) && count != 0 && reader.ok() && reader.at_end() && std::isfinite(high) &&
         std::isfinite(low);
}

void SumSlot::print(AggregateKind kind, std::string& out) const {
  if (overflowed()) {
    out.append("\"overflow\"");
  } else if (count == 0) {
    out.append("null");
  } else {
    const Pair total = plus(to_pair(whole), two_sum(high, low));
    if (kind == AggregateKind::mean) {
      print_real(divide(total, count), out);
    } else if (has_real) {
      print_real(total.high + total.low, out);
    } else {
      print_integer(whole, out);
    }
  }
}

template <bool is_max>
void ExtremeSlot<is_max>::take(Integer value) {
  bool better = true;
  if (kind == Kind::integer) {
    better = is_max ? value > integer : value < integer;
  } else if (kind == Kind::real) {
    const auto compared = order(value, real);
    better = compared == 0 || (is_max ? compared > 0 : compared < 0);
  }
  if (better) {
    integer = value;
    kind = Kind::integer;
  }
}

template <bool is_max>
void ExtremeSlot<is_max>::take(double value) {
  bool better = true;
  if (kind == Kind::real) {
    better = is_max ? value > real : value < real;
  } else if (kind == Kind::integer) {
    const auto compared = order(integer, value);
    better = is_max ? compared < 0 : compared > 0;
  }
  if (better) {
    real = value == 0 ? 0.0 : value;  // one zero, so that order does not matter
    kind = Kind::real;
  }
}

template <bool is_max>
void ExtremeSlot<is_max>::merge(const ExtremeSlot& other) {
  if (other.kind == Kind::integer) {
    take(other.integer);
  } else if (other.kind == Kind::real) {
    take(other.real);
  }
}

template <bool is_max>
void ExtremeSlot<is_max>::encode(ByteWriter& writer) const {
  if (kind == Kind::none) {
    return;
  }
  writer.byte(static_cast<std::uint8_t>(kind));
  if (kind == Kind::integer) {
    writer.zigzag(integer);
  } else {
    writer.real(real);
  }
}

template <bool is_max>
bool ExtremeSlot<is_max>::decode(std::string_view bytes) {
  if (bytes.empty()) {
    return true;
  }
  ByteReader reader(bytes);
  const auto tag = reader.byte();
  if (tag == static_cast<std::uint8_t>(Kind::integer)) {
    kind = Kind::integer;
    integer = reader.zigzag();
  } else if (tag == static_cast<std::uint8_t>(Kind::real)) {
    const double value = reader.real();
    if (!std::isfinite(value)) {
      return false;
    }
    kind = Kind::none;
    take(value);
  } else {
    return false;
  }
  return reader.ok() && reader.at_end();
}

template <bool is_max>
void ExtremeSlot<is_max>::print(AggregateKind /*kind*/, std::string& out) const {
  switch (kind) {
    case Kind::none:
      out.append("null");
      break;
    case Kind::integer:
      print_integer(integer, out);
      break;
    case Kind::real:
      print_real(real, out);
      break;
  }
}

template struct ExtremeSlot<false>;
template struct ExtremeSlot<true>;

}  // namespace weir::pipelines
