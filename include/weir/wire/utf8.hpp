#pragma once

#include <cstddef>
#include <string_view>

namespace weir::wire {

/// Whether these bytes are well-formed UTF-8. CBOR readers hand out text as it came: whoever stores or
/// shows it checks.
bool is_utf8(std::string_view text) noexcept;
/// Characters (code points) in well-formed UTF-8; Kinesis limits partition keys to 256 of them.
std::size_t utf8_length(std::string_view text) noexcept;

}  // namespace weir::wire
