#pragma once

#include <string_view>

namespace weir::stream {

/// What a stream's name may be, by the service's model.
inline constexpr std::string_view stream_name_rule = "1 to 128 of a-z A-Z 0-9 _ . -";
bool is_stream_name(std::string_view text) noexcept;

/// `arn:<partition>:kinesis:<region>:<account>:stream/<name>`, the account in 12 digits.
bool is_stream_arn(std::string_view text) noexcept;

}  // namespace weir::stream
