#include "stream/md5.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace weir::stream {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "MD5", nullptr);  // lives as long as the program
  return fetched;
}

}  // namespace

Md5 md5(std::string_view bytes) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Md5 sum;
  if (context == nullptr || algorithm() == nullptr || EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), sum.data(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no MD5, by which aggregated records are known");
  }
  return sum;
}

}  // namespace weir::stream
