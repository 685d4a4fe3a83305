// A payload as text is UTF-8 or refused; as bytes it is what it is.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/decode/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const auto text = weir::decode::TextDecoder()(payload);
  if (text.ok() != weir::decode::is_utf8(payload) || (text && text->text != payload)) {
    std::abort();
  }
  const auto bytes = weir::decode::BytesDecoder()(payload);
  if (!bytes || bytes->bytes != payload) {
    std::abort();
  }
  return 0;
}
