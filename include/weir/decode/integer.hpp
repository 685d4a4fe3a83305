#pragma once

#include <concepts>
#include <limits>
#include <type_traits>

namespace weir::decode {

/// The widest integer: what integers in payloads are exact in.
using Integer = __int128;
using UnsignedInteger = unsigned __int128;

inline constexpr Integer integer_max = static_cast<Integer>(~UnsignedInteger{0} >> 1U);
inline constexpr Integer integer_min = -integer_max - 1;

/// Integers that hold numbers: not `bool`, not the character types.
template <class I>
concept IntegerLike =
    std::same_as<I, Integer> || std::same_as<I, UnsignedInteger> ||
    (std::integral<I> && !std::same_as<I, bool> && !std::same_as<I, char> && !std::same_as<I, wchar_t> &&
     !std::same_as<I, char8_t> && !std::same_as<I, char16_t> && !std::same_as<I, char32_t>);

}  // namespace weir::decode
