#pragma once

#include <bit>
#include <cstring>
#include <string>

#include "weir/wire/writer.hpp"

namespace weir::wire {

/// Appends CBOR (RFC 8949) to `out`, which must outlive the writer. Containers are of indefinite length,
/// as AWS sends them, unless their size is given; integers and heads take their shortest form.
class CborWriter final : public Writer {
 public:
  explicit CborWriter(std::string& out) : out_(out) {}

  void begin_map() override { out_.push_back(static_cast<char>(0xbf)); }
  void end_map() override { out_.push_back(static_cast<char>(0xff)); }
  void begin_array() override { out_.push_back(static_cast<char>(0x9f)); }
  void end_array() override { out_.push_back(static_cast<char>(0xff)); }
  using Writer::begin_array;
  using Writer::begin_map;
  /// Of definite length: exactly `pairs` keys with values, or `items` values follow, and no `end_...()`.
  void map_of(std::uint64_t pairs) { head(5, pairs); }
  void array_of(std::uint64_t items) { head(4, items); }

  void key(std::string_view name) override { string(3, name); }
  void text(std::string_view value) override { string(3, value); }
  void blob(std::string_view bytes) override { string(2, bytes); }
  void integer(std::int64_t value) override {
    if (value < 0) {
      head(1, ~static_cast<std::uint64_t>(value));
    } else {
      head(0, static_cast<std::uint64_t>(value));
    }
  }
  void unsigned_integer(std::uint64_t value) override { head(0, value); }
  void number(double value) override {
    char item[9];
    item[0] = static_cast<char>(0xfb);
    const auto bits = __builtin_bswap64(std::bit_cast<std::uint64_t>(value));
    std::memcpy(item + 1, &bits, 8);
    out_.append(item, 9);
  }
  void boolean(bool value) override { out_.push_back(static_cast<char>(value ? 0xf5 : 0xf4)); }
  void null() override { out_.push_back(static_cast<char>(0xf6)); }
  /// Tag 1 with integer milliseconds, contrary to RFC 8949: what AWS and its SDKs send.
  void timestamp(Timestamp value) override {
    out_.push_back(static_cast<char>(0xc1));
    integer(value.time_since_epoch().count());
  }
  using Writer::blob;
  using Writer::boolean;
  using Writer::integer;
  using Writer::null;
  using Writer::number;
  using Writer::text;
  using Writer::timestamp;
  using Writer::unsigned_integer;

 private:
  // Writes a head into `item` and returns its length.
  static std::size_t put_head(char* item, unsigned major, std::uint64_t value) {
    const auto first = major << 5U;
    if (value < 24) {
      item[0] = static_cast<char>(first | value);
      return 1;
    }
    if (value <= 0xff) {
      item[0] = static_cast<char>(first | 24U);
      item[1] = static_cast<char>(value);
      return 2;
    }
    if (value <= 0xffff) {
      item[0] = static_cast<char>(first | 25U);
      const auto bits = __builtin_bswap16(static_cast<std::uint16_t>(value));
      std::memcpy(item + 1, &bits, 2);
      return 3;
    }
    if (value <= 0xffffffff) {
      item[0] = static_cast<char>(first | 26U);
      const auto bits = __builtin_bswap32(static_cast<std::uint32_t>(value));
      std::memcpy(item + 1, &bits, 4);
      return 5;
    }
    item[0] = static_cast<char>(first | 27U);
    const auto bits = __builtin_bswap64(value);
    std::memcpy(item + 1, &bits, 8);
    return 9;
  }
  void head(unsigned major, std::uint64_t value) {
    char item[9];
    out_.append(item, put_head(item, major, value));
  }
  void string(unsigned major, std::string_view bytes) {
    head(major, bytes.size());
    out_.append(bytes);
  }

  std::string& out_;
};

}  // namespace weir::wire
