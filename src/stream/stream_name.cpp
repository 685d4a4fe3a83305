#include "weir/stream/stream_name.hpp"

#include <algorithm>
#include <cstddef>

namespace weir::stream {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }

// Takes what stands before the next colon.
std::string_view take_part(std::string_view& rest) noexcept {
  const auto part = rest.substr(0, rest.find(':'));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

}  // namespace

bool is_stream_name(std::string_view text) noexcept {
  constexpr std::size_t characters_max = 128;
  return !text.empty() && text.size() <= characters_max && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
  });
}

bool is_stream_arn(std::string_view text) noexcept {
  constexpr std::string_view resource = "stream/";
  constexpr std::size_t account_digits = 12;
  const bool arn = take_part(text) == "arn";
  const bool partition = take_part(text).starts_with("aws");
  const bool service = take_part(text) == "kinesis";
  const auto region = take_part(text);
  const auto account = take_part(text);
  return arn && partition && service && !region.empty() &&
         std::all_of(region.begin(), region.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; }) &&
         account.size() == account_digits && std::all_of(account.begin(), account.end(), is_digit) &&
         text.starts_with(resource) && is_stream_name(text.substr(resource.size()));
}

}  // namespace weir::stream
