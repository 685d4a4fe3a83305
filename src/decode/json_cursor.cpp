#include "weir/decode/json_cursor.hpp"

#include <fmt/format.h>

#include <bitset>
#include <charconv>
#include <cmath>
#include <cstring>

#include "decode/json_number.hpp"
#include "weir/stream/record.hpp"

namespace weir::decode {
namespace {

std::string_view found(char c) {
  switch (c) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    default:
      return json_bytes::is(c, json_bytes::scalar) ? "a number" : "no value";
  }
}

/// The four hexadecimal digits at `p`; above 0xFFFF: not that.
std::uint32_t hex4(const char* p) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(p, p + 4, value, 16);
  return parsed.ec == std::errc() && parsed.ptr == p + 4 ? value : 0x10000;
}

char* put_utf8(std::uint32_t point, char* to) {
  const auto byte = [&to](std::uint32_t bits) { *to++ = static_cast<char>(bits); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0U | (point >> 6U));
    byte(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    byte(0xE0U | (point >> 12U));
    byte(0x80U | ((point >> 6U) & 0x3FU));
    byte(0x80U | (point & 0x3FU));
  } else {
    byte(0xF0U | (point >> 18U));
    byte(0x80U | ((point >> 12U) & 0x3FU));
    byte(0x80U | ((point >> 6U) & 0x3FU));
    byte(0x80U | (point & 0x3FU));
  }
  return to;
}

char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

/// The code point of the `\u` escape whose digits are at `p`, moving `p` behind it; a lone half of a
/// surrogate pair, or anything else that is none, gives false.
bool escaped_point(const char*& p, const char* end, std::uint32_t& point) {
  if (end - p < 4) {
    return false;
  }
  point = hex4(p);
  p += 4;
  if (point > 0xFFFF || (point >= 0xDC00 && point < 0xE000)) {
    return false;
  }
  if (point < 0xD800 || point >= 0xE000) {
    return true;
  }
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
    return false;
  }
  const std::uint32_t low = hex4(p + 2);
  p += 6;
  if (low < 0xDC00 || low > 0xDFFF) {
    return false;
  }
  point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
  return true;
}

}  // namespace

Error JsonProblem::error() const {
  return corrupt(code,
                 path.empty() ? fmt::format("payload: {}", sentence) : fmt::format("member {}: {}", path, sentence));
}

bool JsonCursor::fail(std::string_view code, std::string sentence) {
  *problem_ = {std::string(code), "", std::move(sentence)};
  return false;
}

bool JsonCursor::bad_json(std::string_view what) {
  return fail("BadJson", fmt::format("not JSON: {} at byte {}", what, *next_));
}

bool JsonCursor::too_deep() { return fail("BadJson", fmt::format("nested deeper than {} levels", json_depth_max)); }

bool JsonCursor::truncated() { return fail("BadJson", "not JSON: it ends inside an object or array"); }

bool JsonCursor::wrong_type(std::string_view expected) {
  const char* p = text_ + *next_;
  if (!json_bytes::is(*p, json_bytes::scalar) && *p != '{' && *p != '[') {
    return bad_json("expected a value");
  }
  // A word that only begins like one of JSON's is no value of another type: `no json`.
  const auto is_word = [p](const char* word) {
    const auto size = std::strlen(word);
    return std::strncmp(p, word, size) == 0 && json_bytes::is(p[size], json_bytes::space | json_bytes::separator);
  };
  if ((*p == 'n' || *p == 't' || *p == 'f') && !is_word("null") && !is_word("true") && !is_word("false")) {
    return bad_json("expected a value");
  }
  return fail("WrongType", fmt::format("expected {}, found {}", expected, found(peek())));
}

bool JsonCursor::out_of_range() { return fail("OutOfRange", "the number does not fit"); }

bool JsonCursor::blame(std::string_view member) {
  auto& path = problem_->path;
  path = path.empty() || path.front() == '[' ? std::string(member) + path : fmt::format("{}.{}", member, path);
  return false;
}

bool JsonCursor::blame(std::size_t element) {
  auto& path = problem_->path;
  path = fmt::format("[{}]{}{}", element, path.empty() || path.front() == '[' ? "" : ".", path);
  return false;
}

bool JsonCursor::null() {
  const char* p = text_ + *next_;
  if (*p != 'n') {
    return wrong_type("null");
  }
  if (std::memcmp(p, "null", 4) != 0 || !json_bytes::is(p[4], json_bytes::space | json_bytes::separator)) {
    return bad_json("an unknown word");
  }
  return advance();
}

bool JsonCursor::boolean(bool& value) {
  const char* p = text_ + *next_;
  if (*p != 't' && *p != 'f') {
    return wrong_type("a boolean");
  }
  value = *p == 't';
  const std::size_t size = value ? 4 : 5;
  if (std::memcmp(p, value ? "true" : "false", size) != 0 ||
      !json_bytes::is(p[size], json_bytes::space | json_bytes::separator)) {
    return bad_json("an unknown word");
  }
  return advance();
}

bool JsonCursor::number(double& value) {
  const char* p = text_ + *next_;
  std::uint64_t magnitude = 0;
  if (short_integer(p, magnitude)) {
    value = static_cast<double>(magnitude);
    value = *p == '-' ? -value : value;
    return advance();
  }
  if (*p != '-' && !json_bytes::is(*p, json_bytes::digit)) {
    return wrong_type("a number");
  }
  NumberText number;
  if (!scan_number(p, number)) {
    return bad_json("a malformed number");
  }
  if (!to_double(number, value)) {
    return out_of_range();
  }
  return advance();
}

