#include "cli/table.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "capture.hpp"

namespace weir::cli {
namespace {

struct TableTest : testing::Test {
  Capture out;
  Capture err;
  Console console{captured(out, err)};
  Table table{console};

  void add(std::string_view json) {
    auto row = JsonRow::parse(json);
    ASSERT_TRUE(row.ok()) << json;
    ASSERT_TRUE(table.add(*std::move(row)).ok());
  }
  std::string printed() {
    EXPECT_TRUE(table.finish().ok());
    EXPECT_TRUE(console.flush().ok());
    return out.text();
  }
};

TEST_F(TableTest, AlignsNumbersToTheRight) {
  add(R"({"key":"JFK","flights":12345,"delay":7.5,"worst":-3})");
  add(R"({"key":"Zürich","flights":7,"delay":-1234.5678,"worst":null})");
  EXPECT_EQ(printed(),
            "key     flights      delay  worst\n"
            "JFK      12,345       7.50     -3\n"
            "Zürich        7  -1,234.57   null\n");
}

// A rounded 128-bit sum would be a wrong number.
TEST_F(TableTest, KeepsEveryDigitOfAnInteger) {
  add(R"({"key":"a","sum":-170141183460469231731687303715884105728,"other":"overflow"})");
  EXPECT_NE(printed().find("-170,141,183,460,469,231,731,687,303,715,884,105,728  overflow"), std::string::npos)
      << out.text();
}

TEST_F(TableTest, ShowsTinyAndHugeNumbersAsSuch) {
  EXPECT_EQ(number_text("0.00001234", true), "1.234e-05");
  EXPECT_EQ(number_text("1.5e300", true), "1.5e+300");
  EXPECT_EQ(number_text("0.0", true), "0.00");
  EXPECT_EQ(number_text("12", true), "12.00");
}

// Wider than the terminal, a table is a heap of digits: the key gives way, never a number.
TEST_F(TableTest, CutsLongKeysToTheWidth) {
  add(fmt::format(R"({{"key":"{}","flights":1}})", std::string(200, 'k')));
  add(R"({"key":["JFK","LAX"],"flights":2})");
  const auto text = printed();
  const auto second = text.find('\n') + 1;
  EXPECT_EQ(text.substr(second, text.find('\n', second) - second), fmt::format("{:k>70}…        1", ""));
  EXPECT_NE(text.find("[\"JFK\",\"LAX\"]"), std::string::npos);
}

TEST_F(TableTest, PrintsControlCharactersOfKeysVisibly) {
  add(R"({"key":"a\u001b[2Jb","flights":1})");
  EXPECT_NE(printed().find("a\\x1b[2Jb"), std::string::npos);
}

// A million keys must not be held in memory to be aligned.
TEST_F(TableTest, PrintsAsItGoesAfterMeasuring) {
  for (std::size_t i = 0; i < Table::rows_to_measure + 10; ++i) {
    add(fmt::format(R"({{"key":"a","n":{}}})", i));
  }
  ASSERT_TRUE(console.flush().ok());
  EXPECT_NE(out.text().find("a    2,009\n"), std::string::npos);
  EXPECT_EQ(table.rows(), Table::rows_to_measure + 10);
}

TEST_F(TableTest, PrintsNothingForNoRows) { EXPECT_EQ(printed(), ""); }

TEST(JsonRow, RefusesWhatIsNoObject) {
  for (const auto* wrong : {"", "[]", "{", R"({"a":})", R"({"a":"\ud800"})"}) {
    EXPECT_FALSE(JsonRow::parse(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace weir::cli
