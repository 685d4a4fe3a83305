#include "weir/stream/hash_range.hpp"

#include "stream/md5.hpp"

namespace weir::stream {

std::optional<HashKey> parse_hash_key(std::string_view digits) noexcept {
  constexpr std::size_t digits_max = 39;  // of 2^128 - 1
  if (digits.empty() || digits.size() > digits_max) {
    return std::nullopt;
  }
  HashKey key = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    const auto digit = static_cast<HashKey>(c - '0');
    if (key > (~HashKey{0} - digit) / 10) {
      return std::nullopt;
    }
    key = key * 10 + digit;
  }
  return key;
}

std::optional<HashRange> parse_hash_range(std::string_view first, std::string_view last) noexcept {
  const auto from = parse_hash_key(first);
  const auto to = parse_hash_key(last);
  if (!from || !to || *from > *to) {
    return std::nullopt;
  }
  return HashRange{*from, *to};
}

HashKey hash_key_of(std::string_view partition_key) {
  HashKey key = 0;
  for (const auto byte : md5(partition_key)) {
    key = (key << 8U) | byte;
  }
  return key;
}

}  // namespace weir::stream
