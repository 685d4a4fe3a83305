// Somebody's profiles are read, or refused by file and in printable words.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/profile_files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ini = weir::aws::parse_ini(text, "config");
  if (!ini) {
    const auto& message = ini.error().message;
    if (!message.starts_with("config:") || !std::ranges::all_of(message, [](char c) { return c >= ' ' && c < 0x7f; })) {
      std::abort();
    }
    return 0;
  }
  for (const auto& [name, section] : *ini) {
    for (const auto& [key, value] : section) {
      if (key.size() + value.size() > size || name.size() > size) {
        std::abort();
      }
    }
  }
  return 0;
}
