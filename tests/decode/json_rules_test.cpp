#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/describe/class.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "padded.hpp"
#include "weir/decode/json.hpp"

// What counts as JSON, as a number, as a string: the rules, one by one, for members read and skipped.
namespace weir::decode {
namespace {

struct Flight {
  std::string_view origin;
  int delay = 0;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, delay))

template <class T>
struct Only {
  T v{};
};
BOOST_DESCRIBE_STRUCT(Only<int>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<std::uint8_t>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<double>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<float>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<bool>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<std::string>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<std::int64_t>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<UnsignedInteger>, (), (v))
BOOST_DESCRIBE_STRUCT(Only<Integer>, (), (v))

template <class T>
std::string code_of(const std::string& value) {
  Scratch scratch;
  const Padded padded(R"({"v":)" + value + "}");
  const auto result = json_decoder<Only<T>>()(padded.view(), scratch);
  return result.ok() ? "ok" : result.error().code;
}
template <class T>
T read(const std::string& value) {
  const auto result = json_decoder<Only<T>>()(R"({"v":)" + value + "}");
  EXPECT_TRUE(result.ok()) << value << ": " << (result.ok() ? "" : result.error().message);
  return result.ok() ? result->v : T{};
}
std::string code_of_payload(std::string_view text) {
  Scratch scratch;
  const Padded padded(text);
  const auto result = json_decoder<Flight>()(padded.view(), scratch);
  const auto copied = json_decoder<Flight>()(text);
  EXPECT_EQ(result.ok(), copied.ok()) << text;
  return result.ok() ? "ok" : result.error().code;
}

// Producers that keep all numbers as doubles write 3.0 for 3; a dead letter for that would be pedantry.
TEST(JsonNumbers, AnySpellingOfAnIntegerIsOne) {
  for (const auto* text : {"3", "3.0", "3.000", "3e0", "3E+0", "30e-1", "0.3e1", "300.0e-2", "0.00003e5"}) {
    EXPECT_EQ(read<int>(text), 3) << text;
  }
  for (const auto* text : {"0", "-0", "0.0", "-0e5", "0e999999999999999999999", "0.000e-7"}) {
    EXPECT_EQ(read<int>(text), 0) << text;
  }
  EXPECT_EQ(read<std::int64_t>("9007199254740993.0"), 9007199254740993) << "not by way of a double";
  EXPECT_EQ(code_of<int>("3.5"), "WrongType");
  EXPECT_EQ(code_of<int>("1e-1"), "WrongType");
  EXPECT_EQ(code_of<int>("1e999999999999999999999"), "OutOfRange");
  EXPECT_EQ(code_of<int>("1e-999999999999999999999"), "WrongType");
}

TEST(JsonNumbers, IntegersAreCheckedForRange) {
  EXPECT_EQ(read<int>("2147483647"), 2147483647);
  EXPECT_EQ(read<int>("-2147483648"), -2147483647 - 1);
  EXPECT_EQ(code_of<int>("2147483648"), "OutOfRange");
  EXPECT_EQ(code_of<int>("-2147483649"), "OutOfRange");
  EXPECT_EQ(code_of<std::uint8_t>("256"), "OutOfRange");
  EXPECT_EQ(code_of<std::uint8_t>("-1"), "OutOfRange");
  EXPECT_EQ(read<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(code_of<std::int64_t>("9223372036854775808"), "OutOfRange");
  EXPECT_EQ(code_of<std::int64_t>("99999999999999999999"), "OutOfRange") << "20 digits wrap in 64 bits";
}

TEST(JsonNumbers, WideIntegersAreExact) {
  EXPECT_TRUE(read<Integer>("170141183460469231731687303715884105727") == integer_max);
  EXPECT_TRUE(read<Integer>("-170141183460469231731687303715884105728") == integer_min);
  EXPECT_TRUE(read<Integer>("1.7014118346046923173168730371588410572700e38") == integer_max);
  EXPECT_EQ(code_of<Integer>("170141183460469231731687303715884105728"), "OutOfRange");
  EXPECT_EQ(code_of<Integer>("-170141183460469231731687303715884105729"), "OutOfRange");
  EXPECT_TRUE(read<UnsignedInteger>("340282366920938463463374607431768211455") == ~UnsignedInteger{0});
  EXPECT_EQ(code_of<UnsignedInteger>("340282366920938463463374607431768211456"), "OutOfRange");
  EXPECT_EQ(code_of<UnsignedInteger>("-1"), "OutOfRange");
}

TEST(JsonNumbers, DoublesAreTheNearestAndFinite) {
  EXPECT_EQ(read<double>("0.1"), 0.1);
  EXPECT_EQ(read<double>("1e308"), 1e308);
  EXPECT_EQ(read<double>("123456789012345678901234567890"), 123456789012345678901234567890.0);
  EXPECT_EQ(read<double>("5e-324"), 5e-324);
  EXPECT_EQ(read<double>("1e-400"), 0.0) << "the nearest double is zero";
  EXPECT_TRUE(std::signbit(read<double>("-0.0")));
  EXPECT_TRUE(std::signbit(read<double>("-0")));
  EXPECT_EQ(read<double>("9007199254740993"), 9007199254740992.0);
  for (const auto* text : {"1e999", "-1e309", "1.8e308", "1e99999999999999999999"}) {
    EXPECT_EQ(code_of<double>(text), "OutOfRange") << text;
  }
  EXPECT_EQ(code_of<float>("1e39"), "OutOfRange");
}

RC_GTEST_PROP(JsonNumbers, EveryFiniteDoubleComesBack, (std::uint64_t bits)) {
  const auto value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  char text[64];
  std::snprintf(text, sizeof(text), "%.17g", value);
  RC_ASSERT(read<double>(text) == value);
}

RC_GTEST_PROP(JsonNumbers, EveryInt64ComesBackFromManySpellings, (std::int64_t value)) {
  const auto text = std::to_string(value);
  RC_ASSERT(read<std::int64_t>(text) == value);
  RC_ASSERT(read<std::int64_t>(text + ".000") == value);
  if (value != 0) {
    RC_ASSERT(read<std::int64_t>(text + "000e-3") == value);
  }
}

// A lenient number parser lets two programs read one record differently.
TEST(JsonNumbers, MalformedOnesAreRefused) {
  for (const auto* text : {"01", "-01", "+1", "1.", ".5", "1e", "1e+", "-", "--1", "0x10", "1_000", "NaN", "Infinity",
                           "-Infinity", "1f", "12\"a\"", "1.5.5", "00", "1e5.5"}) {
    EXPECT_EQ(code_of<int>(text), "BadJson") << text;
    EXPECT_EQ(code_of<double>(text), "BadJson") << text;
    EXPECT_EQ(code_of<Integer>(text), "BadJson") << text;
  }
}

TEST(JsonWords, AreSpeltOut) {
  EXPECT_TRUE(read<bool>("true"));
  EXPECT_FALSE(read<bool>("false"));
  for (const auto* text : {"tru", "truee", "True", "falsey", "f", "true1"}) {
    EXPECT_EQ(code_of<bool>(text), "BadJson") << text;
  }
  EXPECT_EQ(code_of<bool>("1"), "WrongType");
}

TEST(JsonStrings, AreUnescaped) {
  EXPECT_EQ(read<std::string>(R"("a\"b\\c\/d\b\f\n\r\t")"), "a\"b\\c/d\b\f\n\r\t");
  EXPECT_EQ(read<std::string>(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(read<std::string>(R"("\u0000")"), std::string(1, '\0'));
  EXPECT_EQ(read<std::string>(R"("")"), "");
}

// Half a surrogate pair has no UTF-8: keeping it would store keys that no JSON can print.
TEST(JsonStrings, LoneSurrogatesAndUnknownEscapesAreRefused) {
  for (const auto* text : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\u0041")", R"("\ud83d\n")",
                           R"("\u12")", R"("\u12g4")", R"("\x41")", R"("\u+123")", R"("\u 123")", R"("\0")"}) {
    EXPECT_EQ(code_of<std::string>(text), "BadJson") << text;
  }
}

TEST(JsonStrings, InvalidUtf8AndControlCharactersAreRefusedAnywhere) {
  for (const std::string bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x01", "\n"}) {
    EXPECT_EQ(code_of_payload(R"({"origin":")" + bad + R"(","delay":1})"), "BadJson");
    EXPECT_EQ(code_of_payload(R"({"origin":"JFK","delay":1,"skipped":")" + bad + R"("})"), "BadJson");
  }
}

TEST(JsonObjects, TheFirstOfEqualNamesWins) {
  const auto flight = json_decoder<Flight>()(R"({"origin":"JFK","delay":1,"delay":2,"origin":3})");
  ASSERT_TRUE(flight.ok());
  EXPECT_EQ(flight->delay, 1);
  EXPECT_EQ(flight->origin, "JFK");
}

// The same name may be written with escapes; and a quote inside one must not end the comparison early.
TEST(JsonObjects, NamesAreComparedUnescaped) {
  const auto flight = json_decoder<Flight>()(R"({"\u006frigin":"JFK","d\u0065lay":4})");
  ASSERT_TRUE(flight.ok()) << flight.error().message;
  EXPECT_EQ(flight->origin, "JFK");
  EXPECT_EQ(flight->delay, 4);
  EXPECT_EQ(code_of_payload(R"({"origin":"JFK","delay\"x":4})"), "MissingMember");
  EXPECT_EQ(code_of_payload(R"({"origin":"JFK","delay\u0022":4})"), "MissingMember");
  EXPECT_EQ(code_of_payload(R"({"origin":"JFK","delayed":4,"dela":3})"), "MissingMember");
  EXPECT_EQ(code_of_payload(R"({"":0,"origin" : "JFK" , "delay"
     :4})"),
            "ok");
}

// A broken record must not pass because the broken part is not read: other readers would see other data.
TEST(JsonStructure, IsCheckedInSkippedMembersToo) {
  const auto with = [](const std::string& member) { return R"({"origin":"JFK","skip":)" + member + R"(,"delay":1})"; };
  for (const auto* good : {"[]", "{}", "[[],{},[{}]]", R"({"a":[1,2,{"b":null}],"c":"}"})", "1", "\"x\"", "null",
                           "-1e5", R"([1,"]",{"[":"{"}])", " [ 1 , 2 ] "}) {
    EXPECT_EQ(code_of_payload(with(good)), "ok") << good;
  }
  for (const auto* bad : {"",
                          "[1 2]",
                          "[1,]",
                          "[,1]",
                          "[,]",
                          "{,}",
                          R"({"a"})",
                          R"({"a":})",
                          R"({"a":1,})",
                          R"({1:2})",
                          R"({"a" 1})",
                          "[1}",
                          R"({"a":1])",
                          "[[1]",
                          "[1]]",
                          "{{}}",
                          "[:]",
                          "[1:2]",
                          R"({"a":1:2})",
                          "x",
                          "]",
                          "}",
                          ":",
                          ",",
                          "1 2",
                          R"("a" "b")",
                          R"({"a":1 "b":2})",
                          R"({"a":1,"b"})",
                          "#",
                          "'a'",
                          R"({"a",1})",
                          "[1]2",
                          R"("a"b)"}) {
    EXPECT_EQ(code_of_payload(with(bad)), "BadJson") << bad;
  }
}

TEST(JsonStructure, NothingMayFollow) {
  for (const auto* bad :
       {R"({"origin":"JFK","delay":1}x)", R"({"origin":"JFK","delay":1}{})", R"({"origin":"JFK","delay":1}})",
        R"({"origin":"JFK","delay":1},)", R"({"origin":"JFK","delay":1}])", R"({"origin":"JFK","delay":1} [])"}) {
    EXPECT_EQ(code_of_payload(bad), "BadJson") << bad;
  }
  EXPECT_EQ(code_of_payload(" \t\r\n{\"origin\":\"JFK\",\"delay\":1} \n"), "ok");
}

// Two records in one, or a comma too many: "it ends inside an object" sends people to look for what is missing.
TEST(JsonStructure, WhatFollowsIsToldFromWhatIsMissing) {
  const auto reason = [](std::string_view payload) {
    Scratch scratch;
    const Padded padded(payload);
    return json_decoder<Flight>()(padded.view(), scratch).error().message;
  };
  for (const auto* more : {R"({"origin":"JFK","delay":1}x)", R"({"origin":"JFK","delay":1},)", R"([[{}]] 1)"}) {
    EXPECT_EQ(reason(more), "payload: not JSON: something follows the value") << more;
  }
  for (const auto* less : {R"({"origin":"JFK","delay":1)", R"({"origin":"JFK","list":[{}],)"}) {
    EXPECT_EQ(reason(less), "payload: not JSON: it ends inside an object or array") << less;
  }
}

TEST(JsonStructure, EmptyAndBlankPayloadsAreNoJson) {
  for (const auto* text : {"", " ", "\n\t", "\xEF\xBB\xBF"}) {
    EXPECT_EQ(code_of_payload(text), "BadJson");
  }
  EXPECT_EQ(code_of_payload("1"), "WrongType");
  EXPECT_EQ(code_of_payload("\"a\""), "WrongType");
  EXPECT_EQ(code_of_payload("{}"), "MissingMember");
}

TEST(JsonStructure, SkippingHasADepthLimit) {
  const auto nested = [](std::size_t depth) {
    return R"({"origin":"JFK","delay":1,"skip":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(code_of_payload(nested(json_depth_max - 1)), "ok");
  EXPECT_EQ(code_of_payload(nested(json_depth_max)), "BadJson");
  EXPECT_EQ(code_of_payload(nested(1'000'000)), "BadJson");
}

// A lone scalar ends where the payload ends; the digits that follow in the buffer belong to another record.
TEST(JsonStructure, ALoneNumberEndsWithThePayload) {
  Scratch scratch;
  const Padded padded("12", '7');
  const auto value = json_decoder<int>()(padded.view(), scratch);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, 12);
  EXPECT_EQ(*json_decoder<std::string>()("\"ab\""), "ab");
  EXPECT_EQ(json_decoder<std::vector<int>>()("[1,2,3]")->size(), 3U);
}

// A cut payload must never pass, nor be read beyond its end, whatever follows it in the buffer.
TEST(JsonStructure, ATruncationAtAnyByteIsAnError) {
  const std::string text = R"({"skip":{"a":[1,"x\"",{"b":false}]},"origin":"J\u0046K","delay":-12.0e0,"t":[[],{}]})";
  ASSERT_EQ(code_of_payload(text), "ok");
  Scratch scratch;
  for (std::size_t size = 0; size < text.size(); ++size) {
    for (const char filler : {'7', '"', '}', ']', ',', ':', '\0', 'e', ' '}) {
      const Padded cut(text.substr(0, size), filler);
      EXPECT_FALSE(json_decoder<Flight>()(cut.view(), scratch).ok()) << size;
    }
    EXPECT_FALSE(json_decoder<Flight>()(text.substr(0, size)).ok()) << size;
  }
}

