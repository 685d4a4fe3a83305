#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "weir/base/result.hpp"

namespace weir::cli {

enum class Ink : std::uint8_t { plain, bold, dim, red, green, yellow };

/// Where the command's data and words go: data to standard output, in blocks; words to standard error, a
/// line at a time, with one progress line that is redrawn under them where a person looks. Words from any
/// thread; data from one.
class Console {
 public:
  struct Options {
    int out = 1;
    int err = 2;
    bool out_is_terminal = false;
    bool err_is_terminal = false;  ///< and one whose lines can be redrawn
    bool out_colour = false;
    bool err_colour = false;
    std::size_t columns = 80;  ///< of the terminal
  };
  /// This process' streams.
  static Options of_process();
  /// What decides how words look. No colour with NO_COLOR set, with TERM=dumb, or away from a terminal.
  struct Surroundings {
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    std::string_view term;
    std::string_view no_color;
  };
  static Options options_in(const Surroundings& surroundings);
  static Surroundings surroundings_of_process();

  explicit Console(Options options) : options_(options) {}
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// Data. Fails with code "BrokenPipe" when nobody reads it any more.
  Result<void> print(std::string_view data);
  Result<void> flush();

  /// A line of words; without the line end.
  void say(std::string_view line);
  /// Likewise, unless the user wants quiet.
  void note(std::string_view line);
  void be_quiet() noexcept { quiet_ = true; }

  /// Whether a progress line would be seen.
  bool shows_progress() const noexcept { return options_.err_is_terminal && !quiet_; }
  /// Replaces the progress line; cut to the terminal's width.
  void show_progress(std::string_view line);
  void erase_progress();

  bool out_is_terminal() const noexcept { return options_.out_is_terminal; }
  std::size_t columns() const noexcept { return options_.columns; }
  std::string paint_out(Ink ink, std::string_view text) const;
  std::string paint_err(Ink ink, std::string_view text) const;

 private:
  void write_err(std::string_view text) const;

  const Options options_;
  bool quiet_ = false;
  std::string pending_;
  std::mutex mutex_;
  std::string progress_;
};

}  // namespace weir::cli
