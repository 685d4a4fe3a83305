// Payloads from anybody: whatever they say, nothing is written beyond the limit, and what comes out once comes out the
// same from a decompressor that has just failed.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/decode/compression.hpp"

namespace {

using namespace weir::decode;

constexpr std::size_t bytes_max = 100'000;

void decompress(Compression compression, std::string_view payload) {
  static Decompressor used[] = {Decompressor(Compression::gzip, bytes_max), Decompressor(Compression::zstd, bytes_max)};
  Decompressor fresh(compression, bytes_max);
  const auto once = fresh.decompress(payload);
  auto& other = used[compression == Compression::gzip ? 0 : 1];
  static_cast<void>(other.decompress(payload.substr(0, payload.size() / 2)));
  const auto again = other.decompress(payload);
  if (once.ok() != again.ok() || (once && (*once != *again || once->size() > bytes_max))) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  decompress(Compression::gzip, payload);
  decompress(Compression::zstd, payload);
  return 0;
}
