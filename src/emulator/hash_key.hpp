#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::emulator {

/// Where a record lies among the shards: 0 to 2^128 - 1.
using HashKey = unsigned __int128;

inline constexpr HashKey hash_key_max = ~HashKey{0};

/// MD5 of the key's UTF-8 bytes, as an unsigned big-endian number (service model).
HashKey hash_of(std::string_view partition_key);

/// Decimal without leading zeros, at most 2^128 - 1; absent when it is anything else.
std::optional<HashKey> parse_hash_key(std::string_view text) noexcept;

std::string to_decimal(HashKey key);

/// The first key of part `index` of `count` even parts: parts are floor(2^128 / count) wide and the last
/// takes the rest, as AWS divides a new stream.
HashKey even_split_start(std::uint32_t index, std::uint32_t count) noexcept;

}  // namespace weir::emulator
