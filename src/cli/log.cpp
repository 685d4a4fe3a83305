#include "cli/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <memory>
#include <mutex>

namespace weir::cli {
namespace {

// Goes by way of the console, which keeps the progress line below the words.
class ConsoleSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ConsoleSink(Console& console) : console_(console) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    std::string_view line(text.data(), text.size());
    if (line.ends_with('\n')) {
      line.remove_suffix(1);
    }
    console_.say(line);
  }
  void flush_() override {}

 private:
  Console& console_;
};

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::level::level_enum threshold(int verbosity, bool quiet) {
  if (quiet) {
    return spdlog::level::err;
  }
  if (verbosity == 0) {
    return spdlog::level::warn;
  }
  return verbosity == 1 ? spdlog::level::info : spdlog::level::debug;
}

}  // namespace

Log console_log(Console& console, int verbosity, bool quiet) {
  auto logger = std::make_shared<spdlog::logger>("weir", std::make_shared<ConsoleSink>(console));
  logger->set_level(threshold(verbosity, quiet));
  logger->set_pattern(verbosity == 0 ? "weir: %v" : "%H:%M:%S.%e %l: %v");
  return [logger](LogLevel level, std::string_view text) {
    logger->log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
  };
}

}  // namespace weir::cli
