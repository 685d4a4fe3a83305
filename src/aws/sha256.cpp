#include "aws/sha256.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace weir::aws {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // lives as long as the program
  return fetched;
}

void require(bool succeeded) {
  if (!succeeded) {
    throw std::runtime_error("OpenSSL does not provide SHA-256");
  }
}

}  // namespace

Sha256 sha256(std::string_view first, std::string_view second) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Sha256 hash;
  require(context != nullptr && algorithm() != nullptr &&
          EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) == 1 &&
          EVP_DigestUpdate(context.get(), first.data(), first.size()) == 1 &&
          EVP_DigestUpdate(context.get(), second.data(), second.size()) == 1 &&
          EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1);
  return hash;
}

Sha256 hmac_sha256(std::string_view key, std::string_view message) {
  constexpr std::size_t block_bytes = 64;
  std::array<char, block_bytes> block{};
  if (key.size() > block_bytes) {
    const auto shorter = sha256(key);
    std::copy(shorter.begin(), shorter.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  auto inner = block;
  auto outer = block;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    inner[i] = static_cast<char>(inner[i] ^ 0x36);
    outer[i] = static_cast<char>(outer[i] ^ 0x5c);
  }
  const auto hash = sha256({inner.data(), inner.size()}, message);
  return sha256({outer.data(), outer.size()}, bytes_of(hash));
}

void append_hex(std::string& out, const Sha256& hash) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const auto byte : hash) {
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 15U]);
  }
}

}  // namespace weir::aws
