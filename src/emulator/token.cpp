#include "emulator/token.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "weir/base/random.hpp"

namespace weir::emulator {
namespace {

constexpr std::size_t fields_bytes = 1 + 1 + 4 + 4 + 8 + 8 + 8 + 8;
constexpr std::size_t sum_bytes = 8;
constexpr std::size_t nonce_bytes = 8;
constexpr std::size_t version_bytes = 8;  // the service's iterators begin with a 64-bit 1: "AAAAAAAAAAE..."
// A multiple of three, so that the base64 text has no padding and one form only.
constexpr std::size_t token_bytes = 75;
static_assert(version_bytes + nonce_bytes + sum_bytes + fields_bytes <= token_bytes && token_bytes % 3 == 0);
constexpr std::size_t text_bytes = token_bytes / 3 * 4;

using Bytes = std::array<unsigned char, token_bytes>;

template <class T>
void put(unsigned char*& to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
  to += sizeof value;
}
template <class T>
void get(const unsigned char*& from, T& value) noexcept {
  std::memcpy(&value, from, sizeof value);
  from += sizeof value;
}

std::uint64_t sum_of(const unsigned char* bytes, std::size_t size, std::uint64_t secret) noexcept {
  std::uint64_t sum = secret ^ 0xcbf29ce484222325U;
  for (std::size_t i = 0; i < size; ++i) {
    sum = (sum ^ bytes[i]) * 0x100000001b3U;
  }
  return Random(sum)();
}

void mask(unsigned char* bytes, std::size_t size, std::uint64_t key) noexcept {
  Random stream(key);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] ^= static_cast<unsigned char>(stream() >> 32U);
  }
}

}  // namespace

std::string Tokens::write(const Token& token, std::uint64_t nonce) const {
  Bytes bytes{};
  bytes[version_bytes - 1] = 1;
  std::memcpy(bytes.data() + version_bytes, &nonce, nonce_bytes);
  unsigned char* const sum_at = bytes.data() + version_bytes + nonce_bytes;
  unsigned char* to = sum_at + sum_bytes;
  put(to, static_cast<std::uint8_t>(token.kind));
  put(to, token.flags);
  put(to, token.shard_index);
  put(to, token.epoch);
  put(to, token.stream_id);
  put(to, token.counter);
  put(to, token.issued_ms);
  put(to, token.filter_ms);
  unsigned char* const fields_at = sum_at + sum_bytes;
  const auto size = static_cast<std::size_t>(bytes.data() + token_bytes - fields_at);
  const std::uint64_t sum = sum_of(fields_at, size, secret_ ^ nonce);
  std::memcpy(sum_at, &sum, sum_bytes);
  mask(sum_at, sum_bytes + size, secret_ + nonce);

  std::string text(text_bytes + 1, '\0');  // OpenSSL ends what it writes with a zero
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(text_bytes);
  return text;
}

std::optional<Token> Tokens::read(std::string_view text) const {
  Bytes bytes{};
  if (text.size() != text_bytes || EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                                   static_cast<int>(text.size())) != static_cast<int>(token_bytes)) {
    return std::nullopt;
  }
  std::uint64_t nonce = 0;
  std::memcpy(&nonce, bytes.data() + version_bytes, nonce_bytes);
  unsigned char* const sum_at = bytes.data() + version_bytes + nonce_bytes;
  unsigned char* const fields_at = sum_at + sum_bytes;
  const auto size = static_cast<std::size_t>(bytes.data() + token_bytes - fields_at);
  mask(sum_at, sum_bytes + size, secret_ + nonce);
  std::uint64_t sum = 0;
  std::memcpy(&sum, sum_at, sum_bytes);
  if (sum != sum_of(fields_at, size, secret_ ^ nonce)) {
    return std::nullopt;
  }
  const unsigned char* from = fields_at;
  std::uint8_t kind = 0;
  Token token;
  get(from, kind);
  token.kind = static_cast<Token::Kind>(kind);
  get(from, token.flags);
  get(from, token.shard_index);
  get(from, token.epoch);
  get(from, token.stream_id);
  get(from, token.counter);
  get(from, token.issued_ms);
  get(from, token.filter_ms);
  return token;
}

}  // namespace weir::emulator
