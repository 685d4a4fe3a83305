#include "weir/decode/json.hpp"

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "padded.hpp"

namespace weir::decode {
namespace {

enum class Cabin { economy, business };
BOOST_DESCRIBE_ENUM(Cabin, economy, business)

struct Leg {
  std::string_view from;
  std::optional<int> miles;
};
BOOST_DESCRIBE_STRUCT(Leg, (), (from, miles))

struct Ticket {
  std::string name;
  std::string_view seat;
  std::int8_t small = 0;
  std::uint64_t large = 0;
  Integer huge = 0;
  float rate = 0;
  double price = 0;
  bool paid = false;
  std::optional<std::string> note;
  std::vector<Leg> legs;
  Leg home;
  Cabin cabin = Cabin::economy;
};
BOOST_DESCRIBE_STRUCT(Ticket, (), (name, seat, small, large, huge, rate, price, paid, note, legs, home, cabin))

struct Flight {
  std::string_view origin;
  int delay = 0;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, delay))

struct Base {
  int a = 0;
};
BOOST_DESCRIBE_STRUCT(Base, (), (a))
struct Derived : Base {
  int b = 0;
};
BOOST_DESCRIBE_STRUCT(Derived, (Base), (b))

struct Tree {
  std::vector<Tree> children;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (children))

// Every kind of member the documentation promises, in one payload, in both entry points.
TEST(JsonDecoder, ReadsEveryKindOfMember) {
  const std::string text = R"({
    "name": "Ann", "seat" : "12A", "small":-128, "large":18446744073709551615,
    "huge":-170141183460469231731687303715884105728, "rate":1.5, "price":0.1, "paid":true, "note":null,
    "legs":[{"from":"JFK","miles":2475},{"from":"LAX"}], "home":{"from":"JFK","miles":null}, "cabin":"business"})";
  const Padded padded(text);
  Scratch scratch;
  for (const auto& result : {json_decoder<Ticket>()(text), json_decoder<Ticket>()(padded.view(), scratch)}) {
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->name, "Ann");
    EXPECT_EQ(result->seat, "12A");
    EXPECT_EQ(result->small, -128);
    EXPECT_EQ(result->large, 18446744073709551615U);
    EXPECT_TRUE(result->huge == integer_min);
    EXPECT_EQ(result->rate, 1.5F);
    EXPECT_EQ(result->price, 0.1);
    EXPECT_TRUE(result->paid);
    EXPECT_FALSE(result->note.has_value());
    ASSERT_EQ(result->legs.size(), 2U);
    EXPECT_EQ(result->legs[0].miles, 2475);
    EXPECT_EQ(result->legs[1].from, "LAX");
    EXPECT_FALSE(result->legs[1].miles.has_value());
    EXPECT_EQ(result->home.from, "JFK");
    EXPECT_EQ(result->cabin, Cabin::business);
  }
}

// A view into a scratch copy would dangle at the next record; it must be a slice of what the caller holds.
TEST(JsonDecoder, SlicesThePayloadItWasGiven) {
  const std::string text = R"({"origin":"JFK","delay":1})";
  const auto flight = json_decoder<Flight>()(text);
  ASSERT_TRUE(flight.ok());
  EXPECT_EQ(flight->origin.data(), text.data() + 11);
}

// Unescaped text of one record must survive the next records of its batch.
TEST(JsonDecoder, KeepsUnescapedTextUntilTheScratchIsCleared) {
  Scratch scratch;
  std::vector<Padded> texts;
  std::vector<std::string_view> origins;
  for (int i = 0; i < 2000; ++i) {
    texts.emplace_back(R"({"origin":"caf\u00e9 )" + std::to_string(i) + R"(","delay":1})");
  }
  for (const auto& text : texts) {
    const auto flight = json_decoder<Flight>()(text.view(), scratch);
    ASSERT_TRUE(flight.ok());
    origins.push_back(flight->origin);
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(origins[static_cast<std::size_t>(i)], "caf\xC3\xA9 " + std::to_string(i));
  }
}

