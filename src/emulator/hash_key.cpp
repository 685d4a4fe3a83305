#include "emulator/hash_key.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace weir::emulator {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct FreeDigest {
  void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
};

/// Fetching the algorithm costs more than hashing a key, so each thread keeps its context.
class Md5 {
 public:
  Md5() : digest_(EVP_MD_fetch(nullptr, "MD5", nullptr)), context_(EVP_MD_CTX_new()) {
    if (digest_ == nullptr || context_ == nullptr || EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) != 1) {
      throw std::runtime_error("OpenSSL has no MD5, which places every Kinesis record");
    }
  }

  HashKey operator()(std::string_view bytes) {
    std::array<unsigned char, 16> sum{};
    unsigned int size = 0;
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context_.get(), sum.data(), &size) != 1 ||
        EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) != 1) {
      throw std::runtime_error("OpenSSL failed to compute an MD5");
    }
    HashKey key = 0;
    for (const unsigned char byte : sum) {
      key = (key << 8U) | byte;
    }
    return key;
  }

 private:
  std::unique_ptr<EVP_MD, FreeDigest> digest_;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
};

}  // namespace

HashKey hash_of(std::string_view partition_key) {
  thread_local Md5 md5;
  return md5(partition_key);
}

std::optional<HashKey> parse_hash_key(std::string_view text) noexcept {
  if (text.empty() || text.size() > 39 || (text.front() == '0' && text.size() > 1)) {
    return std::nullopt;
  }
  HashKey key = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    const auto digit = static_cast<unsigned>(c - '0');
    if (key > (hash_key_max - digit) / 10) {
      return std::nullopt;
    }
    key = key * 10 + digit;
  }
  return key;
}

std::string to_decimal(HashKey key) {
  std::string text;
  do {
    text.push_back(static_cast<char>('0' + static_cast<int>(key % 10)));
    key /= 10;
  } while (key != 0);
  std::reverse(text.begin(), text.end());
  return text;
}

HashKey even_split_start(std::uint32_t index, std::uint32_t count) noexcept {
  if (count <= 1) {
    return 0;
  }
  // floor(2^128 / count) in 128 bits: (2^128 - 1) / count falls one short exactly when count divides 2^128.
  HashKey width = hash_key_max / count;
  if (hash_key_max % count == count - 1) {
    ++width;
  }
  return width * index;
}

}  // namespace weir::emulator
