#include "weir/decode/fields.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "padded.hpp"

namespace weir::decode {
namespace {

using Kind = Value::Kind;

struct Read {
  bool ok = false;
  std::vector<Value> values;
  std::string code;
  Error error;
};

class FieldsTest : public ::testing::Test {
 protected:
  Read read(const std::vector<std::string>& paths, std::string_view text) {
    const auto fields = Fields::of(paths).value();
    padded_ = std::make_unique<Padded>(text);
    Read result;
    result.values.resize(fields.size());
    result.ok = fields.read(padded_->view(), scratch_, result.values);
    if (!result.ok) {
      result.error = scratch_.problem().error();
    }
    return result;
  }
  Scratch scratch_;
  std::unique_ptr<Padded> padded_;
};

TEST_F(FieldsTest, ReadsFieldsAndFieldsOfFields) {
  const auto got = read({"origin", "flight.delay", "flight.plane.tail", "none", "flight.none"},
                        R"({"flight":{"delay":3.0,"plane":{"tail":"N1"}},"x":[{"origin":1}],"origin":"JFK"})");
  ASSERT_TRUE(got.ok) << got.error.message;
  EXPECT_EQ(got.values[0].string(), "JFK");
  EXPECT_EQ(got.values[1].kind, Kind::integer) << "3.0 is an integer";
  EXPECT_TRUE(got.values[1].integer == 3);
  EXPECT_EQ(got.values[2].string(), "N1");
  EXPECT_EQ(got.values[3].kind, Kind::missing);
  EXPECT_EQ(got.values[4].kind, Kind::missing);
}

TEST_F(FieldsTest, TellsEveryKind) {
  const auto got =
      read({"a", "b", "c", "d", "e", "f", "g"},
           R"({"a":null,"b":true,"c":170141183460469231731687303715884105727,"d":1.5,"e":"x","f":[1],"g":{"h":1}})");
  ASSERT_TRUE(got.ok);
  const Kind kinds[] = {Kind::null, Kind::boolean, Kind::integer, Kind::real, Kind::string, Kind::array, Kind::object};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(got.values[i].kind, kinds[i]) << i;
  }
  EXPECT_TRUE(got.values[2].integer == integer_max);
}

// A large whole number written as one is refused rather than rounded; with an exponent it is a measurement.
TEST_F(FieldsTest, RoundsOnlyWhatWasWrittenAsFloating) {
  EXPECT_EQ(read({"a"}, R"({"a":1e300})").values[0].real, 1e300);
  EXPECT_TRUE(read({"a"}, R"({"a":1e30})").values[0].kind == Kind::integer);
  const auto wide = read({"a"}, R"({"a":170141183460469231731687303715884105728})");
  ASSERT_FALSE(wide.ok);
  EXPECT_EQ(wide.error.code, "OutOfRange");
  EXPECT_EQ(wide.error.message, "member a: the number does not fit");
}

TEST_F(FieldsTest, APathAndALongerOneAreReadTogether) {
  const auto got = read({"a", "a.b", "a.b"}, R"({"a":{"b":1}})");
  ASSERT_TRUE(got.ok);
  EXPECT_EQ(got.values[0].kind, Kind::object);
  EXPECT_TRUE(got.values[1].integer == 1);
  EXPECT_TRUE(got.values[2].integer == 1) << "a repeated path is read once and given twice";
}

// Null on the way is a missing field; anything else there is a record of another shape.
TEST_F(FieldsTest, AnObstacleOnTheWayIsNotAMissingField) {
  EXPECT_EQ(read({"a.b.c"}, R"({"a":null})").values[0].kind, Kind::missing);
  EXPECT_EQ(read({"a.b.c"}, R"({"a":3})").values[0].kind, Kind::blocked);
  EXPECT_EQ(read({"a.b.c"}, R"({"a":{"b":[1]}})").values[0].kind, Kind::blocked);
}

TEST_F(FieldsTest, TheFirstOfEqualNamesWins) {
  EXPECT_TRUE(read({"a"}, R"({"a":1,"a":"x"})").values[0].integer == 1);
  EXPECT_EQ(read({"a.b"}, R"({"a":{},"a":{"b":1}})").values[0].kind, Kind::missing);
  EXPECT_TRUE(read({"a"}, R"({"\u0061":1,"a\"":2})").values[0].integer == 1);
}

// Beyond 64 fields another set of marks is used: the rule must hold there too.
TEST_F(FieldsTest, ReadsManyFields) {
  std::vector<std::string> paths;
  std::string text = "{";
  for (int i = 0; i < 100; ++i) {
    paths.push_back("f" + std::to_string(i));
    text += "\"f" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  }
  for (int i = 0; i < 100; ++i) {
    text += "\"f" + std::to_string(i) + "\":-1" + (i < 99 ? "," : "}");
  }
  const auto got = read(paths, text);
  ASSERT_TRUE(got.ok);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(got.values[static_cast<std::size_t>(i)].integer == i);
  }
}

TEST_F(FieldsTest, ValidatesWhatItReads) {
  for (const auto* bad :
       {R"({"a":tru})", R"({"a":01})", R"({"a":"\ud800"})", R"({"a":nul})", R"({"a":[1,]})", "[]", "3", ""}) {
    EXPECT_FALSE(read({"a"}, bad).ok) << bad;
  }
}

TEST(Fields, RefusesEmptyNames) {
  for (const auto* path : {"", ".", "a.", ".a", "a..b"}) {
    EXPECT_FALSE(Fields::of({path}).ok()) << path;
  }
}

}  // namespace
}  // namespace weir::decode
