#pragma once

#include <optional>
#include <string_view>

#include "weir/base/clock.hpp"
#include "weir/base/error.hpp"
#include "weir/http/message.hpp"

namespace weir::aws {

/// What a reply that is no success means: the one place where service errors become ours. `code` is the
/// service's error type ("ResourceNotFoundException"), or "HTTP<status>" where the reply names none;
/// `message` holds the service's words, and what to check. Status, request id, `throttled` and
/// `retry_after` are filled in. Never fails; an error type not known here goes by its status.
///
/// A message about a signature is not repeated: the service quotes what was signed, session token
/// included.
Error service_error(std::string_view operation, const http::Reply& reply);

/// Whether a wrong clock on this machine may be the reason.
bool may_be_clock_skew(const Error& error) noexcept;
/// Whether newer credentials may help.
bool may_be_stale_credentials(const Error& error) noexcept;

/// The service's clock when it answered: the `Date` header, whole seconds. Absent when there is none, it is
/// malformed, or an `Age` header says that a cache has kept the reply.
std::optional<Timestamp> service_time(const http::Reply& reply);

/// Reads an HTTP date in the form of today (RFC 9110, 5.6.7): "Tue, 24 Nov 2026 02:06:08 GMT".
std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace weir::aws
