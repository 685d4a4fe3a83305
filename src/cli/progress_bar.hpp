#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/console.hpp"

namespace weir::cli {

/// How far a file has been read, on the console's progress line. Without a size, just what was done.
class ProgressBar {
 public:
  ProgressBar(Console& console, std::optional<std::uint64_t> bytes_total)
      : console_(console), bytes_total_(bytes_total) {}

  bool shown() const noexcept { return console_.shows_progress(); }
  void draw(std::uint64_t bytes_done, std::uint64_t records, double seconds) {
    console_.show_progress(text(bytes_done, records, seconds));
  }
  std::string text(std::uint64_t bytes_done, std::uint64_t records, double seconds) const;

 private:
  Console& console_;
  const std::optional<std::uint64_t> bytes_total_;
};

}  // namespace weir::cli
