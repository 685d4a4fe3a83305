#include "weir/pipeline/row_key.hpp"

namespace weir::pipelines {
namespace {

using decode::Integer;
using decode::UnsignedInteger;
using decode::Value;

constexpr char false_tag = '\x01';
constexpr char true_tag = '\x02';
/// Integers: tag, then 0x80 plus (or minus) the number of bytes of the magnitude, then the magnitude, most
/// significant byte first (its complement when negative). So bytes compare as numbers do.
constexpr char integer_tag = '\x03';
/// Strings: tag, then the bytes with 0x00 as 0x00 0xFF, then 0x00 0x00.
constexpr char string_tag = '\x04';

constexpr std::uint8_t integer_middle = 0x80;

}  // namespace

void RowKeyWriter::add(std::string_view text) {
  put(string_tag);
  while (!text.empty()) {
    const void* zero = std::memchr(text.data(), 0, text.size());
    const std::size_t plain =
        zero == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(zero) - text.data());
    put(text.data(), plain);
    text.remove_prefix(plain);
    if (!text.empty()) {
      put("\x00\xff", 2);
      text.remove_prefix(1);
    }
  }
  put("\x00\x00", 2);
}

void RowKeyWriter::add(Integer value) {
  const bool negative = value < 0;
  auto magnitude = static_cast<UnsignedInteger>(value);
  magnitude = negative ? UnsignedInteger{0} - magnitude : magnitude;
  std::uint8_t size = 0;
  for (auto rest = magnitude; rest != 0; rest >>= 8U) {
    ++size;
  }
  put(integer_tag);
  put(static_cast<char>(negative ? integer_middle - size : integer_middle + size));
  for (int i = size - 1; i >= 0; --i) {
    const auto byte = static_cast<std::uint8_t>(magnitude >> (8 * i));
    put(static_cast<char>(negative ? ~byte : byte));
  }
}

bool RowKeyWriter::add(const Value& value) {
  switch (value.kind) {
    case Value::Kind::boolean:
      add(value.boolean);
      return true;
    case Value::Kind::integer:
      add(value.integer);
      return true;
    case Value::Kind::string:
      add(value.string());
      return true;
    default:
      return false;
  }
}

bool RowKeyWriter::finish(std::uint64_t bucket) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(bucket >> (8 * (7 - i)));
  }
  put(bytes, sizeof(bytes));
  return beyond_ == 0;
}

namespace {

bool take_integer(std::string_view& rest, Value& value) {
  if (rest.empty()) {
    return false;
  }
  const int head = static_cast<std::uint8_t>(rest.front()) - integer_middle;
  rest.remove_prefix(1);
  const bool negative = head < 0;
  const auto size = static_cast<std::size_t>(negative ? -head : head);
  if (size > sizeof(UnsignedInteger) || size > rest.size()) {
    return false;
  }
  UnsignedInteger magnitude = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<std::uint8_t>(rest[i]);
    magnitude = (magnitude << 8U) | static_cast<std::uint8_t>(negative ? ~byte : byte);
  }
  rest.remove_prefix(size);
  value = Value::of(static_cast<Integer>(negative ? UnsignedInteger{0} - magnitude : magnitude));
  return true;
}

bool take_string(std::string_view& rest, std::string& text) {
  for (;;) {
    const auto zero = rest.find('\0');
    if (zero == std::string_view::npos || zero + 1 >= rest.size()) {
      return false;
    }
    text.append(rest.substr(0, zero));
    const char after = rest[zero + 1];
    rest.remove_prefix(zero + 2);
    if (after == '\0') {
      return true;
    }
    if (after != '\xff') {
      return false;
    }
    text.push_back('\0');
  }
}

}  // namespace

bool parse_row_key(std::string_view key, RowKeyParts& parts) {
  constexpr std::size_t bucket_bytes = 8;
  if (key.size() < 1 + bucket_bytes) {
    return false;
  }
  for (const char byte : key.substr(key.size() - bucket_bytes)) {
    parts.bucket = (parts.bucket << 8U) | static_cast<std::uint8_t>(byte);
  }
  parts.roll_up = static_cast<std::uint8_t>(key.front());
  auto rest = key.substr(1, key.size() - 1 - bucket_bytes);
  while (!rest.empty()) {
    const char tag = rest.front();
    rest.remove_prefix(1);
    Value value;
    if (tag == false_tag || tag == true_tag) {
      value = Value::of(tag == true_tag);
    } else if (tag == integer_tag) {
      if (!take_integer(rest, value)) {
        return false;
      }
    } else if (tag == string_tag) {
      auto text = std::make_unique<std::string>();
      if (!take_string(rest, *text)) {
        return false;
      }
      value = Value::of(std::string_view(*text));
      parts.texts.push_back(std::move(text));
    } else {
      return false;
    }
    parts.parts.push_back(value);
  }
  return true;
}

}  // namespace weir::pipelines
