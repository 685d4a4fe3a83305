#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "weir/base/result.hpp"

namespace weir::state {

/// This process's claim on a state directory. The file `WEIR` in it says what the directory is and which
/// version wrote it, so that a directory of something else is never touched; a lock on that file says
/// that somebody has it. Holds the lock until destroyed (or until the process ends, however it ends).
class Directory {
 public:
  /// Makes the directory where it does not exist, marks it where it is empty, and locks it. Fails with
  /// "StateInUse", "StateForeign", "StateVersion" or "StateUnusable" (`refused`), or "DiskFull" (`retry`).
  static Result<Directory> claim(const std::string& path);

  Directory(Directory&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  Directory& operator=(Directory&&) = delete;
  ~Directory();

  const std::string& path() const noexcept { return path_; }
  /// Whether its path still leads to it: "StateGone" (`refused`) where it was moved, removed or replaced.
  Result<void> check_place() const;
  /// Whether a database is in it; `corrupt` where there is only a part of one, which must not be taken
  /// for an empty directory.
  Result<bool> has_database() const;

 private:
  Directory(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_ = -1;
};

/// Marks a directory as one of a state. On the disk when it returns.
Result<void> write_marker(const std::string& path);

Error state_in_use(std::string_view path);
Error state_foreign(std::string_view path, std::string_view found);
Error state_unusable(std::string_view path, std::string_view why);
/// What the error number of a call that makes or opens something in `path` means: "DiskFull" or "StateUnusable".
Error state_failed(std::string_view path, int number);
Error disk_full(std::string_view path, std::string_view why);
Error state_corrupt(std::string_view path, std::string_view what);

}  // namespace weir::state
