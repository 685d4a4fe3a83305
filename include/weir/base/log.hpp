#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace weir {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Where the library's words go: it never prints. Called from any thread, and must not block for long.
/// An empty function is silence.
using Log = std::function<void(LogLevel, std::string_view)>;

}  // namespace weir
