#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/result.hpp"

namespace weir::cli {

/// Lines that are kept until they may be handed out: in memory, beyond `memory_bytes_max` in a temporary file that has
/// no name, and is gone with its process. One thread.
class HeldAnswer {
 public:
  static constexpr std::size_t memory_bytes_max = std::size_t{8} * 1024 * 1024;

  /// Complete lines.
  Result<void> add(std::string_view lines);
  bool empty() const noexcept { return memory_.empty() && file_ == nullptr; }
  /// Everything, in blocks of complete lines; once.
  Result<void> hand_out(const std::function<Result<void>(std::string_view lines)>& take);

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  std::string memory_;  // what follows the file's content
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace weir::cli