// Structures of every shape, broken at one random place, against a plain recursive reading of the grammar.
class Grammar {
 public:
  static bool accepts(std::string_view text) {
    Grammar grammar{text};
    grammar.space();
    return grammar.value() && (grammar.space(), grammar.at_ == text.size());
  }

 private:
  explicit Grammar(std::string_view text) : text_(text) {}
  void space() {
    while (at_ < text_.size() && text_[at_] == ' ') {
      ++at_;
    }
  }
  bool take(char c) {
    space();
    return at_ < text_.size() && text_[at_] == c && (++at_, true);
  }
  bool value() {
    space();
    if (take('[')) {
      if (take(']')) {
        return true;
      }
      do {
        if (!value()) {
          return false;
        }
      } while (take(','));
      return take(']');
    }
    if (take('{')) {
      if (take('}')) {
        return true;
      }
      do {
        if (!take('a') || !take(':') || !value()) {
          return false;
        }
      } while (take(','));
      return take('}');
    }
    return take('1');
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

RC_GTEST_PROP(JsonStructure, AgreesWithThePlainGrammar, ()) {
  // 'a' stands for a name and '1' for a scalar, so that every text is a sequence of tokens.
  const auto tokens =
      *rc::gen::container<std::string>(rc::gen::element('[', ']', '{', '}', ',', ':', 'a', '1', '[', ']'));
  std::string json;
  for (const char c : tokens) {
    json += c == 'a' ? std::string("\"a\"") : std::string(1, c);
    json += c == '1' ? " " : "";
  }
  // A name where a value may stand is a string: say so to the plain grammar by accepting neither.
  RC_PRE(tokens.find("[a") == std::string::npos && tokens.find(":a") == std::string::npos && tokens.find('a') != 0);
  Scratch scratch;
  const Padded padded(R"({"skip":)" + json + R"(,"origin":"JFK","delay":1})");
  const bool accepted = json_decoder<Flight>()(padded.view(), scratch).ok();
  std::string plain = tokens;
  if (Grammar::accepts(plain)) {
    RC_ASSERT(accepted);
  } else if (tokens.find(",a") == std::string::npos) {
    // The text around may complete a broken value ("1,a:1" makes two members); then no names are in it.
    RC_ASSERT(!accepted);
  }
}

}  // namespace
}  // namespace weir::decode
