#include "pipeline/json_text.hpp"

#include <fmt/format.h>

#include "weir/decode/text.hpp"
#include "weir/wire/base64.hpp"

namespace weir::pipelines {
namespace {

/// The length of the well-formed UTF-8 sequence that `text` begins with; 0: none.
std::size_t sequence_bytes(std::string_view text) {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (decode::is_utf8(text.substr(0, size))) {
      return size;
    }
  }
  return 0;
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  const bool valid = decode::is_utf8(text);
  out.push_back('"');
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"':
      case '\\':
        out.push_back('\\');
        out.push_back(c);
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else if (valid || static_cast<unsigned char>(c) < 0x80) {
          out.push_back(c);
        } else if (const auto size = sequence_bytes(text.substr(i)); size != 0) {
          out.append(text.substr(i, size));
          i += size - 1;
        } else {
          out.append("\xEF\xBF\xBD");
        }
    }
  }
  out.push_back('"');
}

void append_json(const decode::Value& value, std::string& out) {
  switch (value.kind) {
    case decode::Value::Kind::boolean:
      out.append(value.boolean ? "true" : "false");
      break;
    case decode::Value::Kind::integer:
      fmt::format_to(std::back_inserter(out), "{}", value.integer);
      break;
    case decode::Value::Kind::string:
      if (decode::is_utf8(value.string())) {
        append_json_string(value.string(), out);
      } else {
        out.append("{\"base64\":\"");
        wire::append_base64(out, value.string());
        out.append("\"}");
      }
      break;
    default:
      out.append("null");
  }
}

}  // namespace weir::pipelines
