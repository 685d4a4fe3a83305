#include "weir/wire/cbor_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "bytes.hpp"

namespace weir::wire {
namespace {

using std::chrono::milliseconds;

// Reads one value with `read` and returns it when the whole input was well formed.
template <class Read>
auto read_one(std::string_view hex, Read read) -> std::optional<decltype(read(std::declval<CborReader&>()))> {
  const Exact input(from_hex(hex));
  Arena arena;
  CborReader reader(input.view(), arena);
  auto value = read(reader);
  if (!reader.finish()) {
    return std::nullopt;
  }
  return value;
}
auto integer(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return reader.integer(); });
}
auto unsigned_integer(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return reader.unsigned_integer(); });
}
auto number(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return reader.number(); });
}
auto text(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return std::string(reader.text()); });
}
auto blob(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return std::string(reader.blob()); });
}
auto timestamp(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return reader.timestamp().time_since_epoch().count(); });
}
bool skips(std::string_view hex) {
  return read_one(hex, [](CborReader& reader) { return reader.skip(), true; }).has_value();
}

// RFC 8949, appendix A.
TEST(CborReader, ReadsIntegersOfEveryWidth) {
  EXPECT_EQ(integer("00"), 0);
  EXPECT_EQ(integer("17"), 23);
  EXPECT_EQ(integer("1818"), 24);
  EXPECT_EQ(integer("1903e8"), 1000);
  EXPECT_EQ(integer("1a000f4240"), 1'000'000);
  EXPECT_EQ(integer("1b000000e8d4a51000"), 1'000'000'000'000);
  EXPECT_EQ(integer("20"), -1);
  EXPECT_EQ(integer("3903e7"), -1000);
  EXPECT_EQ(unsigned_integer("1bffffffffffffffff"), UINT64_MAX);
}

// A number that is cut to fit would be a wrong position or count; one past the limit must fail.
TEST(CborReader, RefusesIntegersThatDoNotFit) {
  EXPECT_EQ(integer("1b7fffffffffffffff"), INT64_MAX);
  EXPECT_EQ(integer("1b8000000000000000"), std::nullopt);
  EXPECT_EQ(integer("3b7fffffffffffffff"), INT64_MIN);
  EXPECT_EQ(integer("3b8000000000000000"), std::nullopt);
  EXPECT_EQ(unsigned_integer("20"), std::nullopt);
}

