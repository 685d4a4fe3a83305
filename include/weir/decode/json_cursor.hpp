#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "weir/base/error.hpp"
#include "weir/decode/arena.hpp"
#include "weir/decode/integer.hpp"

namespace weir::decode {

/// Objects and arrays inside each other; deeper payloads are refused, so that no input exhausts the stack.
inline constexpr std::size_t json_depth_max = 256;

/// What went wrong with a payload. Filled only on failure; never holds the payload's content.
struct JsonProblem {
  std::string code;      ///< "BadJson", "MissingMember", "WrongType", "OutOfRange", "UnknownName"
  std::string path;      ///< "address.zip", "legs[3].miles"; empty: the payload itself
  std::string sentence;  ///< "expected an integer, found a string"
  Error error() const;
};

namespace json_bytes {
enum : std::uint8_t { space = 1, separator = 2, scalar = 4, digit = 8 };
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (const char c : {' ', '\t', '\n', '\r'}) {
    classes[static_cast<unsigned char>(c)] = space;
  }
  for (const char c : {',', ':', '{', '}', '[', ']'}) {
    classes[static_cast<unsigned char>(c)] = separator;
  }
  for (const char c : {'"', '-', 't', 'f', 'n'}) {
    classes[static_cast<unsigned char>(c)] = scalar;
  }
  for (char c = '0'; c <= '9'; ++c) {
    classes[static_cast<unsigned char>(c)] = scalar | digit;
  }
  return classes;
}
inline constexpr auto classes = make_classes();
inline bool is(char c, unsigned mask) noexcept { return (classes[static_cast<unsigned char>(c)] & mask) != 0; }
}  // namespace json_bytes

/// Walks one JSON text by the index of its tokens (every bracket, colon, comma, and the first byte of
/// every string, number and word), which the first stage of simdjson has made; that stage has also checked
/// UTF-8, closed strings and control characters. So reading a member costs a few instructions, and skipping
/// one checks its structure without touching its bytes. Functions return false after `problem` was filled.
///
/// Why no bounds are checked at most tokens: `Scratch::open` makes sure that the last token of an object or
/// array is a closing bracket. Only after a closing bracket can the tokens run out, and there it is checked.
class JsonCursor {
 public:
  enum class Step : std::uint8_t { member, end, failed };

  JsonCursor(const char* text, const char* slices, const std::uint32_t* begin, const std::uint32_t* end, bool escapes,
             Arena& arena, JsonProblem& problem)
      : text_(text), slices_(slices), next_(begin), end_(end), escapes_(escapes), arena_(&arena), problem_(&problem) {}

  bool valid() const noexcept { return text_ != nullptr; }
  /// The first byte of the next value.
  char peek() const noexcept { return text_[*next_]; }
  bool at_null() const noexcept { return peek() == 'n'; }

  bool enter_object() { return enter('{', "an object"); }
  /// Each step reads one member's name; read or skip its value before the next.
  Step first_member() {
    if (peek() == '}') {
      ++next_;
      return leave();
    }
    return member_name();
  }
  Step next_member() {
    const char c = peek();
    ++next_;
    if (c == ',') {
      return member_name();
    }
    if (c == '}') {
      return leave();
    }
    --next_;
    bad_json("expected ',' or '}'");
    return Step::failed;
  }

  /// Whether the latest step's name is this one, of at most `short_name_max` bytes and without a quote. Costs
  /// two comparisons, for the bytes behind a name are readable.
  template <std::size_t size>
  bool name_is(const char* name) const noexcept {
    static_assert(size <= short_name_max);
    return std::memcmp(name_, name, size) == 0 && name_[size] == '"';
  }
  static constexpr std::size_t short_name_max = 48;
  /// The latest step's name, unescaped. To be asked before its value is read.
  std::string_view name() const noexcept {
    if (unescaped_name_.data() != nullptr) [[unlikely]] {
      return unescaped_name_;
    }
    const char* end = text_ + next_[-1] - 1;
    while (json_bytes::is(*end, json_bytes::space)) {
      --end;
    }
    return {name_, static_cast<std::size_t>(end - name_)};
  }

  bool enter_array() { return enter('[', "an array"); }
  Step first_element() {
    if (peek() == ']') {
      ++next_;
      return leave();
    }
    return Step::member;
  }
  Step next_element() {
    const char c = peek();
    ++next_;
    if (c == ',') {
      return Step::member;
    }
    if (c == ']') {
      return leave();
    }
    --next_;
    bad_json("expected ',' or ']'");
    return Step::failed;
  }

  /// Passes over any value: the structure of containers and the first byte of scalars are checked.
  bool skip() {
    const char c = peek();
    if (json_bytes::is(c, json_bytes::scalar)) [[likely]] {
      ++next_;
      return true;
    }
    return skip_container();
  }

