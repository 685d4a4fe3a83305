#include "weir/wire/json_writer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "weir/wire/document.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::wire {
namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  JsonWriter writer(out);
  write(writer);
  return out;
}
std::string json_of(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, PlacesCommas) {
  EXPECT_EQ(written([](JsonWriter& writer) {
              writer.begin_map();
              writer.integer("a", -1);
              writer.begin_array("b");
              writer.integer(1);
              writer.begin_map();
              writer.end_map();
              writer.begin_array();
              writer.end_array();
              writer.boolean(true);
              writer.end_array();
              writer.null("c");
              writer.begin_map("d");
              writer.text("e", "f");
              writer.end_map();
              writer.raw("g", "[1]");
              writer.blob("h", "foob");
              writer.end_map();
            }),
            R"({"a":-1,"b":[1,{},[],true],"c":null,"d":{"e":"f"},"g":[1],"h":"Zm9vYg=="})");
}

TEST(JsonWriter, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(json_of("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json_of(std::string_view("\0\x01\x1f\n\r\t\b\f\x7f", 9)), "\"\\u0000\\u0001\\u001f\\n\\r\\t\\b\\f\x7f\"");
  EXPECT_EQ(json_of("ключ \xf0\x9f\x98\x80"), "\"ключ \xf0\x9f\x98\x80\"");
}

// A partition key of broken UTF-8 must not make a whole reply, or a line of output, unreadable.
TEST(JsonWriter, ReplacesBrokenUtf8) {
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(json_of("a\xff"
                    "b"),
            "\"a" + replacement + "b\"");
  for (const auto* broken : {"\x80", "\xc2", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98"}) {
    const auto text = json_of(broken);
    EXPECT_TRUE(is_utf8(text)) << broken;
    EXPECT_NE(text.find(replacement), std::string::npos) << broken;
  }
}

// Whatever the bytes, a reader nobody here wrote (simdjson) must accept the text; valid UTF-8 comes back.
RC_GTEST_PROP(JsonWriter, AlwaysWritesJson, (const std::string& bytes)) {
  const auto json = json_of(bytes);
  auto document = Document::parse_json(json);
  RC_ASSERT(document.ok());
  const auto text = document->root().text();
  RC_ASSERT(text.has_value());
  if (is_utf8(bytes)) {
    RC_ASSERT(*text == bytes);
  }
}

RC_GTEST_PROP(JsonWriter, WritesDoublesThatReadBack, (std::uint64_t bits)) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  RC_PRE(value - value == 0);
  const auto json = written([value](JsonWriter& writer) { writer.number(value); });
  double back = 0;
  const auto end = std::from_chars(json.data(), json.data() + json.size(), back).ptr;
  RC_ASSERT(end == json.data() + json.size());
  RC_ASSERT(back == value);
  auto document = Document::parse_json(json);
  RC_ASSERT(document.ok());
  RC_ASSERT(document->root().number() == value);
}

// In plain digits these would be integers of more than 64 bits, which readers refuse.
TEST(JsonWriter, WritesLargeDoublesAsDoubles) {
  for (const double value : {9223372036854775808.0, 24999999999999999000.0, -18446744073709551616.0}) {
    const auto json = written([value](JsonWriter& writer) { writer.number(value); });
    EXPECT_NE(json.find('e'), std::string::npos) << json;
    EXPECT_EQ(Document::parse_json(json)->root().number(), value);
  }
}

// The sign decides divisions and comparisons done later with what is read back.
TEST(JsonWriter, KeepsTheSignOfZero) {
  const auto json = written([](JsonWriter& writer) { writer.number(-0.0); });
  const auto number = Document::parse_json(json)->root().number();
  EXPECT_TRUE(number == 0.0 && std::signbit(*number)) << json;
}

TEST(JsonWriter, WritesNullForWhatIsNoNumber) {
  for (const double value : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(written([value](JsonWriter& writer) { writer.number(value); }), "null");
  }
}

// Sums are exact in 128 bits: their digits must not pass through a double on the way out.
TEST(JsonWriter, WritesAllDigitsOf128Bits) {
  const auto max = static_cast<Int128>(~Uint128{0} >> 1U);
  EXPECT_EQ(to_decimal(0), "0");
  EXPECT_EQ(to_decimal(-1), "-1");
  EXPECT_EQ(to_decimal(max), "170141183460469231731687303715884105727");
  EXPECT_EQ(to_decimal(-max - 1), "-170141183460469231731687303715884105728");
  EXPECT_EQ(written([max](JsonWriter& writer) { writer.integer128(max); }), to_decimal(max));
}

TEST(JsonWriter, WritesTimesAsSeconds) {
  const auto time = [](std::int64_t ms) {
    return written([ms](JsonWriter& writer) { writer.timestamp(Timestamp(std::chrono::milliseconds(ms))); });
  };
  EXPECT_EQ(time(1545084650987), "1545084650.987");
  EXPECT_EQ(time(1545084650007), "1545084650.007");
  EXPECT_EQ(time(1545084650000), "1545084650");
  EXPECT_EQ(time(0), "0");
  EXPECT_EQ(time(-1), "-0.001");
  EXPECT_EQ(time(-1500), "-1.500");
}

}  // namespace
}  // namespace weir::wire
