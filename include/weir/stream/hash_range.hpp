#pragma once

#include <optional>
#include <string_view>

namespace weir::stream {

/// Where a record lies among the shards: 0 to 2^128 - 1.
using HashKey = unsigned __int128;

/// The hash keys that a shard owns, both ends included. A shard keeps its range for life.
struct HashRange {
  HashKey first = 0;
  HashKey last = ~HashKey{0};

  bool contains(HashKey key) const noexcept { return first <= key && key <= last; }
  /// Nothing lies outside.
  bool is_all() const noexcept { return first == 0 && last == ~HashKey{0}; }
  friend bool operator==(const HashRange&, const HashRange&) = default;
};

/// Decimal digits, at most 39 of them and at most 2^128 - 1; absent when it is anything else.
std::optional<HashKey> parse_hash_key(std::string_view digits) noexcept;
/// As a shard's description spells it; absent where that makes no range.
std::optional<HashRange> parse_hash_range(std::string_view first, std::string_view last) noexcept;

/// Where a record with this key and no explicit hash key lies: the MD5 of its bytes as a number, most
/// significant byte first. Throws std::runtime_error where OpenSSL refuses MD5.
HashKey hash_key_of(std::string_view partition_key);

}  // namespace weir::stream