  bool null();
  bool boolean(bool& value);
  /// The text without its quotes: a slice of the payload, or of the arena where it had escapes.
  bool string(std::string_view& value) {
    const char* begin = text_ + *next_;
    if (*begin != '"') {
      return wrong_type("a string");
    }
    ++begin;
    const char* end = text_ + next_[1] - 1;
    while (json_bytes::is(*end, json_bytes::space)) {
      --end;
    }
    const auto size = static_cast<std::size_t>(end - begin);
    if (escapes_ && std::memchr(begin, '\\', size) != nullptr) [[unlikely]] {
      return unescape({begin, size}, value) && advance();
    }
    value = {slices_ + (begin - text_), size};
    return advance();
  }
  /// Any spelling of an integer that `I` holds: 3, 3.0, 3e0.
  template <IntegerLike I>
  bool integer(I& value) {
    const char* p = text_ + *next_;
    std::uint64_t magnitude = 0;
    if (!short_integer(p, magnitude)) [[unlikely]] {
      return wide_integer(value);
    }
    const bool negative = *p == '-';
    const Integer exact = negative ? -static_cast<Integer>(magnitude) : static_cast<Integer>(magnitude);
    if constexpr (sizeof(I) < sizeof(Integer)) {
      if (exact < std::numeric_limits<I>::min() || exact > std::numeric_limits<I>::max()) [[unlikely]] {
        return out_of_range();
      }
    } else if constexpr (std::same_as<I, UnsignedInteger>) {
      if (negative && magnitude != 0) [[unlikely]] {
        return out_of_range();
      }
    }
    value = static_cast<I>(exact);
    return advance();
  }
  /// The nearest double; beyond the finite ones fails.
  bool number(double& value);
  /// An integer where the number is one of up to 128 bits, else the nearest double. An integer of more
  /// than 128 bits written without fraction and exponent fails: it would lose digits silently.
  bool number(Integer& integer, double& real, bool& is_integer);

  /// Nothing may follow the value that was read.
  bool finish() {
    if (next_ != end_) {
      return bad_json("something follows the value");
    }
    return true;
  }

  bool wrong_type(std::string_view expected);
  bool out_of_range();
  bool fail(std::string_view code, std::string sentence);
  bool bad_json(std::string_view what);
  /// Names the member, or element, in which the failure happened; from the inside out.
  bool blame(std::string_view member);
  bool blame(std::size_t element);

 private:
  bool advance() {
    ++next_;
    return true;
  }
  /// Up to 19 digits, which fit in 64 bits. False: anything unusual, to be looked at again.
  static bool short_integer(const char* p, std::uint64_t& magnitude) {
    p += *p == '-' ? 1 : 0;
    const char* first = p;
    while (json_bytes::is(*p, json_bytes::digit)) {
      magnitude = magnitude * 10 + static_cast<std::uint64_t>(*p - '0');
      ++p;
    }
    const auto digits = p - first;
    return digits != 0 && digits <= 19 && (*first != '0' || digits == 1) &&
           json_bytes::is(*p, json_bytes::space | json_bytes::separator);
  }
  bool enter(char open, std::string_view expected) {
    if (peek() != open) [[unlikely]] {
      return wrong_type(expected);
    }
    if (depth_ == json_depth_max) [[unlikely]] {
      return too_deep();
    }
    ++depth_;
    ++next_;
    return true;
  }
  Step leave() {
    --depth_;
    if (depth_ != 0 && next_ == end_) [[unlikely]] {
      truncated();
      return Step::failed;
    }
    return Step::end;
  }
  Step member_name() {
    const char* begin = text_ + next_[0];
    if (*begin != '"' || text_[next_[1]] != ':') [[unlikely]] {
      bad_json("expected a member's name and ':'");
      return Step::failed;
    }
    name_ = begin + 1;
    next_ += 2;
    if (escapes_) [[unlikely]] {
      return unescape_name();
    }
    return Step::member;
  }
  Step unescape_name();
  template <class I>
  bool wide_integer(I& value) {
    if constexpr (std::same_as<I, UnsignedInteger>) {
      return exact_unsigned(value);
    } else {
      Integer exact = 0;
      if (!exact_integer(exact)) {
        return false;
      }
      if constexpr (sizeof(I) < sizeof(Integer)) {
        if (exact < std::numeric_limits<I>::min() || exact > std::numeric_limits<I>::max()) {
          return out_of_range();
        }
      }
      value = static_cast<I>(exact);
      return advance();
    }
  }
  bool exact_integer(Integer& value);  // does not advance
  bool exact_unsigned(UnsignedInteger& value);
  bool unescape(std::string_view raw, std::string_view& value);
  bool skip_container();
  bool too_deep();
  bool truncated();

  const char* text_;
  const char* slices_;  // where slices point: the caller's payload, of which `text_` may be a copy
  const std::uint32_t* next_;
  const char* name_ = nullptr;  // the latest name, followed by a quote and 64 readable bytes
  std::string_view unescaped_name_;  // without data: the latest name has no escapes
  const std::uint32_t* end_;  // one past the last token; it holds the text's size
  bool escapes_;              // there is a backslash somewhere
  std::uint32_t depth_ = 0;
  Arena* arena_;
  JsonProblem* problem_;
};

}  // namespace weir::decode
