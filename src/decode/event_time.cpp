#include "weir/decode/event_time.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

namespace weir::decode {
namespace {

/// Below it a number means seconds (until the year 5138), from it milliseconds (since 1973).
constexpr double milliseconds_from = 1e11;
/// The years 0 to 9999, in milliseconds: what RFC 3339 can say.
constexpr double milliseconds_min = -62'167'219'200'000.0;
constexpr double milliseconds_max = 253'402'300'799'999.0;

Error bad_time() {
  return corrupt("BadEventTime",
                 "the event time is neither RFC 3339, nor like 2001/01/10 18:20, nor a number of "
                 "seconds or milliseconds since 1970");
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// "2001/01/10 18:20" or "2001/01/10 18:20:30".
std::optional<Timestamp> parse_slashed(std::string_view text) {
  if ((text.size() != 16 && text.size() != 19) || text[4] != '/' || text[7] != '/' || text[10] != ' ' ||
      text[13] != ':' || (text.size() == 19 && text[16] != ':')) {
    return std::nullopt;
  }
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = text.size() == 19 ? digits(text, 17, 2) : std::optional<int>(0);
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  return Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

Result<Timestamp> parse_number(double number) {
  const double millis = std::abs(number) < milliseconds_from ? number * 1000 : number;
  if (!(millis >= milliseconds_min && millis <= milliseconds_max)) {
    return bad_time();
  }
  return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(std::floor(millis))));
}

}  // namespace

Result<Timestamp> parse_event_time(std::string_view text) {
  if (const auto slashed = parse_slashed(text)) {
    return *slashed <= Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds_max)))
               ? Result<Timestamp>(*slashed)
               : Result<Timestamp>(bad_time());
  }
  auto parsed = parse_rfc3339(text);
  if (!parsed) {
    return bad_time();
  }
  return parsed;
}

Result<Timestamp> parse_event_time(const Value& value) {
  switch (value.kind) {
    case Value::Kind::string:
      return parse_event_time(value.string());
    case Value::Kind::integer:
      if (value.integer > static_cast<Integer>(milliseconds_max) ||
          value.integer < static_cast<Integer>(milliseconds_min)) {
        return bad_time();
      }
      return parse_number(static_cast<double>(value.integer));
    case Value::Kind::real:
      return parse_number(value.real);
    case Value::Kind::missing:
    case Value::Kind::null:
      return corrupt("MissingEventTime", "the event time is missing");
    default:
      return bad_time();
  }
}

}  // namespace weir::decode
