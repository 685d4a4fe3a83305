#include "weir/http/message.hpp"

#include <algorithm>

namespace weir::http {
namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::optional<std::string_view> Headers::find(std::string_view name) const noexcept {
  for (const auto& place : places_) {
    if (place.name_size == name.size() && same_name(part(place.name_begin, place.name_size), name)) {
      return part(place.value_begin, place.value_size);
    }
  }
  return std::nullopt;
}

std::pair<std::string_view, std::string_view> Headers::at(std::size_t index) const {
  const auto& place = places_.at(index);
  return {part(place.name_begin, place.name_size), part(place.value_begin, place.value_size)};
}

bool Headers::add_line(std::string_view line) {
  const auto colon = line.find(':');
  // A blank in the name, or a folded line, is how requests and replies are smuggled (RFC 9112, 5.1 and 5.2).
  if (colon == 0 || colon == std::string_view::npos ||
      line.substr(0, colon).find_first_of(" \t") != std::string_view::npos) {
    return false;
  }
  const auto value = trimmed(line.substr(colon + 1));
  if (places_.empty()) {
    // One allocation each for the replies of AWS: about ten headers in 400 bytes.
    text_.reserve(512);
    places_.reserve(12);
  }
  const auto begin = static_cast<std::uint32_t>(text_.size());
  text_.append(line.substr(0, colon));
  text_.append(value);
  places_.push_back({begin, static_cast<std::uint32_t>(colon), begin + static_cast<std::uint32_t>(colon),
                     static_cast<std::uint32_t>(value.size())});
  return true;
}

void Headers::clear() noexcept {
  text_.clear();
  places_.clear();
}

}  // namespace weir::http
