#pragma once

#include <array>
#include <string_view>

namespace weir::stream {

using Md5 = std::array<unsigned char, 16>;

/// Throws std::runtime_error where OpenSSL refuses MD5 (FIPS mode): without it no aggregated record is known.
Md5 md5(std::string_view bytes);

}  // namespace weir::stream
