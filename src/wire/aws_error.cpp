#include "weir/wire/aws_error.hpp"

#include <algorithm>

#include "weir/wire/document.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::wire {
namespace {

constexpr std::size_t type_bytes_max = 256;

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

// One line that any terminal can show: no control characters, cut between characters, UTF-8.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, AwsError::message_bytes_max));
  if (line.size() < text.size()) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0U) == 0x80U) {
      line.pop_back();
    }
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0U) {
      line.pop_back();
    }
  }
  const bool utf8 = is_utf8(line);
  for (auto& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      c = ' ';
    } else if (byte >= 0x80 && !utf8) {
      c = '?';
    }
  }
  return line;
}

// `<Name/>`, `<Name>...`, as answers look that come from before the service read the request.
AwsError read_markup(std::string_view body) {
  AwsError error;
  const auto element = [body](std::string_view tag) -> std::string_view {
    const auto open = body.find(tag);
    if (open == std::string_view::npos) {
      return {};
    }
    const auto rest = body.substr(open + tag.size());
    return rest.substr(0, std::min(rest.find('<'), rest.size()));
  };
  error.code = bare_error_type(element("<Code>"));
  auto message = element("<Message>");
  error.message = one_line(message.empty() ? element("<message>") : message);
  if (error.code.empty() && body.front() == '<') {
    const auto name = body.substr(1, std::min<std::size_t>(body.find_first_of("/> ", 1), body.size()) - 1);
    if (name.ends_with("Exception") || name.ends_with("Error")) {
      error.code = bare_error_type(name);
    }
  }
  return error;
}

// A message in a body that is a map; false where it is none.
bool read_map(Result<Document> parsed, AwsError& error) {
  if (!parsed) {
    return false;
  }
  auto& document = *parsed;
  const auto root = document.root();
  if (!root.is_map()) {
    return false;
  }
  for (const auto* key : {"__type", "code", "Code"}) {
    if (error.code.empty()) {
      error.code = bare_error_type(root.text(key));
    }
  }
  for (const auto* key : {"message", "Message"}) {
    if (error.message.empty()) {
      error.message = one_line(root.text(key));
    }
  }
  return true;
}

}  // namespace

std::string_view bare_error_type(std::string_view text) noexcept {
  text = text.substr(0, text.find(':'));
  const auto hash = text.find('#');
  if (hash != std::string_view::npos) {
    text.remove_prefix(hash + 1);
  }
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text.size() <= type_bytes_max && is_name(text) ? text : std::string_view();
}

AwsError read_aws_error(std::string_view error_type_header, std::string_view body) {
  AwsError error;
  error.code = bare_error_type(error_type_header);
  if (body.empty()) {
    return error;
  }
  const auto first = static_cast<unsigned char>(body.front());
  // A CBOR map starts with a byte that starts no text.
  if ((first >> 5U) == 5) {
    read_map(Document::parse_cbor(body), error);
    return error;
  }
  if (read_map(Document::parse_json(body), error)) {
    return error;
  }
  if (first == '<') {
    auto markup = read_markup(body);
    if (error.code.empty()) {
      error.code = std::move(markup.code);
    }
    error.message = std::move(markup.message);
    return error;
  }
  if (is_utf8(body)) {
    error.message = one_line(body);
  }
  return error;
}

void write_aws_error(Writer& writer, std::string_view code, std::string_view message) {
  writer.begin_map();
  writer.text("__type", code);
  if (!message.empty()) {
    writer.text("message", message);
  }
  writer.end_map();
}

}  // namespace weir::wire
