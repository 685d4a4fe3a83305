// Sequence numbers come from replies, state directories and pipeline files. Two texts, split at the first
// newline: what is accepted must follow the service's pattern, and must order like the numbers it stands for.
#include "weir/stream/sequence_number.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

bool follows_the_pattern(std::string_view text) {
  return text == "0" || (!text.empty() && text.size() <= 129 && text.front() != '0' &&
                         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto newline = text.find('\n');
  const auto left = text.substr(0, newline);
  const auto right = newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
  if (weir::stream::is_sequence_number(left) != follows_the_pattern(left)) {
    std::abort();
  }
  if (follows_the_pattern(left) && follows_the_pattern(right)) {
    const auto width = std::max(left.size(), right.size());
    const auto padded_left = std::string(width - left.size(), '0').append(left);
    const auto padded_right = std::string(width - right.size(), '0').append(right);
    if (weir::stream::compare_sequence_numbers(left, right) != (padded_left <=> padded_right)) {
      std::abort();
    }
  }
  return 0;
}
