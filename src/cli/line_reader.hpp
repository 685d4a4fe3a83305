#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "weir/base/result.hpp"

namespace weir::cli {

/// Cuts what a file descriptor gives into lines, in large blocks and without a copy per line. A line ends
/// before its line feed, and holds every other byte as it is, a carriage return too; the last one needs no
/// line feed. Does not own the descriptor. One thread.
class LineReader {
 public:
  struct Options {
    std::size_t block_bytes = std::size_t{1} << 20U;
    std::size_t line_bytes_max = std::size_t{10} << 20U;  ///< a longer one is refused, not kept
    Options() {}
  };
  enum class Step : std::uint8_t {
    line,
    wait,  ///< no whole line is here, and reading would block
    end,
  };

  explicit LineReader(int descriptor, Options options = Options());

  /// Fails with "LineTooLong" or "ReadFailed"; `line_number` then is that of the line it failed in.
  Result<Step> next();
  /// The latest line; lives as long as `block`. `stream::padding_bytes` readable bytes follow it.
  std::string_view line() const noexcept { return line_; }
  /// Counts from 1.
  std::uint64_t line_number() const noexcept { return line_number_; }
  /// What the latest line points into. Never written again where lines have been handed out.
  const std::shared_ptr<const char[]>& block() const noexcept { return block_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  int descriptor() const noexcept { return descriptor_; }

 private:
  void make_room();
  Result<Step> read_more();
  Result<Step> hand_out(std::size_t end, std::size_t next_begin);
  Error too_long();

  const int descriptor_;
  const Options options_;
  std::shared_ptr<const char[]> block_;
  char* bytes_ = nullptr;     // the block's
  std::size_t capacity_ = 0;  // without the padding
  std::size_t begin_ = 0;     // of the line that comes next
  std::size_t scanned_ = 0;   // no line feed between begin_ and here
  std::size_t filled_ = 0;
  bool at_end_ = false;
  std::string_view line_;
  std::uint64_t line_number_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace weir::cli
