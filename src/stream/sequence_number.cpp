#include "weir/stream/sequence_number.hpp"

#include <algorithm>

namespace weir::stream {

bool is_sequence_number(std::string_view text) noexcept {
  constexpr std::size_t digits_max = 129;  // the service's model
  if (text.empty() || text.size() > digits_max || (text.front() == '0' && text.size() > 1)) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace weir::stream
