#include "cli/dead_letter_reasons.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cli/text.hpp"

namespace weir::cli {

void DeadLetterReasons::count(const state::DeadLetter& letter) {
  const std::scoped_lock lock(mutex_);
  auto& code = codes_[letter.code];
  if (code.letters++ == 0) {
    code.reason = letter.reason;
  } else if (!code.various) {
    code.various = code.reason != letter.reason;
  }
}

std::string DeadLetterReasons::text() const {
  const std::scoped_lock lock(mutex_);
  const auto most = std::max_element(codes_.begin(), codes_.end(), [](const auto& left, const auto& right) {
    return left.second.letters < right.second.letters;
  });
  if (most == codes_.end()) {
    return {};
  }
  auto text = fmt::format("{}{}{}: {}", codes_.size() == 1 ? "" : "mostly ", printable(most->first),
                          most->second.various ? ", for example" : "", printable(most->second.reason));
  std::string_view lead = "; also ";
  for (auto code = codes_.begin(); code != codes_.end(); ++code) {
    if (code != most) {
      text.append(std::exchange(lead, ", ")).append(printable(code->first));
    }
  }
  return text;
}

}  // namespace weir::cli
