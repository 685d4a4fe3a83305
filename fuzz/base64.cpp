// Any bytes as base64: what is accepted must be the one text of its value.
#include "weir/wire/base64.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto bytes = weir::wire::decode_base64(input);
  if (bytes && weir::wire::encode_base64(*bytes) != input) {
    std::abort();
  }
  const auto text = weir::wire::encode_base64(input);
  weir::wire::Arena arena;
  if (weir::wire::decode_base64(text, arena) != input) {
    std::abort();
  }
  return 0;
}
