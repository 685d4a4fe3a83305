#include "cli/progress_bar.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text.hpp"

namespace weir::cli {

std::string ProgressBar::text(std::uint64_t bytes_done, std::uint64_t records, double seconds) const {
  const auto done = fmt::format("{}  {}", counted(records, "record"), rate_text(records, seconds));
  if (!bytes_total_ || *bytes_total_ == 0) {
    return done;
  }
  constexpr std::size_t bar_width = 24;
  const double part = std::min(1.0, static_cast<double>(bytes_done) / static_cast<double>(*bytes_total_));
  const auto full = static_cast<std::size_t>(part * bar_width);
  return fmt::format("[{}{}] {:3.0f} %  {}", std::string(full, '#'), std::string(bar_width - full, '.'), part * 100,
                     done);
}

}  // namespace weir::cli
