#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/decode/value.hpp"
#include "weir/state/store.hpp"

namespace weir::pipelines {

/// Ways to group one record at once, and fields of one compound key.
inline constexpr std::size_t roll_ups_max = 16;
inline constexpr std::size_t key_parts_max = 16;

/// Builds one row key: which of the pipeline's roll-ups, the key's parts, and the bucket (0 until there are
/// windows). Keys compare as bytes in the order of their parts; no key is another's beginning. The format
/// is in docs/formats.md.
class RowKeyWriter {
 public:
  RowKeyWriter() : bytes_(std::make_unique_for_overwrite<char[]>(state::key_bytes_max)) {}

  void begin(std::uint8_t roll_up) noexcept {
    size_ = 0;
    beyond_ = 0;
    put(static_cast<char>(roll_up));
  }
  void add(std::string_view text);
  void add(bool value) { put(value ? '\x02' : '\x01'); }
  void add(decode::Integer value);
  /// Null, missing and floating values make no key: false.
  bool add(const decode::Value& value);
  /// False: the key is longer than a store takes.
  bool finish(std::uint64_t bucket = 0);
  /// What the key takes, or would.
  std::size_t length() const noexcept { return size_ + beyond_; }
  /// Lives until the next `begin`.
  std::string_view key() const noexcept { return {bytes_.get(), size_}; }

 private:
  void put(char byte) noexcept {
    if (size_ < state::key_bytes_max) {
      bytes_[size_++] = byte;
    } else {
      ++beyond_;
    }
  }
  void put(const char* bytes, std::size_t size) noexcept {
    if (size <= state::key_bytes_max - size_) {
      std::memcpy(bytes_.get() + size_, bytes, size);
      size_ += size;
    } else {
      beyond_ += size;
    }
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t beyond_ = 0;
};

/// A row key taken apart. The parts' strings live in `texts`.
struct RowKeyParts {
  std::uint8_t roll_up = 0;
  std::vector<decode::Value> parts;
  std::uint64_t bucket = 0;
  std::vector<std::unique_ptr<std::string>> texts;
};
/// False where the bytes are no row key.
bool parse_row_key(std::string_view key, RowKeyParts& parts);

}  // namespace weir::pipelines