TEST(CborReader, ReadsFloatingValuesOfEveryWidth) {
  EXPECT_EQ(number("f90000"), 0.0);
  EXPECT_EQ(number("f93c00"), 1.0);
  EXPECT_EQ(number("f93e00"), 1.5);
  EXPECT_EQ(number("f97bff"), 65504.0);
  EXPECT_EQ(number("f90001"), 5.960464477539063e-8);
  EXPECT_EQ(number("f90400"), 0.00006103515625);
  EXPECT_EQ(number("f9c400"), -4.0);
  EXPECT_EQ(number("fa47c35000"), 100000.0);
  EXPECT_EQ(number("fb3ff199999999999a"), 1.1);
  EXPECT_EQ(number("f97c00"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(number("f97e00").value()));
  EXPECT_TRUE(std::signbit(number("f98000").value()));
  EXPECT_EQ(number("3903e7"), -1000.0);
  EXPECT_EQ(number("1903e8"), 1000.0);
}

TEST(CborReader, ReadsStringsWholeAndInChunks) {
  EXPECT_EQ(text("60"), "");
  EXPECT_EQ(text("6449455446"), "IETF");
  EXPECT_EQ(text("7f657374726561646d696e67ff"), "streaming");
  EXPECT_EQ(text("7fff"), "");
  EXPECT_EQ(text("7f6449455446ff"), "IETF");
  EXPECT_EQ(blob("4401020304"), from_hex("01020304"));
  EXPECT_EQ(blob("5f42010243030405ff"), from_hex("0102030405"));
  EXPECT_EQ(text("78 18" + std::string(48, '6')), std::string(24, 'f'));
  EXPECT_EQ(text("79 0003 616263"), "abc");
  EXPECT_EQ(text("7a 00000003 616263"), "abc");
  EXPECT_EQ(text("7b 0000000000000003 616263"), "abc");
}

// Chunks may only be whole strings of the same kind (RFC 8949, 3.2.3); anything else is damage, and a
// reader that goes on would take part of one record for another.
TEST(CborReader, RefusesWrongChunks) {
  for (const auto* hex : {"7f4161ff", "7f7f6161ffff", "7f01ff", "7f6161", "7f", "7fc16161ff", "7f6261ff"}) {
    EXPECT_EQ(text(hex), std::nullopt) << hex;
    EXPECT_FALSE(skips(hex)) << hex;
  }
  EXPECT_EQ(blob("5f6161ff"), std::nullopt);
}

// The emulator answers with base64 text where AWS sends bytes.
TEST(CborReader, TakesBase64WhereBytesAreDue) {
  EXPECT_EQ(blob("68 5a6d3976596d4679"), "foobar");
  EXPECT_EQ(blob("7f 64 5a6d3976 64 596d4679 ff"), "foobar");
  EXPECT_EQ(blob("67 5a6d3976596d46"), std::nullopt);
}

// Seconds for milliseconds, or the other way round, is the classic mistake: it moves times by a factor of
// a thousand and starts a reader in 1970 or in the far future.
TEST(CborReader, TakesIntegersForMillisecondsAndFloatingValuesForSeconds) {
  EXPECT_EQ(timestamp("c11b000001a013accc38"), 1787036486712);
  EXPECT_EQ(timestamp("1b000001a013accc38"), 1787036486712);
  EXPECT_EQ(timestamp("1a5c181eea"), 1545084650);
  EXPECT_EQ(timestamp("20"), -1);
  EXPECT_EQ(timestamp("fb41d70607bab f2b02"), 1545084650987);
  EXPECT_EQ(timestamp("c1fb41d70607babf2b02"), 1545084650987);
}

// Outside the years 1 to 9999 the sums of times and durations done later would overflow.
TEST(CborReader, RefusesTimesThatAreNone) {
  EXPECT_EQ(timestamp("1b0000e677d21fdbff"), timestamp_ms_max);
  EXPECT_EQ(timestamp("1b0000e677d21fdc00"), std::nullopt);
  EXPECT_EQ(timestamp("c11b7fffffffffffffff"), std::nullopt);
  EXPECT_EQ(timestamp("1bffffffffffffffff"), std::nullopt);
  EXPECT_EQ(timestamp("3bffffffffffffffff"), std::nullopt);
  EXPECT_EQ(timestamp("f97e00"), std::nullopt);
  EXPECT_EQ(timestamp("f97c00"), std::nullopt);
  EXPECT_EQ(timestamp("f9fc00"), std::nullopt);
  EXPECT_EQ(timestamp("fb7fefffffffffffff"), std::nullopt);
}

// Views mean that a page of records costs no copy: what is read must point into the input.
TEST(CborReader, HandsOutViewsIntoTheInput) {
  const Exact input(from_hex("a2 61 61 63 666f6f 61 62 43 010203"));
  Arena arena;
  CborReader reader(input.view(), arena);
  ASSERT_TRUE(reader.enter_map());
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.key(), "a");
  EXPECT_EQ(reader.text().data(), input.view().data() + 4);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.key(), "b");
  EXPECT_EQ(reader.blob().data(), input.view().data() + 10);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.finish().ok());
  EXPECT_EQ(arena.bytes(), 0U);
}

std::vector<std::int64_t> array(CborReader& reader) {
  std::vector<std::int64_t> items;
  if (reader.enter_array()) {
    while (reader.next()) {
      items.push_back(reader.integer());
    }
  }
  return items;
}

TEST(CborReader, WalksContainersOfEitherLength) {
  using Items = std::vector<std::int64_t>;
  EXPECT_EQ(read_one("83010203", array), (Items{1, 2, 3}));
  EXPECT_EQ(read_one("9f010203ff", array), (Items{1, 2, 3}));
  EXPECT_EQ(read_one("80", array), Items{});
  EXPECT_EQ(read_one("9fff", array), Items{});
  EXPECT_EQ(read_one("9803010203", array), (Items{1, 2, 3}));
  EXPECT_EQ(read_one("c1820102", array), (Items{1, 2}));
  EXPECT_EQ(read_one("f6", array), Items{});
}

// The service leaves absent members out; the emulator sends null for them. Both mean the same.
TEST(CborReader, ReadsNullAsTheEmptyValueOfAnyType) {
  for (const auto* hex : {"f6", "f7"}) {
    EXPECT_EQ(text(hex), "");
    EXPECT_EQ(blob(hex), "");
    EXPECT_EQ(integer(hex), 0);
    EXPECT_EQ(unsigned_integer(hex), 0U);
    EXPECT_EQ(number(hex), 0.0);
    EXPECT_EQ(timestamp(hex), 0);
    EXPECT_EQ(read_one(hex, [](CborReader& reader) { return reader.boolean(); }), false);
    EXPECT_EQ(read_one(hex, [](CborReader& reader) { return reader.null(); }), true);
    EXPECT_EQ(read_one(hex, [](CborReader& reader) { return reader.enter_map(); }), false);
  }
}

