#include "weir/base/error.hpp"

#include <fmt/format.h>

namespace weir {

std::string_view to_string(Next next) noexcept {
  switch (next) {
    case Next::retry:
      return "retry";
    case Next::reopen:
      return "reopen";
    case Next::conflict:
      return "conflict";
    case Next::corrupt:
      return "corrupt";
    case Next::refused:
      return "refused";
    case Next::stopped:
      return "stopped";
  }
  return "refused";
}

std::string to_string(const Error& error) {
  std::string text = error.code.empty() ? error.message : fmt::format("{}: {}", error.code, error.message);
  if (error.http_status != 0 && !error.request_id.empty()) {
    text += fmt::format(" (HTTP {}, request {})", error.http_status, error.request_id);
  } else if (error.http_status != 0) {
    text += fmt::format(" (HTTP {})", error.http_status);
  }
  return text;
}

}  // namespace weir
