#include "weir/decode/event_time.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::decode {
namespace {

std::string read(const Value& value) {
  const auto time = parse_event_time(value);
  return time.ok() ? weir::to_string(*time) : time.error().code;
}
std::string read(const char* text) { return read(Value::of(std::string_view(text))); }

TEST(EventTime, ReadsTheFormsPayloadsUse) {
  EXPECT_EQ(read("2026-11-24T06:05:30Z"), "2026-11-24T06:05:30.000Z");
  EXPECT_EQ(read("2026-11-24T06:05:30.25+01:00"), "2026-11-24T05:05:30.250Z");
  EXPECT_EQ(read("2001/01/10 18:20"), "2001-01-10T18:20:00.000Z");
  EXPECT_EQ(read("2001/01/10 18:20:59"), "2001-01-10T18:20:59.000Z");
}

// Seconds or milliseconds is told by size: 1e11 s is the year 5138, 1e11 ms is 1973.
TEST(EventTime, TellsSecondsFromMilliseconds) {
  EXPECT_EQ(read(Value::of(Integer{1'764'000'000})), "2025-11-24T16:00:00.000Z");
  EXPECT_EQ(read(Value::of(Integer{1'764'000'000'123})), "2025-11-24T16:00:00.123Z");
  EXPECT_EQ(read(Value::of(1'764'000'000.5)), "2025-11-24T16:00:00.500Z");
  EXPECT_EQ(read(Value::of(Integer{0})), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(read(Value::of(Integer{-1})), "1969-12-31T23:59:59.000Z");
}

TEST(EventTime, RefusesTheRest) {
  for (const auto* text :
       {"", "yesterday", "2001/02/29 18:20", "2001/01/10 24:00", "2001/01/10 18:60", "2001/01/10",
        "2001/01/10 18:20:", "2001-01-10 18:20", "2001/1/10 18:20", "20x1/01/10 18:20", "9999/12/31 23:59:60"}) {
    EXPECT_EQ(read(text), "BadEventTime") << text;
  }
  EXPECT_EQ(read(Value::of(integer_max)), "BadEventTime");
  EXPECT_EQ(read(Value::of(1e300)), "BadEventTime");
  EXPECT_EQ(read(Value::of(Integer{-62'167'219'200'000})), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(read(Value::of(Integer{-62'167'219'200'001})), "BadEventTime");
  EXPECT_EQ(read(Value::of(true)), "BadEventTime");
  EXPECT_EQ(read(Value::of(Value::Kind::null)), "MissingEventTime");
  EXPECT_EQ(read(Value()), "MissingEventTime");
}

}  // namespace
}  // namespace weir::decode