bool JsonCursor::number(Integer& integer, double& real, bool& is_integer) {
  const char* p = text_ + *next_;
  std::uint64_t magnitude = 0;
  if (short_integer(p, magnitude)) [[likely]] {
    integer = *p == '-' ? -static_cast<Integer>(magnitude) : static_cast<Integer>(magnitude);
    is_integer = true;
    return advance();
  }
  if (*p != '-' && !json_bytes::is(*p, json_bytes::digit)) {
    return wrong_type("a number");
  }
  NumberText number;
  if (!scan_number(p, number)) {
    return bad_json("a malformed number");
  }
  const Exact exact = to_integer(number, integer);
  is_integer = exact == Exact::integer;
  if (!is_integer && ((exact == Exact::too_large && number.is_plain()) || !to_double(number, real))) {
    return out_of_range();
  }
  return advance();
}

bool JsonCursor::exact_integer(Integer& value) {
  const char* p = text_ + *next_;
  if (*p != '-' && !json_bytes::is(*p, json_bytes::digit)) {
    return wrong_type("an integer");
  }
  NumberText number;
  if (!scan_number(p, number)) {
    return bad_json("a malformed number");
  }
  switch (to_integer(number, value)) {
    case Exact::integer:
      return true;
    case Exact::fraction:
      return fail("WrongType", "expected an integer, found a number with a fraction");
    case Exact::too_large:
      break;
  }
  return out_of_range();
}

bool JsonCursor::exact_unsigned(UnsignedInteger& value) {
  const char* p = text_ + *next_;
  if (*p != '-' && !json_bytes::is(*p, json_bytes::digit)) {
    return wrong_type("an integer");
  }
  NumberText number;
  if (!scan_number(p, number)) {
    return bad_json("a malformed number");
  }
  switch (to_magnitude(number, value)) {
    case Exact::integer:
      return number.negative && value != 0 ? out_of_range() : advance();
    case Exact::fraction:
      return fail("WrongType", "expected an integer, found a number with a fraction");
    case Exact::too_large:
      break;
  }
  return out_of_range();
}

bool JsonCursor::unescape(std::string_view raw, std::string_view& value) {
  // An escape is longer than what it stands for.
  char* begin = arena_->allocate(raw.size());
  char* to = begin;
  const char* p = raw.data();
  const char* end = p + raw.size();
  while (p != end) {
    if (*p != '\\') {
      *to++ = *p++;
      continue;
    }
    ++p;  // the string is closed, so something follows the backslash
    const char kind = *p++;
    if (kind == 'u') {
      std::uint32_t point = 0;
      if (!escaped_point(p, end, point)) {
        return bad_json("half a surrogate pair, or no hexadecimal digits, in a string");
      }
      to = put_utf8(point, to);
    } else if (const char plain = simple_escape(kind); plain != 0) {
      *to++ = plain;
    } else {
      return bad_json("an unknown escape in a string");
    }
  }
  value = {begin, static_cast<std::size_t>(to - begin)};
  arena_->shrink(begin, value.size());
  return true;
}

JsonCursor::Step JsonCursor::unescape_name() {
  unescaped_name_ = {};
  const std::string_view raw = name();
  if (std::memchr(raw.data(), '\\', raw.size()) == nullptr) {
    return Step::member;
  }
  if (!unescape(raw, unescaped_name_)) {
    return Step::failed;
  }
  // Given what `name_is` relies on: a quote behind the name, then readable bytes. A quote inside would end
  // it early there, so that `a\"b` passed for `a`; such a name matches nothing that `name_is` may be asked.
  const std::size_t size = unescaped_name_.find('"') == std::string_view::npos ? unescaped_name_.size() : 0;
  char* copy = arena_->allocate(size + 1 + stream::padding_bytes);
  std::memcpy(copy, unescaped_name_.data(), size);
  std::memset(copy + size, '"', 1 + stream::padding_bytes);
  name_ = copy;
  if (size == 0 && !unescaped_name_.empty()) {
    copy[0] = '\0';
  }
  return Step::member;
}

bool JsonCursor::skip_container() {
  std::bitset<json_depth_max> objects;  // by depth, counted from the root
  std::size_t depth = depth_;
  // Each turn stands at a value's first token.
  for (;;) {
    const char c = peek();
    if (c == '{' || c == '[') {
      if (depth == json_depth_max) {
        return too_deep();
      }
      objects[depth] = c == '{';
      ++depth;
      ++next_;
      if (peek() != (c == '{' ? '}' : ']')) {
        if (c == '{') {
          if (peek() != '"' || text_[next_[1]] != ':') {
            return bad_json("expected a member's name and ':'");
          }
          next_ += 2;
        }
        continue;
      }
    } else if (json_bytes::is(c, json_bytes::scalar)) {
      ++next_;
    } else {
      return bad_json("expected a value");
    }
    // After a value, or at the bracket that closes an empty container.
    for (;;) {
      const bool object = objects[depth - 1];
      const char after = peek();
      if (after == (object ? '}' : ']')) {
        ++next_;
        --depth;
        if (next_ == end_ && depth != 0) {
          return truncated();
        }
        if (depth == depth_) {
          return true;
        }
        continue;
      }
      if (after != ',') {
        return bad_json(object ? "expected ',' or '}'" : "expected ',' or ']'");
      }
      ++next_;
      if (object) {
        if (peek() != '"' || text_[next_[1]] != ':') {
          return bad_json("expected a member's name and ':'");
        }
        next_ += 2;
      }
      break;
    }
  }
}

}  // namespace weir::decode