TEST(CborReader, RefusesAnotherTypeThanAskedFor) {
  EXPECT_EQ(text("01"), std::nullopt);
  EXPECT_EQ(text("4161"), std::nullopt);
  EXPECT_EQ(blob("01"), std::nullopt);
  EXPECT_EQ(integer("6131"), std::nullopt);
  EXPECT_EQ(integer("f93c00"), std::nullopt);
  EXPECT_EQ(number("f5"), std::nullopt);
  EXPECT_EQ(timestamp("6131"), std::nullopt);
  EXPECT_EQ(read_one("a0", array), std::nullopt);
  EXPECT_EQ(read_one("01", [](CborReader& reader) { return reader.boolean(); }), std::nullopt);
}

// A size is a promise of the sender's. Trusting one that the input cannot hold would reserve memory, or
// loop, as long as the sender likes.
TEST(CborReader, RefusesSizesThatTheInputCannotHold) {
  for (const auto* hex : {"9bffffffffffffffff", "9a00ffffff01", "bbffffffffffffffff", "ba8000000000", "a2616101",
                          "8201", "5bffffffffffffffff00", "7affffffff61", "7bffffffffffffffff"}) {
    EXPECT_FALSE(skips(hex)) << hex;
    EXPECT_EQ(read_one(hex, array), std::nullopt) << hex;
    EXPECT_EQ(text(hex), std::nullopt) << hex;
    EXPECT_EQ(blob(hex), std::nullopt) << hex;
  }
}

TEST(CborReader, SkipsValuesOfEveryKind) {
  for (const auto* hex : {"00",       "3903e7",       "1bffffffffffffffff",
                          "60",       "6161",         "7818616161616161616161616161616161616161616161616161",
                          "4101",     "7f61616162ff", "5f4101ff",
                          "80",       "9fff",         "a0",
                          "bfff",     "83010203",     "9f0102ff",
                          "a1616101", "bf616101ff",   "82a161618201029fff",
                          "c101",     "d9d9f7a0",     "f4",
                          "f5",       "f6",           "f7",
                          "f93c00",   "fa47c35000",   "fb3ff199999999999a",
                          "f0",       "f820",         "a1018261619f8101ff"}) {
    EXPECT_TRUE(skips(hex)) << hex;
  }
}

TEST(CborReader, SkipsNothingThatIsNotWellFormed) {
  for (const auto* hex :
       {"",     "ff",   "9f",   "bf", "bf6161ff", "bf616101", "a1ff", "81ff", "1c", "1f",   "3f",     "5c",
        "df00", "f818", "f800", "fc", "fe",       "c1",       "c1ff", "d8",   "81", "0000", "6161ff", "9fffff"}) {
    EXPECT_FALSE(skips(hex)) << hex;
  }
}

// A sender could otherwise exhaust the stack, or the fixed room for open containers.
TEST(CborReader, LimitsTheDepth) {
  const auto nested = [](std::size_t depth) {
    std::string hex;
    for (std::size_t i = 0; i < depth; ++i) {
      hex += "81";
    }
    return hex + "00";
  };
  const auto entered = [](CborReader& reader) {
    while (reader.enter_array() && reader.next()) {
      if (reader.peek() != CborReader::Type::array) {
        reader.skip();
        while (reader.offset() != 0 && !reader.failed() && reader.next()) {
        }
      }
    }
    return reader.failed();
  };
  EXPECT_TRUE(skips(nested(CborReader::depth_max)));
  EXPECT_FALSE(skips(nested(CborReader::depth_max + 1)));
  EXPECT_FALSE(skips(nested(100'000)));
  const Exact deep(from_hex(nested(CborReader::depth_max + 1)));
  Arena arena;
  CborReader reader(deep.view(), arena);
  EXPECT_TRUE(entered(reader));
}

// The bounds count what is open outside too, not only within the skipped value.
TEST(CborReader, CountsOpenContainersWhenSkipping) {
  std::string bytes(CborReader::depth_max, static_cast<char>(0x81));
  bytes += from_hex("8100");
  Arena arena;
  CborReader reader(bytes, arena);
  ASSERT_TRUE(reader.enter_array());
  ASSERT_TRUE(reader.next());
  reader.skip();
  EXPECT_TRUE(reader.failed());
}

// After the first failure nothing more may be handed out, or a loop would go on with damaged values.
TEST(CborReader, StaysFailed) {
  const auto bytes = from_hex("83 01 ff 02");
  Arena arena;
  CborReader reader(bytes, arena);
  ASSERT_TRUE(reader.enter_array());
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.integer(), 1);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.integer(), 0);
  EXPECT_TRUE(reader.failed());
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.integer(), 0);
  EXPECT_FALSE(reader.enter_array());
  const auto result = reader.finish();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().next, Next::corrupt);
  EXPECT_THAT(result.error().message, testing::HasSubstr("break"));
}

// Bytes after the message mean that its length, or the message, is not what it seems.
TEST(CborReader, RefusesBytesAfterTheMessage) {
  EXPECT_EQ(integer("0100"), std::nullopt);
  EXPECT_EQ(read_one("8000", array), std::nullopt);
}

}  // namespace
}  // namespace weir::wire
