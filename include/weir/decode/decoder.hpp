#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include "weir/base/result.hpp"
#include "weir/decode/scratch.hpp"

namespace weir::decode {

/// Anything that makes a T of a payload. It may be called from several threads at once.
template <class D, class T>
concept Decoder = std::is_invocable_r_v<Result<T>, const D&, std::string_view>;

/// A decoder that reads padded payloads without a copy (see Scratch::open). What its views point at lives
/// as long as the payload and until `scratch.clear()`.
template <class D, class T>
concept PaddedDecoder = std::is_invocable_r_v<Result<T>, const D&, std::string_view, Scratch&>;

/// Decodes a payload of a Batch, in the fastest way the decoder knows.
template <class T, class D>
  requires Decoder<D, T>
Result<T> decode_padded(const D& decoder, std::string_view padded, Scratch& scratch) {
  if constexpr (PaddedDecoder<D, T>) {
    return decoder(padded, scratch);
  } else {
    return decoder(padded);
  }
}

}  // namespace weir::decode
