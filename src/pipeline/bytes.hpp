#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "weir/decode/integer.hpp"

namespace weir::pipelines {

/// Writes encoded values into memory that is large enough: each kind of aggregate states its longest.
class ByteWriter {
 public:
  explicit ByteWriter(char* to) : begin_(to), next_(to) {}
  void byte(std::uint8_t value) { *next_++ = static_cast<char>(value); }
  void fixed32(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) {
      byte(static_cast<std::uint8_t>(value >> (8 * i)));
    }
  }
  void real(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i) {
      byte(static_cast<std::uint8_t>(bits >> (8 * i)));
    }
  }
  template <class U>
  void varint(U value) {
    while (value >= 0x80) {
      byte(static_cast<std::uint8_t>(value | 0x80U));
      value >>= 7U;
    }
    byte(static_cast<std::uint8_t>(value));
  }
  /// Small numbers of either sign are short.
  void zigzag(decode::Integer value) {
    varint((static_cast<decode::UnsignedInteger>(value) << 1U) ^ static_cast<decode::UnsignedInteger>(value >> 127U));
  }
  void bytes(std::string_view text) {
    std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
  }
  char* position() const noexcept { return next_; }
  std::string_view written() const noexcept { return {begin_, static_cast<std::size_t>(next_ - begin_)}; }

 private:
  char* begin_;
  char* next_;
};
inline constexpr std::size_t varint64_bytes_max = 10;
inline constexpr std::size_t varint128_bytes_max = 19;

/// Reads them back from any bytes; after the first failure `ok()` stays false and everything reads as 0.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) {
      ok_ = false;
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint32_t fixed32() {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      value |= static_cast<std::uint32_t>(byte()) << (8 * i);
    }
    return value;
  }
  double real() {
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 8; ++i) {
      bits |= static_cast<std::uint64_t>(byte()) << (8 * i);
    }
    return std::bit_cast<double>(bits);
  }
  template <class U>
  U varint() {
    constexpr unsigned bits = sizeof(U) * 8;
    U value = 0;
    for (unsigned shift = 0; shift < bits; shift += 7) {
      const std::uint8_t next = byte();
      const auto part = static_cast<U>(next & 0x7FU);
      if (shift + 7 > bits && (part >> (bits - shift)) != 0) {
        break;
      }
      value |= part << shift;
      if ((next & 0x80U) == 0) {
        return value;
      }
    }
    ok_ = false;
    return 0;
  }
  decode::Integer zigzag() {
    const auto value = varint<decode::UnsignedInteger>();
    return static_cast<decode::Integer>((value >> 1U) ^ (decode::UnsignedInteger{0} - (value & 1U)));
  }
  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace weir::pipelines
