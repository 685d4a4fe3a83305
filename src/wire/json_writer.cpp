#include "weir/wire/json_writer.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "weir/wire/base64.hpp"

namespace weir::wire {
namespace {

// What stands for each byte: 0 itself, 1 the start of a longer character, else an escape's letter.
constexpr std::array<char, 256> escapes = [] {
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) {
    table[c] = 'u';
  }
  for (std::size_t c = 0x80; c < 256; ++c) {
    table[c] = 1;
  }
  table['"'] = '"';
  table['\\'] = '\\';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['\b'] = 'b';
  table['\f'] = 'f';
  return table;
}();

// The length of the well-formed character of several bytes at the front; 0: there is none
// (Unicode, table 3-7).
std::size_t character_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const auto continues = [&byte](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned char first = byte(0);
  if (first >= 0xc2 && first <= 0xdf) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = continues(1) && !(first == 0xe0 && byte(1) < 0xa0) && !(first == 0xed && byte(1) > 0x9f);
    return second && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = continues(1) && !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) > 0x8f);
    return second && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

template <class T>
void append_number(std::string& out, T value) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t clean = 0;  // where what is copied as it is begins
  std::size_t i = 0;
  while (i < text.size()) {
    const char escape = escapes[static_cast<unsigned char>(text[i])];
    if (escape == 0) {
      ++i;
      continue;
    }
    if (escape == 1) {
      const auto length = character_length(text.substr(i));
      if (length > 0) {
        i += length;
        continue;
      }
    }
    out.append(text, clean, i - clean);
    if (escape == 1) {
      out.append("\xef\xbf\xbd");  // U+FFFD
    } else if (escape == 'u') {
      constexpr std::string_view hex = "0123456789abcdef";
      const auto c = static_cast<unsigned char>(text[i]);
      out.append("\\u00").push_back(hex[c >> 4U]);
      out.push_back(hex[c & 15U]);
    } else {
      out.push_back('\\');
      out.push_back(escape);
    }
    clean = ++i;
  }
  out.append(text, clean, text.size() - clean);
  out.push_back('"');
}

std::string to_decimal(Int128 value) {
  const bool negative = value < 0;
  auto rest = negative ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
  char digits[40];
  char* first = digits + sizeof digits;
  do {
    *--first = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (negative) {
    *--first = '-';
  }
  return {first, digits + sizeof digits};
}

void JsonWriter::key(std::string_view name) {
  before_value();
  append_json_string(out_, name);
  out_.push_back(':');
  comma_ = false;
}

void JsonWriter::text(std::string_view value) {
  before_value();
  append_json_string(out_, value);
}

void JsonWriter::blob(std::string_view bytes) {
  before_value();
  out_.push_back('"');
  append_base64(out_, bytes);
  out_.push_back('"');
}

void JsonWriter::integer(std::int64_t value) {
  before_value();
  append_number(out_, value);
}

void JsonWriter::unsigned_integer(std::uint64_t value) {
  before_value();
  append_number(out_, value);
}

void JsonWriter::number(double value) {
  before_value();
  if (std::isfinite(value) && std::abs(value) >= 0x1p63) {
    // Written out in digits it would look like an integer of more than 64 bits, which many readers refuse.
    char digits[64];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
    out_.append(digits, end);
  } else if (value == 0 && std::signbit(value)) {
    out_.append("-0.0");  // "-0" reads as an integer, which has no negative zero
  } else if (std::isfinite(value)) {
    append_number(out_, value);
  } else {
    out_.append("null");
  }
}

void JsonWriter::boolean(bool value) {
  before_value();
  out_.append(value ? "true" : "false");
}

void JsonWriter::null() {
  before_value();
  out_.append("null");
}

void JsonWriter::timestamp(Timestamp value) {
  before_value();
  const auto ms = value.time_since_epoch().count();
  const auto magnitude = ms < 0 ? ~static_cast<std::uint64_t>(ms) + 1 : static_cast<std::uint64_t>(ms);
  if (ms < 0) {
    out_.push_back('-');
  }
  append_number(out_, magnitude / 1000);
  if (magnitude % 1000 != 0) {
    fmt::format_to(std::back_inserter(out_), ".{:03}", magnitude % 1000);
  }
}

void JsonWriter::integer128(Int128 value) {
  before_value();
  out_.append(to_decimal(value));
}

void JsonWriter::raw(std::string_view json) {
  before_value();
  out_.append(json);
}

}  // namespace weir::wire
