#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "weir/base/clock.hpp"
#include "weir/base/result.hpp"
#include "weir/wire/arena.hpp"
#include "weir/wire/timestamp.hpp"

namespace weir::wire {

/// Whether `text` is the literal, compared in a few machine words: what the hot loops use on map keys.
template <std::size_t N>
inline bool is(std::string_view text, const char (&literal)[N]) noexcept {
  return text.size() == N - 1 && std::memcmp(text.data(), literal, N - 1) == 0;
}

/// Reads CBOR (RFC 8949) piece by piece and hands out views into the input, which must stay readable.
/// Only what cannot be a view goes into `arena`: strings sent in chunks, base64 where bytes are due.
/// Definite and indefinite containers and strings are accepted; tags are passed over.
///
/// The first thing that is wrong ends the reading: every later read gives an empty value and every loop
/// over a container ends, so callers look once, at `finish()`. Nothing read before then is to be trusted.
///
///     if (reader.enter_map()) {
///       while (reader.next()) {
///         const auto key = reader.key();
///         if (is(key, "Limit")) { limit = reader.integer(); } else { reader.skip(); }
///       }
///     }
///     WEIR_CHECK(reader.finish());
class CborReader {
 public:
  /// Containers within containers; Kinesis' messages need 5.
  static constexpr std::size_t depth_max = 32;

  enum class Type : std::uint8_t {
    unsigned_integer,
    negative_integer,
    bytes,
    text,
    array,
    map,
    boolean,
    null,
    floating,
    none
  };

  CborReader(std::string_view input, Arena& arena)
      : begin_(reinterpret_cast<const std::uint8_t*>(input.data())),
        at_(begin_),
        end_(begin_ + input.size()),
        arena_(arena) {}
  CborReader(const CborReader&) = delete;
  CborReader& operator=(const CborReader&) = delete;

  /// The next value's type; `none` at the end of the input or at a break.
  Type peek() const;

  /// Goes into a map or an array; `next()` then says whether another pair or item follows, and leaves it
  /// when there is none. False, without going in, for null (passed over) and on failure.
  [[nodiscard]] bool enter_map() { return enter(5, "a map"); }
  [[nodiscard]] bool enter_array() { return enter(4, "an array"); }
  [[nodiscard]] bool next() {
    if (depth_ == 0) {
      return false;
    }
    auto& left = left_[depth_ - 1];
    if (left == indefinite) {
      if (at_ != end_ && *at_ != break_byte) {
        return true;
      }
      if (at_ == end_) {
        fail("ends inside a container");
        return false;
      }
      ++at_;
      --depth_;
      return false;
    }
    if (left == 0) {
      --depth_;
      return false;
    }
    --left;
    return true;
  }
  /// A map's key, after `next()`; its value must be read or skipped next.
  std::string_view key() { return string(3, "a text key"); }

  /// Passes over a null (or undefined), which means the same as an absent member.
  bool null() {
    if (at_ != end_ && (*at_ == 0xf6 || *at_ == 0xf7)) {
      ++at_;
      return true;
    }
    return false;
  }
  /// Text as it came, not checked to be UTF-8.
  std::string_view text() { return string(3, "text"); }
  /// A byte string. Base64 in a text string is accepted too: an emulator's answer.
  std::string_view blob() {
    if (at_ != end_ && (*at_ >> 5U) == 2) {
      return string(2, "bytes");
    }
    return other_blob();
  }
  /// Fails where the value does not fit.
  std::int64_t integer() {
    const auto item = head();
    if (item.major <= 1 && item.value <= static_cast<std::uint64_t>(INT64_MAX)) {
      const auto value = static_cast<std::int64_t>(item.value);
      return item.major == 0 ? value : ~value;
    }
    return wrong(item.major <= 1 ? "an integer of 64 bits" : "an integer"), 0;
  }
  std::uint64_t unsigned_integer() {
    const auto item = head();
    return item.major == 0 ? item.value : (wrong("an unsigned integer"), 0);
  }
  bool boolean() {
    const auto item = head();
    if (item.major == 7 && (item.info == 20 || item.info == 21)) {
      return item.info == 21;
    }
    return wrong("a boolean"), false;
  }
  /// Any number, as a double.
  double number();
  /// An integer is milliseconds, a floating value is seconds, tagged or not.
  Timestamp timestamp() {
    const auto item = head();
    if (item.major == 0 && item.value <= static_cast<std::uint64_t>(timestamp_ms_max)) {
      return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(item.value)));
    }
    return other_timestamp(item);
  }
  /// Passes over one value of any kind.
  void skip();

  bool failed() const noexcept { return problem_ != nullptr; }
  /// Where reading stands, in bytes.
  std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  /// Succeeds when all was well and one whole message was read, with nothing after it.
  Result<void> finish() const;

 private:
  static constexpr std::uint8_t break_byte = 0xff;
  static constexpr std::uint64_t indefinite = UINT64_MAX;

  struct Head {
    std::uint8_t major;  // 8: none could be read
    std::uint8_t info;   // the low five bits; 31: of indefinite length
    std::uint64_t value;
  };

  std::size_t bytes_left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  // The head of the next item that is no tag.
  Head head() {
    for (;;) {
      if (at_ == end_) {
        fail("ends where a value is due");
        return {8, 0, 0};
      }
      const std::uint8_t first = *at_++;
      Head item{static_cast<std::uint8_t>(first >> 5U), static_cast<std::uint8_t>(first & 31U), 0};
      if (item.info < 24) {
        item.value = item.info;
      } else if (item.info <= 27) {
        const std::size_t size = std::size_t{1} << (item.info - 24U);
        if (bytes_left() < size) {
          fail("ends inside a number or length");
          return {8, 0, 0};
        }
        item.value = big_endian(size);
      } else if (item.info != 31 || item.major < 2 || item.major > 5) {
        fail(first == break_byte ? "has a break where a value is due" : "has a reserved value");
        return {8, 0, 0};
      }
      if (item.major != 6) {
        return item;
      }
    }
  }
  std::uint64_t big_endian(std::size_t size) {
    std::uint64_t value = 0;
    switch (size) {
      case 1:
        value = *at_;
        break;
      case 2: {
        std::uint16_t bits;
        std::memcpy(&bits, at_, 2);
        value = __builtin_bswap16(bits);
        break;
      }
      case 4: {
        std::uint32_t bits;
        std::memcpy(&bits, at_, 4);
        value = __builtin_bswap32(bits);
        break;
      }
      default:
        std::memcpy(&value, at_, 8);
        value = __builtin_bswap64(value);
    }
    at_ += size;
    return value;
  }

  std::string_view string(unsigned major, const char* expected) {
    const auto item = head();
    if (item.major == major && item.info != 31) {
      if (item.value > bytes_left()) {
        fail("ends inside a string");
        return {};
      }
      const std::string_view view(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(item.value));
      at_ += item.value;
      return view;
    }
    return other_string(item, major, expected);
  }

  bool enter(unsigned major, const char* expected);
  std::string_view other_string(Head item, unsigned major, const char* expected);
  std::string_view other_blob();
  Timestamp other_timestamp(Head item);
  double floating(Head item);
  void wrong(const char* expected);
  void fail(const char* problem, const char* expected = nullptr);

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::size_t depth_ = 0;
  std::uint64_t left_[depth_max];  // per open container: pairs or items still to come
  Arena& arena_;
  const char* problem_ = nullptr;
  const char* expected_ = nullptr;
  std::size_t problem_offset_ = 0;
};

}  // namespace weir::wire
