#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "weir/base/result.hpp"

namespace weir::decode {

/// How payloads are compressed. CloudWatch Logs subscriptions come as gzip.
enum class Compression : std::uint8_t { none, gzip, zstd };
/// "none", "gzip", "zstd": as pipeline files spell them.
std::string_view to_string(Compression compression) noexcept;

/// What a payload may become. A record has 10 MiB at most, and gzip makes a thousand bytes of one.
inline constexpr std::size_t decompressed_bytes_max = 64U * 1024 * 1024;

/// Decompresses one payload after the other and keeps its memory between them, as far as it is reasonable.
/// One thread at a time.
class Decompressor {
 public:
  explicit Decompressor(Compression compression, std::size_t bytes_max = decompressed_bytes_max);
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  /// The whole payload, every gzip member or zstd frame of it, followed by `stream::padding_bytes` readable
  /// bytes; lives until the next call. Fails with `corrupt`: "BadGzip" or "BadZstd" where it is cut or is none,
  /// "TooLarge" where it would become more than the limit; nothing beyond the limit is ever written.
  Result<std::string_view> decompress(std::string_view payload);

 private:
  struct Memory;
  Result<std::string_view> gunzip(std::string_view payload);
  Result<std::string_view> unzstd(std::string_view payload);

  Compression compression_;
  std::size_t bytes_max_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace weir::decode

namespace weir {
using decode::Compression;
}  // namespace weir
