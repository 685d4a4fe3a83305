#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "weir/wire/arena.hpp"

namespace weir::wire {

/// The length of `bytes` bytes in base64, padding included.
constexpr std::size_t base64_size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

/// RFC 4648 section 4: the standard alphabet, padded, no line breaks.
void append_base64(std::string& out, std::string_view bytes);
std::string encode_base64(std::string_view bytes);

/// Strict: the standard alphabet, padded, nothing else in the text, unused bits zero (one text per value).
std::optional<std::string> decode_base64(std::string_view text);
/// The same into `arena`; the view lives as long as it does.
std::optional<std::string_view> decode_base64(std::string_view text, Arena& arena);

}  // namespace weir::wire
