#pragma once

#include <cstdint>
#include <string_view>

namespace weir::stream {

/// Reads a protobuf message field by field, never beyond its bytes. Groups (deprecated since 2008) are refused.
class ProtobufReader {
 public:
  enum Type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  struct Field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;   ///< of a varint
    std::string_view text;     ///< of bytes
    Type type = varint;

    bool is(std::uint64_t wanted, Type wanted_type) const noexcept { return number == wanted && type == wanted_type; }
  };

  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  /// The next field; false at the end, and where there is none (then not `ok`).
  bool next(Field& field) noexcept {
    if (rest_.empty()) {
      return false;
    }
    std::uint64_t tag = 0;
    ok_ = read_varint(tag) && tag <= tag_max && tag >> type_bits != 0 && read_value(field, tag);
    return ok_;
  }
  bool ok() const noexcept { return ok_; }
  std::string_view rest() const noexcept { return rest_; }

 private:
  static constexpr unsigned type_bits = 3;
  static constexpr std::uint64_t tag_max = 0xffff'ffffU;  // field numbers have 29 bits

  bool read_varint(std::uint64_t& value) noexcept {
    value = 0;
    unsigned shift = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i, shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_[i]);
      if (shift == 63 && byte > 1) {
        return false;
      }
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80U) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  bool read_bytes(std::uint64_t size, std::string_view& text) noexcept {
    if (size > rest_.size()) {
      return false;
    }
    text = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return true;
  }

  bool read_value(Field& field, std::uint64_t tag) noexcept {
    field.number = tag >> type_bits;
    field.type = static_cast<Type>(tag & ((1U << type_bits) - 1));
    switch (field.type) {
      case varint:
        return read_varint(field.value);
      case fixed64:
        return read_bytes(8, field.text);
      case bytes:
        return read_varint(field.value) && read_bytes(field.value, field.text);
      case fixed32:
        return read_bytes(4, field.text);
    }
    return false;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace weir::stream