TEST(JsonDecoder, ReadsInheritedMembers) {
  const auto value = json_decoder<Derived>()(R"({"b":2,"a":1})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->a + value->b, 3);
}

// A type that holds itself could otherwise be made to exhaust the stack by 10 MiB of brackets.
TEST(JsonDecoder, RefusesDepthInsteadOfExhaustingTheStack) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    text += R"({"children":[)";
  }
  for (int i = 0; i < 100'000; ++i) {
    text += "]}";
  }
  const auto tree = json_decoder<Tree>()(text);
  ASSERT_FALSE(tree.ok());
  EXPECT_EQ(tree.error().code, "BadJson");
}

struct Failing {
  const char* text;
  const char* code;
  const char* message;
};

// An operator finds the record's mistake by these sentences alone: member, expectation, finding.
TEST(JsonDecoder, NamesTheMemberTheExpectationAndTheFinding) {
  const Failing cases[] = {
      {R"({"origin":"JFK"})", "MissingMember", "member delay: it is missing"},
      {R"({"origin":null,"delay":1})", "WrongType", "member origin: expected a string, found null"},
      {R"({"origin":"JFK","delay":null})", "WrongType", "member delay: expected an integer, found null"},
      {R"({"origin":"JFK","delay":"1"})", "WrongType", "member delay: expected an integer, found a string"},
      {R"({"origin":"JFK","delay":true})", "WrongType", "member delay: expected an integer, found a boolean"},
      {R"({"origin":"JFK","delay":[1]})", "WrongType", "member delay: expected an integer, found an array"},
      {R"({"origin":{},"delay":1})", "WrongType", "member origin: expected a string, found an object"},
      {R"({"origin":7,"delay":1})", "WrongType", "member origin: expected a string, found a number"},
      {R"({"origin":"JFK","delay":1.5})", "WrongType",
       "member delay: expected an integer, found a number with a fraction"},
      {R"({"origin":"JFK","delay":2147483648})", "OutOfRange", "member delay: the number does not fit"},
      {R"([1])", "WrongType", "payload: expected an object, found an array"},
      {"null", "WrongType", "payload: expected an object, found null"},
      {"no json", "BadJson", "payload: not JSON: expected a value at byte 0"},
      {R"({"origin":troo,"delay":1})", "BadJson", "member origin: not JSON: expected a value at byte 10"},
  };
  for (const auto& c : cases) {
    const auto flight = json_decoder<Flight>()(c.text);
    ASSERT_FALSE(flight.ok()) << c.text;
    EXPECT_EQ(flight.error().code, c.code) << c.text;
    EXPECT_EQ(flight.error().message, c.message) << c.text;
    EXPECT_EQ(flight.error().next, Next::corrupt);
  }
}

// The path must lead to the innermost member, through arrays too.
TEST(JsonDecoder, NamesTheWholePath) {
  const auto ticket = json_decoder<Ticket>()(R"({"legs":[{"from":"JFK"},{"from":"LAX","miles":"far"}]})");
  ASSERT_FALSE(ticket.ok());
  EXPECT_EQ(ticket.error().message, "member legs[1].miles: expected an integer, found a string");
  const auto home = json_decoder<Ticket>()(R"({"home":{"from":1}})");
  ASSERT_FALSE(home.ok());
  EXPECT_EQ(home.error().message, "member home.from: expected a string, found a number");
}

// A payload in an error message ends in logs and dead-letter lists, where personal data must not be.
TEST(JsonDecoder, NeverRepeatsThePayload) {
  for (const auto* text : {R"({"origin":"JFK","delay":"geheim"})", R"({"origin":geheim,"delay":1})", R"({"geheim" 1})",
                           R"({"origin":"geheim\q","delay":1})", "geheim"}) {
    const auto flight = json_decoder<Flight>()(text);
    ASSERT_FALSE(flight.ok()) << text;
    EXPECT_EQ(flight.error().message.find("geheim"), std::string::npos) << flight.error().message;
  }
}

TEST(JsonDecoder, RefusesAnUnknownNameOfAnEnum) {
  Scratch scratch;
  auto cursor = scratch.open_unpadded(R"("first")");
  Cabin cabin = Cabin::economy;
  EXPECT_FALSE(json_detail::read(cursor, cabin));
  EXPECT_EQ(scratch.problem().code, "UnknownName");
}

}  // namespace
}  // namespace weir::decode
