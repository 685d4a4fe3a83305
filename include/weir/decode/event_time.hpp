#pragma once

#include <string_view>

#include "weir/base/clock.hpp"
#include "weir/base/result.hpp"
#include "weir/decode/value.hpp"

namespace weir::decode {

/// When something happened, as payloads tell it: RFC 3339; "2001/01/10 18:20" with or without ":SS", in
/// UTC; a number of seconds (below 1e11) or milliseconds since 1970, fractions rounded down to ms.
/// Fails with `corrupt`/"BadEventTime".
Result<Timestamp> parse_event_time(const Value& value);
Result<Timestamp> parse_event_time(std::string_view text);

}  // namespace weir::decode
