#pragma once

#include <string>
#include <string_view>

#include "weir/decode/value.hpp"

namespace weir::pipelines {

/// Appends a JSON string. Bytes that are no UTF-8 become U+FFFD each.
void append_json_string(std::string_view text, std::string& out);
/// Appends a key's part as JSON. A string that is no UTF-8, which no JSON string can hold, is {"base64":"..."}.
void append_json(const decode::Value& value, std::string& out);

}  // namespace weir::pipelines
