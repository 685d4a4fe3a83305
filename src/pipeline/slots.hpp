#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/bytes.hpp"
#include "weir/decode/integer.hpp"
#include "weir/decode/value.hpp"
#include "weir/pipeline/aggregate.hpp"

// The working form of each kind of aggregate: a slot. A slot of zero bytes is "no value yet"; slots may be
// moved as bytes. `add` takes numbers and absent values only. Each has:
//   add(value)          one record's value
//   merge(other)        commutative and associative, with the zero slot as its identity
//   encode(writer)      at most `encoded_bytes_max` bytes; nothing when there is no value
//   decode(bytes)       false where the bytes are none of ours; for a zero slot
//   print(kind, out)    as JSON
namespace weir::pipelines {

using decode::Integer;
using decode::Value;

struct alignas(16) CountSlot {
  static constexpr std::size_t encoded_bytes_max = 1 + varint64_bytes_max;
  std::uint64_t count;
  bool overflow;

  void add(const Value& /*value*/) { overflow |= __builtin_add_overflow(count, 1U, &count); }
  void merge(const CountSlot& other) {
    overflow |= other.overflow;
    overflow |= __builtin_add_overflow(count, other.count, &count);
  }
  void encode(ByteWriter& writer) const;
  bool decode(std::string_view bytes);
  void print(AggregateKind kind, std::string& out) const;
};

/// Sum and mean. Integers and floating point are added up apart, each in its own exactness, and meet when
/// printed.
struct alignas(16) SumSlot {
  static constexpr std::size_t encoded_bytes_max = 1 + varint64_bytes_max + varint128_bytes_max + 16;
  Integer whole;
  double high;  // the floating sum is high + low: what rounding took from high is kept in low (Neumaier, 1974)
  double low;
  std::uint64_t count;
  bool overflow;
  bool has_real;

  void add(const Value& value) {
    if (value.kind == Value::Kind::integer) {
      overflow |= __builtin_add_overflow(whole, value.integer, &whole);
    } else if (value.kind == Value::Kind::real) {
      add_real(value.real);
      has_real = true;
    } else {
      return;
    }
    ++count;  // 2^64 records are beyond a stream
  }
  void add_real(double value) {
    const double sum = high + value;
    const double from_value = sum - high;
    low += (high - (sum - from_value)) + (value - from_value);
    high = sum;
  }
  void merge(const SumSlot& other);
  /// The floating part left the finite numbers: as wrong as an integer that wrapped.
  bool overflowed() const { return overflow || !std::isfinite(high) || !std::isfinite(low); }
  void encode(ByteWriter& writer) const;
  bool decode(std::string_view bytes);
  void print(AggregateKind kind, std::string& out) const;
};

/// Min and max. Equal numbers of different kinds (2 and 2.0) are kept as the integer, so that order does
/// not matter.
template <bool is_max>
struct alignas(16) ExtremeSlot {
  static constexpr std::size_t encoded_bytes_max = 1 + varint128_bytes_max;
  union {
    Integer integer;
    double real;
  };
  enum class Kind : std::uint8_t { none, integer, real } kind;

  void add(const Value& value) {
    if (value.kind == Value::Kind::integer) {
      if (kind == Kind::integer) [[likely]] {
        integer = (is_max ? value.integer > integer : value.integer < integer) ? value.integer : integer;
      } else {
        take(value.integer);
      }
    } else if (value.kind == Value::Kind::real) {
      take(value.real);
    }
  }
  void take(Integer value);
  void take(double value);
  void merge(const ExtremeSlot& other);
  void encode(ByteWriter& writer) const;
  bool decode(std::string_view bytes);
  void print(AggregateKind kind, std::string& out) const;
};
using MinSlot = ExtremeSlot<false>;
using MaxSlot = ExtremeSlot<true>;

/// Calls `visit` with the slot type of a kind, as a null pointer to it.
template <class Visit>
decltype(auto) with_slot(AggregateKind kind, Visit visit) {
  switch (kind) {
    case AggregateKind::count:
      return visit(static_cast<CountSlot*>(nullptr));
    case AggregateKind::sum:
    case AggregateKind::mean:
      return visit(static_cast<SumSlot*>(nullptr));
    case AggregateKind::min:
      return visit(static_cast<MinSlot*>(nullptr));
    case AggregateKind::max:
      break;
  }
  return visit(static_cast<MaxSlot*>(nullptr));
}

inline bool is_kind(std::uint8_t tag) noexcept { return tag >= 1 && tag <= 5; }

}  // namespace weir::pipelines
