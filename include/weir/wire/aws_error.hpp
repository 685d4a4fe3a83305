#pragma once

#include <string>
#include <string_view>

#include "weir/wire/writer.hpp"

namespace weir::wire {

/// What an error reply says. What to do about it is decided by who reads the reply.
struct AwsError {
  std::string code;     ///< "ResourceNotFoundException"; empty where the reply names none
  std::string message;  ///< one line of at most `message_bytes_max`, never with control characters
  static constexpr std::size_t message_bytes_max = 1024;
};

/// The bare error type of any form AWS sends: `X`, `ns#X`, `X:http://...`, `ns#X:http://...`. Empty when
/// what is left is no name.
std::string_view bare_error_type(std::string_view text) noexcept;

/// Reads an error reply's body and its `X-Amzn-Errortype` header (empty: none; it wins). The body may be
/// CBOR, JSON, XML-like, plain or empty, whatever its content type says; never fails.
AwsError read_aws_error(std::string_view error_type_header, std::string_view body);

/// Writes `{"__type": code, "message": message}`.
void write_aws_error(Writer& writer, std::string_view code, std::string_view message);

}  // namespace weir::wire
