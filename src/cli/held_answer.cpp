#include "cli/held_answer.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "cli/text.hpp"

namespace weir::cli {
namespace {

constexpr std::size_t block_bytes = std::size_t{64} * 1024;

Error file_failed() {
  return refused("TemporaryFile",
                 fmt::format("cannot keep the answer in a temporary file in {}: {}; free some space there, or ask the "
                             "worker while it runs",
                             P_tmpdir, describe_errno(errno)));
}

}  // namespace

Result<void> HeldAnswer::add(std::string_view lines) {
  memory_.append(lines);
  if (memory_.size() <= memory_bytes_max) {
    return {};
  }
  if (file_ == nullptr) {
    file_.reset(std::tmpfile());
  }
  if (file_ == nullptr || std::fwrite(memory_.data(), 1, memory_.size(), file_.get()) != memory_.size()) {
    return file_failed();
  }
  memory_.clear();
  return {};
}

Result<void> HeldAnswer::hand_out(const std::function<Result<void>(std::string_view)>& take) {
  if (file_ != nullptr) {
    if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) {
      return file_failed();
    }
    std::string block;  // and the beginning of a line whose end comes next
    for (;;) {
      const auto begun = block.size();
      block.resize(begun + block_bytes);
      const auto got = std::fread(block.data() + begun, 1, block_bytes, file_.get());
      block.resize(begun + got);
      if (got == 0) {
        break;
      }
      const auto end = block.rfind('\n');
      if (end != std::string::npos) {
        WEIR_CHECK(take(std::string_view(block).substr(0, end + 1)));
        block.erase(0, end + 1);
      }
    }
    if (std::ferror(file_.get()) != 0) {
      return file_failed();
    }
  }
  return memory_.empty() ? Result<void>() : take(memory_);
}

}  // namespace weir::cli
