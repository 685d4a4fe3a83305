#include "weir/wire/base64.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace weir::wire {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t no_digit = 0x01000000;  // outside the 24 bits of a group

// Two letters for each 12 bits.
constexpr std::array<std::array<char, 2>, 4096> pairs = [] {
  std::array<std::array<char, 2>, 4096> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = {alphabet[i >> 6U], alphabet[i & 63U]};
  }
  return table;
}();

// Per place in a group of four: the letter's six bits where they belong, or no_digit.
constexpr std::array<std::array<std::uint32_t, 256>, 4> digits = [] {
  std::array<std::array<std::uint32_t, 256>, 4> table{};
  for (std::size_t place = 0; place < 4; ++place) {
    table[place].fill(no_digit);
    for (std::uint32_t value = 0; value < 64; ++value) {
      table[place][static_cast<unsigned char>(alphabet[value])] = value << (18 - 6 * place);
    }
  }
  return table;
}();

std::uint32_t group(const unsigned char* text) {
  return digits[0][text[0]] | digits[1][text[1]] | digits[2][text[2]] | digits[3][text[3]];
}

// The decoded size of a text that is padded right, else nothing.
std::optional<std::size_t> decoded_size(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  if (text.empty()) {
    return 0;
  }
  const std::size_t padding = text.back() != '=' ? 0 : (text[text.size() - 2] == '=' ? 2 : 1);
  return text.size() / 4 * 3 - padding;
}

bool decode(std::string_view text, std::size_t size, char* out) {
  const auto* in = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t groups = size / 3; groups > 0; --groups, in += 4, out += 3) {
    const std::uint32_t bits = group(in);
    if (bits >= no_digit) {
      return false;
    }
    out[0] = static_cast<char>(bits >> 16U);
    out[1] = static_cast<char>(bits >> 8U);
    out[2] = static_cast<char>(bits);
  }
  if (size % 3 == 0) {
    return true;
  }
  // The padded group: '=' stands for zero bits, and the bits that belong to no byte must be zero.
  const bool two = size % 3 == 2;
  const unsigned char last[4] = {in[0], in[1], two ? in[2] : static_cast<unsigned char>('A'), 'A'};
  const std::uint32_t bits = group(last);
  if (bits >= no_digit || (bits & (two ? 0xffU : 0xffffU)) != 0) {
    return false;
  }
  out[0] = static_cast<char>(bits >> 16U);
  if (two) {
    out[1] = static_cast<char>(bits >> 8U);
  }
  return true;
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  const std::size_t start = out.size();
  out.resize(start + base64_size(bytes.size()));
  char* to = out.data() + start;
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  // Twelve bits give two letters at a time; two groups of three bytes are loaded at once where eight bytes remain.
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 6, in += 6, to += 8) {
    std::uint64_t bits;
    std::memcpy(&bits, in, 8);
    bits = __builtin_bswap64(bits);
    std::memcpy(to, &pairs[bits >> 52U], 2);
    std::memcpy(to + 2, &pairs[bits >> 40U & 0xfffU], 2);
    std::memcpy(to + 4, &pairs[bits >> 28U & 0xfffU], 2);
    std::memcpy(to + 6, &pairs[bits >> 16U & 0xfffU], 2);
  }
  for (; left >= 3; left -= 3, in += 3, to += 4) {
    const std::uint32_t bits =
        static_cast<std::uint32_t>(in[0]) << 16U | static_cast<std::uint32_t>(in[1]) << 8U | in[2];
    std::memcpy(to, &pairs[bits >> 12U], 2);
    std::memcpy(to + 2, &pairs[bits & 0xfffU], 2);
  }
  if (left == 1) {
    const auto& high = pairs[static_cast<std::uint32_t>(in[0]) << 4U];
    to[0] = high[0];
    to[1] = high[1];
    to[2] = to[3] = '=';
  } else if (left == 2) {
    const std::uint32_t bits = static_cast<std::uint32_t>(in[0]) << 16U | static_cast<std::uint32_t>(in[1]) << 8U;
    const auto& high = pairs[bits >> 12U];
    to[0] = high[0];
    to[1] = high[1];
    to[2] = pairs[bits & 0xfffU][0];
    to[3] = '=';
  }
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  const auto size = decoded_size(text);
  std::string bytes(size.value_or(0), '\0');
  if (!size || !decode(text, *size, bytes.data())) {
    return std::nullopt;
  }
  return bytes;
}

std::optional<std::string_view> decode_base64(std::string_view text, Arena& arena) {
  const auto size = decoded_size(text);
  if (!size) {
    return std::nullopt;
  }
  char* bytes = arena.allocate(*size);
  if (!decode(text, *size, bytes)) {
    return std::nullopt;
  }
  return std::string_view(bytes, *size);
}

}  // namespace weir::wire
