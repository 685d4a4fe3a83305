#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/decode/integer.hpp"

namespace weir::decode {

/// One field of a payload whose type is known only when it is read.
struct Value {
  enum class Kind : std::uint8_t {
    missing,
    null,
    boolean,
    integer,  ///< any spelling of one: 3, 3.0, 3e0; up to 128 bits
    real,     ///< finite
    string,
    array,
    object,
    blocked,  ///< of `flight.delay`, where `flight` is no object
  };

  Kind kind = Kind::missing;
  union {
    Integer integer = 0;
    double real;
    bool boolean;
    struct {
      const char* data;
      std::size_t size;
    } text;
  };

  static Value of(Integer value) noexcept {
    Value result;
    result.kind = Kind::integer;
    result.integer = value;
    return result;
  }
  static Value of(double value) noexcept {
    Value result;
    result.kind = Kind::real;
    result.real = value;
    return result;
  }
  static Value of(bool value) noexcept {
    Value result;
    result.kind = Kind::boolean;
    result.boolean = value;
    return result;
  }
  static Value of(std::string_view value) noexcept {
    Value result;
    result.kind = Kind::string;
    result.text = {value.data(), value.size()};
    return result;
  }
  static Value of(Kind kind) noexcept {
    Value result;
    result.kind = kind;
    return result;
  }

  bool absent() const noexcept { return kind == Kind::missing || kind == Kind::null; }
  /// With `string`.
  std::string_view string() const noexcept { return {text.data, text.size}; }
};

/// "a string", "nothing", ...: to be put after "found".
std::string_view to_string(Value::Kind kind) noexcept;

}  // namespace weir::decode
