#pragma once

#include <array>
#include <string>
#include <string_view>

namespace weir::aws {

using Sha256 = std::array<unsigned char, 32>;

/// The hash of the parts, one after the other. Fetches nothing per call: OpenSSL 3's own one-call form
/// looks the algorithm up anew each time, which costs more than hashing a small request.
Sha256 sha256(std::string_view first, std::string_view second = {});
/// RFC 2104.
Sha256 hmac_sha256(std::string_view key, std::string_view message);

inline std::string_view bytes_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}
void append_hex(std::string& out, const Sha256& hash);

}  // namespace weir::aws
