#include "weir/pipeline/row_key.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::pipelines {
namespace {

template <class... P>
std::string key(std::uint8_t roll_up, P... parts) {
  RowKeyWriter writer;
  writer.begin(roll_up);
  (writer.add(parts), ...);
  EXPECT_TRUE(writer.finish());
  return std::string(writer.key());
}
std::string_view view(const std::string& text) { return text; }

// "a","bc" and "ab","c" are two keys; gluing parts together would count them as one.
TEST(RowKey, PartsDoNotRunTogether) {
  EXPECT_NE(key(0, view("a"), view("bc")), key(0, view("ab"), view("c")));
  EXPECT_NE(key(0, view("")), key(0));
  EXPECT_NE(key(0, view("1")), key(0, decode::Integer{1}));
  EXPECT_NE(key(0, view("a")), key(1, view("a"))) << "roll-ups share one table";
  EXPECT_NE(key(0, true), key(0, decode::Integer{1}));
}

RC_GTEST_PROP(RowKey, ComesBackWhole, (const std::string& text, std::int64_t number, bool flag, std::uint64_t bucket)) {
  RowKeyWriter writer;
  writer.begin(3);
  writer.add(view(text));
  writer.add(decode::Integer{number} * number);
  writer.add(-decode::Integer{number} * number);
  writer.add(flag);
  RC_PRE(writer.finish(bucket));
  RowKeyParts parts;
  RC_ASSERT(parse_row_key(writer.key(), parts));
  RC_ASSERT(parts.roll_up == 3);
  RC_ASSERT(parts.bucket == bucket);
  RC_ASSERT(parts.parts.size() == 4U);
  RC_ASSERT(parts.parts[0].string() == text);
  RC_ASSERT(parts.parts[1].integer == decode::Integer{number} * number);
  RC_ASSERT(parts.parts[2].integer == -decode::Integer{number} * number);
  RC_ASSERT(parts.parts[3].boolean == flag);
}

// Scans and pages go in byte order, and people expect it to be the keys' order.
RC_GTEST_PROP(RowKey, BytesCompareAsKeysDo,
              (const std::string& a, const std::string& b, std::int64_t m, std::int64_t n)) {
  RC_ASSERT((key(0, view(a)) < key(0, view(b))) == (a < b));
  const auto x = decode::Integer{m} * n;
  const auto y = decode::Integer{n} * 3;
  RC_ASSERT((key(0, x) < key(0, y)) == (x < y));
  RC_ASSERT((key(0, view(a), x) < key(0, view(b), y)) == (std::pair(a, x) < std::pair(b, y)));
}

TEST(RowKey, HoldsTheWidestIntegers) {
  for (const auto value : {decode::integer_min, decode::integer_min + 1, decode::integer_max, decode::Integer{0}}) {
    RowKeyParts parts;
    ASSERT_TRUE(parse_row_key(key(0, value), parts));
    EXPECT_TRUE(parts.parts[0].integer == value);
  }
  EXPECT_LT(key(0, decode::integer_min), key(0, decode::integer_max));
}

TEST(RowKey, HasALimit) {
  RowKeyWriter writer;
  const std::size_t around = 1 + 1 + 2 + 8;
  writer.begin(0);
  writer.add(view(std::string(state::key_bytes_max - around, 'a')));
  EXPECT_TRUE(writer.finish());
  EXPECT_EQ(writer.key().size(), state::key_bytes_max);
  writer.begin(0);
  writer.add(view(std::string(state::key_bytes_max - around + 1, 'a')));
  EXPECT_FALSE(writer.finish());
  writer.begin(0);
  writer.add(view("a"));
  EXPECT_TRUE(writer.finish()) << "a long key must not spoil the next";
}

RC_GTEST_PROP(RowKey, ParsingIsTotal, (const std::string& bytes)) {
  RowKeyParts parts;
  (void)parse_row_key(bytes, parts);
  RowKeyParts more;
  (void)parse_row_key(std::string(1, '\0') + bytes + std::string(8, '\0'), more);
}

}  // namespace
}  // namespace weir::pipelines
