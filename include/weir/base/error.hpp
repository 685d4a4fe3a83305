#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

/// What a caller does next about an error. Decided once, where the reply is read; nobody parses a
/// message later to find out.
enum class Next : std::uint8_t {
  retry,     ///< the same call may succeed later: wait with backoff
  reopen,    ///< the handle used is spent (an expired iterator, an expired page token): get a new one
  conflict,  ///< somebody else changed what the call relied on
  corrupt,   ///< the bytes received or stored are not what they must be
  refused,   ///< will not succeed until a person changes something
  stopped,   ///< this program was asked to stop
};

std::string_view to_string(Next next) noexcept;

/// Something that went wrong outside the program. Never holds a secret or a payload.
struct Error {
  Next next = Next::refused;
  std::string code;     ///< the service's error type or a short name of ours ("ResourceNotFoundException")
  std::string message;  ///< one line for the person on call: names the thing and what to do
  int http_status = 0;  ///< 0 where there was no HTTP reply
  std::string request_id;
  bool throttled = false;  ///< with `retry`: the service asked for less; back off longer
  /// An attempt of the call may have done what it asked for: it was sent, and no answer told. Whatever came
  /// of later attempts.
  bool may_have_taken_effect = false;
  std::optional<std::chrono::milliseconds> retry_after;  ///< the service's own wish, where it stated one

  Error() = default;
  Error(Next what_next, std::string error_code, std::string text)
      : next(what_next), code(std::move(error_code)), message(std::move(text)) {}

  bool is_stopped() const noexcept { return next == Next::stopped; }
};

/// `<code>: <message> (HTTP <status>, request <id>)`, without what is absent.
std::string to_string(const Error& error);

inline Error stopped() { return {Next::stopped, "stopped", "stopped on request"}; }
inline Error refused(std::string code, std::string message) {
  return {Next::refused, std::move(code), std::move(message)};
}
inline Error corrupt(std::string code, std::string message) {
  return {Next::corrupt, std::move(code), std::move(message)};
}

}  // namespace weir
