#include "cli/console.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/text.hpp"

namespace weir::cli {
namespace {

constexpr std::size_t block_bytes = 64U * 1024;
constexpr std::string_view erase_line = "\r\x1b[K";

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // before any thread starts
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::string painted(Ink ink, std::string_view text, bool colour) {
  constexpr std::string_view codes[] = {"", "1", "2", "31", "32", "33"};
  if (!colour || ink == Ink::plain) {
    return std::string(text);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(ink)], text);
}

}  // namespace

Console::Options Console::options_in(const Surroundings& surroundings) {
  Options options;
  options.out_is_terminal = surroundings.out_is_terminal;
  const bool can_redraw = !surroundings.term.empty() && surroundings.term != "dumb";
  options.err_is_terminal = surroundings.err_is_terminal && can_redraw;
  const bool colour = surroundings.no_color.empty() && can_redraw;  // no-color.org: set and not empty
  options.out_colour = options.out_is_terminal && colour;
  options.err_colour = options.err_is_terminal && colour;
  return options;
}

Console::Surroundings Console::surroundings_of_process() {
  Surroundings surroundings;
  surroundings.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  surroundings.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  surroundings.term = variable("TERM");
  surroundings.no_color = variable("NO_COLOR");
  return surroundings;
}

Console::Options Console::of_process() {
  auto options = options_in(surroundings_of_process());
  winsize size{};
  if (::ioctl(options.out_is_terminal ? options.out : options.err, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.columns = size.ws_col;
  }
  return options;
}

Result<void> Console::print(std::string_view data) {
  pending_.append(data);
  return pending_.size() < block_bytes ? Result<void>() : flush();
}

Result<void> Console::flush() {
  if (pending_.empty()) {
    return {};
  }
  if (options_.out_is_terminal) {
    erase_progress();
  }
  std::string_view left = pending_;
  while (!left.empty()) {
    const auto wrote = ::write(options_.out, left.data(), left.size());
    if (wrote < 0) {
      const int number = errno;
      if (number == EINTR) {
        continue;
      }
      pending_.clear();
      if (number == EPIPE) {
        return refused("BrokenPipe", "nobody reads standard output any more");
      }
      return refused("WriteFailed", fmt::format("cannot write to standard output: {}", describe_errno(number)));
    }
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  pending_.clear();
  return {};
}

void Console::say(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  std::string text;
  if (!progress_.empty()) {
    text += erase_line;
  }
  text += line;
  text += '\n';
  text += progress_;
  write_err(text);
}

void Console::note(std::string_view line) {
  if (!quiet_) {
    say(line);
  }
}

void Console::show_progress(std::string_view line) {
  if (!shows_progress()) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  // The last column stays free: some terminals wrap as soon as it is filled.
  progress_ = cut_to_width(line, options_.columns - 1);
  write_err(fmt::format("{}{}", erase_line, progress_));
}

void Console::erase_progress() {
  const std::scoped_lock lock(mutex_);
  if (!progress_.empty()) {
    progress_.clear();
    write_err(erase_line);
  }
}

std::string Console::paint_out(Ink ink, std::string_view text) const { return painted(ink, text, options_.out_colour); }
std::string Console::paint_err(Ink ink, std::string_view text) const { return painted(ink, text, options_.err_colour); }

// Words that cannot be written have nobody to tell.
void Console::write_err(std::string_view text) const {
  while (!text.empty()) {
    const auto wrote = ::write(options_.err, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote <= 0) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

}  // namespace weir::cli
