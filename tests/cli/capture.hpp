#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "cli/console.hpp"

namespace weir::cli {

/// A file in memory that stands for standard output or error.
class Capture {
 public:
  Capture() : descriptor_(::memfd_create("capture", MFD_CLOEXEC)) {}
  ~Capture() { ::close(descriptor_); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  int descriptor() const { return descriptor_; }
  std::string text() const {
    std::string all(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    const auto got = ::pread(descriptor_, all.data(), all.size(), 0);
    all.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return all;
  }

 private:
  int descriptor_;
};

inline Console::Options captured(const Capture& out, const Capture& err) {
  Console::Options options;
  options.out = out.descriptor();
  options.err = err.descriptor();
  return options;
}

}  // namespace weir::cli
