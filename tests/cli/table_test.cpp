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

struct TerminalTableTest : TableTest {
  static Console::Options terminal(Console::Options options, std::size_t columns) {
    options.out_is_terminal = true;
    options.columns = columns;
    return options;
  }
  std::string printed_on(std::size_t columns, const std::vector<std::string>& rows) {
    const Capture screen;
    Console narrow(terminal(captured(screen, err), columns));
    Table shown(narrow);
    for (const auto& row : rows) {
      EXPECT_TRUE(shown.add(*JsonRow::parse(row)).ok());
    }
    EXPECT_TRUE(shown.finish().ok());
    EXPECT_TRUE(narrow.flush().ok());
    return screen.text();
  }
};

// A table wider than the terminal wraps into a heap of digits. Names of aggregates can take two lines; a key that is
// cut cannot be typed back.
TEST_F(TerminalTableTest, BreaksHeadersBeforeItCutsAnything) {
  const std::vector<std::string> rows{R"({"key":"JFK","flights":12345,"average_delay":7.5,"worst_delay":-3})",
                                      R"({"key":"Frankfurt am Main","flights":7,"average_delay":1,"worst_delay":0})"};
  EXPECT_EQ(printed_on(45, rows),
            "                            average_   worst_\n"
            "key                flights     delay    delay\n"
            "JFK                 12,345      7.50       -3\n"
            "Frankfurt am Main        7      1.00        0\n");
  EXPECT_EQ(printed_on(80, rows).find("average_ "), std::string::npos);
}

// 39 digits a column leave no room for a table.
TEST_F(TerminalTableTest, PrintsABlockForEachKeyWhereNoTableFits) {
  EXPECT_EQ(printed_on(20, {R"({"key":"JFK","flights":12345,"sum":123456789012})",
                            fmt::format(R"({{"key":"{:k>30}","flights":1,"sum":"overflow"}})", "")}),
            fmt::format("key:     JFK\n"
                        "flights: 12,345\n"
                        "sum:     123,456,789,012\n"
                        "\n"
                        "key:     {:k>30}\n"
                        "flights: 1\n"
                        "sum:     overflow\n",
                        ""));
}

// `weir query --all | grep JFK` wants the whole row in one line, whatever the terminal has.
TEST_F(TableTest, WhatIsNotShownOnATerminalStaysATable) {
  const std::string key(200, 'k');
  add(fmt::format(R"({{"key":"{}","flights":1}})", key));
  EXPECT_NE(printed().find("\n" + key + "        1\n"), std::string::npos);
}

// One key beyond the range must not turn a column of numbers into one of words.
TEST_F(TableTest, AnOverflowStandsWhereItsNumberWould) {
  add(R"({"key":"a","sum":123456789,"n":1})");
  add(R"({"key":"b","sum":"overflow","n":22})");
  EXPECT_EQ(printed(),
            "key          sum   n\n"
            "a    123,456,789   1\n"
            "b       overflow  22\n");
}

// true and "true", 1 and "1" are two keys each, and an empty one is a blank: as printed here, each can be asked for.
TEST_F(TableTest, KeysAreShownAsTheyCanBeTyped) {
  for (const auto* key : {"true", R"("true")", "1234", R"("1234")", R"("-1.5e3")", R"("")", R"(" a")", R"("[a")", R"("\"a")",
                          R"("2001-01-10")", R"("JFK LAX")", R"({"base64":"/w=="})", R"(["JFK",7])", R"("a\u001b[2Jb")"}) {
    add(fmt::format(R"({{"key":{},"n":1}})", key));
  }
  EXPECT_EQ(printed(),
            "key                n\n"
            "true               1\n"
            "\"true\"             1\n"
            "1234               1\n"
            "\"1234\"             1\n"
            "\"-1.5e3\"           1\n"
            "\"\"                 1\n"
            "\" a\"               1\n"
            "\"[a\"               1\n"
            "\"\\\"a\"              1\n"
            "2001-01-10         1\n"
            "JFK LAX            1\n"
            "{\"base64\":\"/w==\"}  1\n"
            "[\"JFK\",7]          1\n"
            "\"a\\u001b[2Jb\"      1\n");
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
