#include "cli/text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace weir::cli {
namespace {

TEST(Text, PutsCommasBetweenThousands) {
  EXPECT_EQ(with_commas(std::uint64_t{0}), "0");
  EXPECT_EQ(with_commas(std::uint64_t{999}), "999");
  EXPECT_EQ(with_commas(std::uint64_t{1000}), "1,000");
  EXPECT_EQ(with_commas(std::numeric_limits<std::uint64_t>::max()), "18,446,744,073,709,551,615");
  EXPECT_EQ(with_commas("-1234567.25"), "-1,234,567.25");
  EXPECT_EQ(with_commas("-170141183460469231731687303715884105728"),
            "-170,141,183,460,469,231,731,687,303,715,884,105,728");
}

TEST(Text, CountsOneThingAsOne) {
  EXPECT_EQ(counted(1, "record"), "1 record");
  EXPECT_EQ(counted(0, "record"), "0 records");
  EXPECT_EQ(counted(20'000, "record"), "20,000 records");
}

// A value just below a unit must not print as 1000.0 of the smaller one.
TEST(Text, PicksTheUnitThatFits) {
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1.0 kB");
  EXPECT_EQ(bytes_text(999'949), "999.9 kB");
  EXPECT_EQ(bytes_text(999'950), "1.0 MB");
  EXPECT_EQ(bytes_text(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
  EXPECT_EQ(seconds_text(0.314), "0.31 s");
  EXPECT_EQ(seconds_text(9.999), "10.0 s");
  EXPECT_EQ(seconds_text(200), "3 min 20 s");
  EXPECT_EQ(seconds_text(7261), "2 h 1 min");
}

TEST(Text, RoundsRatesToThreeDigits) {
  EXPECT_EQ(rate_text(0, 0), "0 records/s");
  EXPECT_EQ(rate_text(512, 1), "512 records/s");
  EXPECT_EQ(rate_text(123'456, 1), "123,000 records/s");
}

// What is cut must not end in half a character.
TEST(Text, CutsBetweenCharacters) {
  EXPECT_EQ(cut_to_width("Zürich", 6), "Zürich");
  EXPECT_EQ(cut_to_width("Zürich", 3), "Zü…");
  EXPECT_EQ(cut_to_width("", 1), "");
}

// A key or a file name could otherwise move the cursor or set the terminal's title.
TEST(Text, ShowsControlCharacters) {
  EXPECT_EQ(printable("a\x1b[2J\n"), "a\\x1b[2J\\x0a");
  EXPECT_EQ(printable("a\u202eb\u2028c\u2069"), "a\\u202eb\\u2028c\\u2069");
  EXPECT_EQ(printable("\u2010\u20ac \xe2\x80"), "\u2010\u20ac \xe2\x80");
}

TEST(Text, WrapsBetweenWords) {
  EXPECT_EQ(wrap("one two three", 9, 2), "one two\n  three");
  EXPECT_EQ(wrap("averyveryverylongword x", 9, 2), "averyveryverylongword\n  x");
}

TEST(Text, FindsTheNearestWord) {
  const std::vector<std::string> words{"local", "put", "run", "query", "dead list"};
  EXPECT_EQ(nearest("ptu", words), "put");
  EXPECT_EQ(nearest("qeury", words), "query");
  EXPECT_EQ(nearest("deadlist", words), "dead list");
  EXPECT_EQ(nearest("xyz", words), "");
  EXPECT_EQ(nearest("", words), "");
}

}  // namespace
}  // namespace weir::cli
