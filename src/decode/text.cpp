#include "weir/decode/text.hpp"

#include <simdjson.h>

namespace weir::decode {

bool is_utf8(std::string_view bytes) noexcept { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

Result<Text> TextDecoder::operator()(std::string_view payload) const {
  if (!is_utf8(payload)) {
    return corrupt("BadText", "the payload is not UTF-8");
  }
  return Text{payload};
}

}  // namespace weir::decode
