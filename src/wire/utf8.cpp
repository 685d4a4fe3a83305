#include "weir/wire/utf8.hpp"

#include <simdjson.h>

#include <algorithm>

namespace weir::wire {

bool is_utf8(std::string_view text) noexcept { return simdjson::validate_utf8(text.data(), text.size()); }

std::size_t utf8_length(std::string_view text) noexcept {
  // Every character has one byte that is no continuation byte (10xxxxxx).
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace weir::wire
