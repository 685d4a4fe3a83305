#pragma once

#include <boost/describe/class.hpp>
#include <string_view>

#include "weir/base/result.hpp"

namespace weir::decode {

/// A payload that is text: valid UTF-8, whole.
struct Text {
  std::string_view text;
};
BOOST_DESCRIBE_STRUCT(Text, (), (text))

/// A payload as it is.
struct Bytes {
  std::string_view bytes;
};
BOOST_DESCRIBE_STRUCT(Bytes, (), (bytes))

/// Fails with `corrupt`/"BadText" where the payload is not UTF-8. The view points into the payload.
struct TextDecoder {
  using value_type = Text;
  Result<Text> operator()(std::string_view payload) const;
};
struct BytesDecoder {
  using value_type = Bytes;
  Result<Bytes> operator()(std::string_view payload) const { return Bytes{payload}; }
};
inline TextDecoder text_decoder() { return {}; }
inline BytesDecoder bytes_decoder() { return {}; }

/// Whether the bytes are well-formed UTF-8.
bool is_utf8(std::string_view bytes) noexcept;

}  // namespace weir::decode

namespace weir {
using decode::bytes_decoder;
using decode::text_decoder;
}  // namespace weir
