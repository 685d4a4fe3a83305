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
/// Null reads as the empty value of any type, like an absent member; where it matters ask `null()` first.
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
  [[nodiscard]] bool enter_map() {
    // Of indefinite length, or of at most 23 pairs: what every record is.
    if (at_ != end_ && depth_ != depth_max) {
      if (*at_ == 0xbf) {
        ++at_;
        left_[depth_++] = indefinite;
        return true;
      }
      const std::size_t pairs = *at_ - 0xa0U;
      if (pairs < 24 && bytes_left() > 2 * pairs) {
        ++at_;
        left_[depth_++] = pairs;
        return true;
      }
    }
    return enter(5, "a map");
  }
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
        return fail("ends inside a container"), false;
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
  std::string_view key() { return string<3>(); }

  /// Passes over a null (or undefined), which means the same as an absent member.
  bool null() {
    if (at_ != end_ && (*at_ == 0xf6 || *at_ == 0xf7)) {
      ++at_;
      return true;
    }
    return false;
  }
  /// Text as it came, not checked to be UTF-8.
  std::string_view text() { return string<3>(); }
  /// A byte string. Base64 in a text string is accepted too: an emulator's answer.
  std::string_view blob() {
    if (at_ != end_ && (*at_ >> 5U) == 2) {
      return string<2>();
    }
    return other_blob();
  }
  /// Fails where the value does not fit.
  std::int64_t integer();
  std::uint64_t unsigned_integer();
  bool boolean();
  /// Any number, as a double.
  double number();
  /// An integer is milliseconds, a floating value is seconds, tagged or not.
  Timestamp timestamp() {
    // Tag 1 with eight bytes: what AWS sends.
    if (bytes_left() >= 10 && at_[0] == 0xc1 && at_[1] == 0x1b) {
      std::uint64_t ms;
      std::memcpy(&ms, at_ + 2, 8);
      ms = __builtin_bswap64(ms);
      if (ms <= static_cast<std::uint64_t>(timestamp_ms_max)) {
        at_ += 10;
        return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
      }
    }
    return other_timestamp();
  }
  /// Passes over one value of any kind.
  void skip() {
    // Short text, the members of a record that nobody reads.
    if (at_ != end_) {
      const std::size_t size = *at_ - 0x60U;
      if (size < 24 && size < bytes_left()) {
        at_ += size + 1;
        return;
      }
    }
    skip_any();
  }

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
  Head head();

  // Strings of up to 64 KiB, whole, are read here; all else elsewhere.
  template <unsigned Major>
  std::string_view string() {
    const std::size_t left = bytes_left();
    if (left > 2) {
      const unsigned info = *at_ - (Major << 5U);
      std::size_t head_size = 1;
      std::size_t size = info;
      if (info == 24) {
        head_size = 2;
        size = at_[1];
      } else if (info == 25) {
        head_size = 3;
        size = static_cast<std::size_t>(at_[1]) << 8U | at_[2];
      }
      if (info <= 25 && size <= left - head_size) {
        const std::string_view view(reinterpret_cast<const char*>(at_) + head_size, size);
        at_ += head_size + size;
        return view;
      }
    }
    return other_string(Major);
  }

  bool enter(unsigned major, const char* expected);
  std::string_view other_string(unsigned major);
  std::string_view other_blob();
  Timestamp other_timestamp();
  void skip_any();
  double floating(Head item);
  // Fails unless the value is null, which reads as the empty value of any type.
  void wrong(Head item, const char* expected);
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
