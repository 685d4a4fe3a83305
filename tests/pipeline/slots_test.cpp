#include "pipeline/slots.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace weir::pipelines {
namespace {

template <class Slot>
Slot empty() {
  Slot slot;
  std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
  return slot;
}
template <class Slot>
Slot of(const std::vector<Value>& values) {
  auto slot = empty<Slot>();
  for (const auto& value : values) {
    slot.add(value);
  }
  return slot;
}
template <class Slot>
std::string bytes(const Slot& slot) {
  char buffer[Slot::encoded_bytes_max];
  ByteWriter writer(buffer);
  slot.encode(writer);
  EXPECT_LE(writer.written().size(), Slot::encoded_bytes_max);
  return std::string(writer.written());
}
template <class Slot>
std::string text(const Slot& slot, AggregateKind kind) {
  std::string out;
  slot.print(kind, out);
  return out;
}
Value integer(Integer value) { return Value::of(value); }
Value real(double value) { return Value::of(value); }

std::string sum(const std::vector<Value>& values) { return text(of<SumSlot>(values), AggregateKind::sum); }
std::string mean(const std::vector<Value>& values) { return text(of<SumSlot>(values), AggregateKind::mean); }
std::string least(const std::vector<Value>& values) { return text(of<MinSlot>(values), AggregateKind::min); }
std::string most(const std::vector<Value>& values) { return text(of<MaxSlot>(values), AggregateKind::max); }

TEST(Slots, NoValueAtAllIsNull) {
  const std::vector<Value> none{Value(), Value::of(Value::Kind::null)};
  EXPECT_EQ(sum(none), "null");
  EXPECT_EQ(mean(none), "null");
  EXPECT_EQ(least(none), "null");
  EXPECT_EQ(most(none), "null");
  EXPECT_EQ(text(of<CountSlot>({}), AggregateKind::count), "0");
}

TEST(Slots, AnAbsentValueLeavesTheAggregateAsItWas) {
  EXPECT_EQ(mean({integer(1), Value(), integer(2), Value::of(Value::Kind::null)}), "1.5");
  EXPECT_EQ(least({Value(), integer(5), Value()}), "5");
}

TEST(Slots, IntegersAreExactBeyond64Bits) {
  EXPECT_EQ(sum({integer(decode::integer_max - 1), integer(1)}), "170141183460469231731687303715884105727");
  EXPECT_EQ(sum({integer(decode::integer_min), integer(decode::integer_max)}), "-1");
  EXPECT_EQ(most({integer(decode::integer_min), integer(decode::integer_max)}),
            "170141183460469231731687303715884105727");
}

// A sum that wrapped would look like any other number; and one that came back must not look right again.
TEST(Slots, AnOverflowIsShownAndStays) {
  auto slot = of<SumSlot>({integer(decode::integer_max), integer(1)});
  EXPECT_EQ(text(slot, AggregateKind::sum), "\"overflow\"");
  EXPECT_EQ(text(slot, AggregateKind::mean), "\"overflow\"");
  slot.add(integer(-5));
  slot.merge(of<SumSlot>({integer(-100)}));
  EXPECT_EQ(text(slot, AggregateKind::sum), "\"overflow\"");
  auto read = empty<SumSlot>();
  ASSERT_TRUE(read.decode(bytes(slot)));
  read.merge(of<SumSlot>({integer(-100)}));
  EXPECT_EQ(text(read, AggregateKind::sum), "\"overflow\"");
  auto other = of<SumSlot>({integer(1)});
  other.merge(slot);
  EXPECT_EQ(text(other, AggregateKind::sum), "\"overflow\"");
}

// Two commits, each of which fits: their sum is formed in the store, where nobody looks.
TEST(Slots, AnOverflowOfTwoSumsIsShown) {
  auto slot = of<SumSlot>({integer(decode::integer_max)});
  slot.merge(of<SumSlot>({integer(1)}));
  EXPECT_EQ(text(slot, AggregateKind::sum), "\"overflow\"");
  auto below = of<SumSlot>({integer(decode::integer_min)});
  below.merge(of<SumSlot>({integer(-1)}));
  EXPECT_EQ(text(below, AggregateKind::mean), "\"overflow\"");
}

// What rounding took from a sum is kept from commit to commit, or a million commits would lose the promised digits.
TEST(Slots, MergedFloatingSumsKeepWhatRoundingTook) {
  auto slot = of<SumSlot>({real(1e16)});
  for (int i = 0; i < 1000; ++i) {
    slot.merge(of<SumSlot>({real(1e16), real(1), real(-1e16)}));
  }
  slot.merge(of<SumSlot>({real(-1e16)}));
  EXPECT_EQ(text(slot, AggregateKind::sum), "1000");
}

TEST(Slots, AFloatingOverflowIsShownToo) {
  const double large = std::numeric_limits<double>::max();
  EXPECT_EQ(sum({real(large), real(large)}), "\"overflow\"");
  auto slot = of<SumSlot>({real(large), real(large), real(-large), real(-large)});
  EXPECT_EQ(text(slot, AggregateKind::sum), "\"overflow\"");
}

TEST(Slots, ACountThatOverflowsSaysSo) {
  auto slot = empty<CountSlot>();
  slot.count = std::numeric_limits<std::uint64_t>::max();
  slot.merge(of<CountSlot>({Value()}));
  EXPECT_EQ(text(slot, AggregateKind::count), "\"overflow\"");
  auto read = empty<CountSlot>();
  ASSERT_TRUE(read.decode(bytes(slot)));
  EXPECT_EQ(text(read, AggregateKind::count), "\"overflow\"");
}

// Integers and floating point in one field: 2^60 + 1 would vanish in a double, and must not before the end.
TEST(Slots, KindsMayBeMixed) {
  const Integer large = (Integer{1} << 60) + 1;
  EXPECT_EQ(sum({integer(large), real(0.5), integer(-large), real(0.25)}), "0.75");
  EXPECT_EQ(mean({integer(1), real(0.5)}), "0.75");
  EXPECT_EQ(most({integer(large), real(0x1p60)}), "1152921504606846977");
  EXPECT_EQ(least({integer(large), real(0x1p60)}), least({real(0x1p60)}));
  EXPECT_EQ(most({integer(2), real(2.5)}), "2.5");
  EXPECT_EQ(least({integer(-3), real(-2.5)}), "-3");
  EXPECT_EQ(most({real(1e300), integer(decode::integer_max)}), "1e+300");
  EXPECT_EQ(least({real(-1e300), integer(decode::integer_min)}), "-1e+300");
  EXPECT_EQ(most({real(2), integer(2)}), most({integer(2), real(2)}));
  EXPECT_EQ(most({real(0x1p127), integer(decode::integer_max)}), most({real(0x1p127)}));
  EXPECT_EQ(least({real(-0x1p127), integer(decode::integer_min)}), "-170141183460469231731687303715884105728");
}

TEST(Slots, MeansAreShortestRoundTrip) {
  EXPECT_EQ(mean({integer(1), integer(2)}), "1.5");
  EXPECT_EQ(mean({integer(1), integer(0), integer(0)}), "0.3333333333333333");
  EXPECT_EQ(mean({real(0.1), real(0.2)}), "0.15000000000000002") << "the doubles' exact sum halved, rounded once";
  EXPECT_EQ(mean({integer(4), integer(4)}), "4");
}

// Summing 0.1 a million times naively is wrong in the 11th digit; the promise is 1e-12.
TEST(Slots, FloatingSumsKeepTheirDigits) {
  auto slot = empty<SumSlot>();
  for (int i = 0; i < 1'000'000; ++i) {
    slot.add(real(0.1));
  }
  EXPECT_EQ(text(slot, AggregateKind::sum), "100000") << "naively 100000.00000133288";
  EXPECT_EQ(sum({real(1e16), real(1), real(-1e16)}), "1");
  EXPECT_EQ(sum({real(1e300), real(1), real(-1e300)}), "1");
}

/// A sum of 64-bit integers by schoolbook decimal digits would do; 128 bits cannot overflow by few of them,
/// so the oracle adds high and low halves apart.
struct Oracle {
  Integer high = 0;
  Integer low = 0;
  void add(Integer value) {
    high += value >> 64;
    low += static_cast<Integer>(static_cast<std::uint64_t>(value));
  }
  bool fits(Integer& sum) const {
    const Integer top = high + (low >> 64);
    if (top > (decode::integer_max >> 64) || top < (decode::integer_min >> 64)) {
      return false;
    }
    sum = static_cast<Integer>((static_cast<decode::UnsignedInteger>(top) << 64U) | static_cast<std::uint64_t>(low));
    return true;
  }
};

Integer wide(std::int64_t high, std::uint64_t low) {
  return static_cast<Integer>((static_cast<decode::UnsignedInteger>(high) << 64U) | low);
}

// Either the exact sum or the word; never another number. (The word may come though the end would fit, when
// the way led outside.)
RC_GTEST_PROP(Slots, SumsEqualALargerOracleOrSayOverflow,
              (const std::vector<std::pair<std::int64_t, std::uint64_t>>& parts)) {
  Oracle oracle;
  std::vector<Value> values;
  for (const auto& [high, low] : parts) {
    values.push_back(integer(wide(high, low)));
    oracle.add(wide(high, low));
  }
  RC_PRE(!values.empty());
  Integer expected = 0;
  const bool fits = oracle.fits(expected);
  const auto slot = of<SumSlot>(values);
  if (slot.overflow) {
    RC_ASSERT(text(slot, AggregateKind::sum) == "\"overflow\"");
  } else {
    RC_ASSERT(fits);
    RC_ASSERT(slot.whole == expected);
  }
}

Value any_number(int choice) {
  switch (choice % 4) {
    case 0:
      return integer(*rc::gen::arbitrary<std::int64_t>());
    case 1:
      return real(static_cast<double>(*rc::gen::inRange(-1000, 1000)) / 8);
    case 2:
      return integer(*rc::gen::inRange(-3, 3));
    default:
      return Value();
  }
}
std::vector<Value> any_numbers() {
  std::vector<Value> values;
  const auto count = *rc::gen::inRange(0, 6);
  for (int i = 0; i < count; ++i) {
    values.push_back(any_number(*rc::gen::inRange(0, 4)));
  }
  return values;
}

// What makes totals independent of how records fall into commits. The values add up exactly as doubles, so
// that bytes may be compared.
template <class Slot>
void check_laws() {
  const auto a = of<Slot>(any_numbers());
  const auto b = of<Slot>(any_numbers());
  const auto c = of<Slot>(any_numbers());
  const auto merged = [](Slot left, const Slot& right) {
    left.merge(right);
    return left;
  };
  RC_ASSERT(bytes(merged(a, b)) == bytes(merged(b, a)));
  RC_ASSERT(bytes(merged(merged(a, b), c)) == bytes(merged(a, merged(b, c))));
  RC_ASSERT(bytes(merged(a, empty<Slot>())) == bytes(a));
  RC_ASSERT(bytes(merged(empty<Slot>(), a)) == bytes(a));
  auto read = empty<Slot>();
  RC_ASSERT(read.decode(bytes(a)));
  RC_ASSERT(bytes(read) == bytes(a));
}
RC_GTEST_PROP(Slots, CountsObeyTheLaws, ()) { check_laws<CountSlot>(); }
RC_GTEST_PROP(Slots, SumsObeyTheLaws, ()) { check_laws<SumSlot>(); }
RC_GTEST_PROP(Slots, MinimaObeyTheLaws, ()) { check_laws<MinSlot>(); }
RC_GTEST_PROP(Slots, MaximaObeyTheLaws, ()) { check_laws<MaxSlot>(); }

}  // namespace
}  // namespace weir::pipelines
