#pragma once

#include <string>
#include <string_view>

#include "weir/base/result.hpp"

namespace weir::http {

/// Longest URL sent; services refuse long before (8 KB is usual).
inline constexpr std::size_t url_bytes_max = 64 << 10;

/// `scheme://host[:port]` of an absolute http or https URL, as a view into it. Fails with `BadRequest` on
/// anything else, and never repeats the URL in the message: a query can hold secrets.
Result<std::string_view> origin_of(std::string_view url);

/// `host:port` of what `origin_of` accepted, for messages.
std::string place_of(std::string_view origin);

}  // namespace weir::http
