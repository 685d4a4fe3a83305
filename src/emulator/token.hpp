#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::emulator {

/// What a shard iterator or a page token stands for. Clients see an opaque text: it is masked, differs each
/// time it is made, and is refused when a character of it was changed.
struct Token {
  enum class Kind : std::uint8_t { iterator = 1, shards_page = 2, streams_page = 3 };

  Kind kind = Kind::iterator;
  std::uint8_t flags = 0;         ///< an iterator: 1 when opened at a sequence number; a page: the filter's type
  std::uint32_t shard_index = 0;  ///< a page of shards: list those after it
  std::uint32_t epoch = 0;        ///< of the iterators; older ones have expired
  std::uint64_t stream_id = 0;
  std::uint64_t counter = 0;      ///< an iterator: the first record with this counter or a higher one is next
  std::int64_t issued_ms = 0;
  std::int64_t filter_ms = 0;     ///< a page: the filter's time
};

class Tokens {
 public:
  explicit Tokens(std::uint64_t secret) : secret_(secret) {}

  /// `nonce` makes equal tokens look different. 100 to 512 characters, as the service's.
  std::string write(const Token& token, std::uint64_t nonce) const;
  /// Absent when this object did not write it.
  std::optional<Token> read(std::string_view text) const;

 private:
  std::uint64_t secret_;
};

}  // namespace weir::emulator
