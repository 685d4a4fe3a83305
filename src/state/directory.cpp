#include "directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "layout.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view marker_name = "WEIR";
constexpr std::string_view marker_part_name = "WEIR.new";
constexpr std::string_view marker_words = "weir state, version ";
constexpr std::size_t marker_bytes_max = 64;

class File {
 public:
  File(const fs::path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  bool good() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(descriptor, text.data(), text.size());
    if (wrote < 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

// On the disk when it returns: a power cut that took the directory away would take the start's position too.
Result<void> make(const fs::path& directory) {
  std::error_code code;
  if (fs::is_directory(directory, code)) {
    return {};
  }
  const auto absolute = fs::absolute(directory, code);
  auto above = absolute.parent_path();
  while (!fs::exists(above, code) && above.has_relative_path()) {
    above = above.parent_path();
  }
  fs::create_directories(directory, code);
  if (code || !fs::is_directory(directory, code)) {
    return code ? state_failed(directory.native(), code.value())
                : state_unusable(directory.native(), "it is not a directory");
  }
  for (auto parent = absolute.parent_path();; parent = parent.parent_path()) {
    const File file(parent, O_RDONLY | O_DIRECTORY);
    if (file.good() && ::fsync(file.get()) != 0) {
      return state_failed(directory.native(), errno);
    }
    if (parent == above || !parent.has_relative_path()) {
      return {};
    }
  }
}

}  // namespace

// Written aside and renamed, so that a marker is whole or absent.
Result<void> write_marker(const std::string& path) {
  const fs::path directory(path);
  const auto text = fmt::format("{}{}\n", marker_words, layout::directory_version);
  const auto part = directory / marker_part_name;
  {
    const File file(part, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.good() || !write_all(file.get(), text) || ::fsync(file.get()) != 0) {
      return state_failed(directory.native(), errno);
    }
  }
  const File parent(directory, O_RDONLY | O_DIRECTORY);
  if (::rename(part.c_str(), (directory / marker_name).c_str()) != 0 || !parent.good() || ::fsync(parent.get()) != 0) {
    return state_failed(directory.native(), errno);
  }
  return {};
}

namespace {

// Empty, but for the beginnings of a marker.
Result<void> check_unmarked(const fs::path& directory) {
  std::error_code code;
  for (fs::directory_iterator at(directory, code), end; !code && at != end; at.increment(code)) {
    if (at->path().filename() != marker_part_name) {
      return state_foreign(directory.native(), fmt::format("it holds {}", at->path().filename().native()));
    }
  }
  if (code) {
    return state_unusable(directory.native(), code.message());
  }
  return {};
}

Result<void> check_marker(const std::string& path, int descriptor) {
  std::string text(marker_bytes_max, '\0');
  const auto size = ::pread(descriptor, text.data(), text.size(), 0);
  if (size < 0) {
    return state_failed(path, errno);
  }
  text.resize(static_cast<std::size_t>(size));
  if (!text.starts_with(marker_words)) {
    return state_foreign(path, "its file WEIR is none of Weir's");
  }
  auto version = std::string_view(text).substr(marker_words.size());
  if (version.ends_with('\n')) {
    version.remove_suffix(1);
  }
  if (version != std::to_string(layout::directory_version)) {
    return refused("StateVersion",
                   fmt::format("the state in {} has version {}, and this program knows version {}; use the "
                               "program that wrote it, or give another directory",
                               path, version.substr(0, 20), layout::directory_version));
  }
  return {};
}

}  // namespace

Error state_in_use(std::string_view path) {
  return refused("StateInUse",
                 fmt::format("the state in {} is in use by another process; stop that one, ask it, or give "
                             "another directory",
                             path));
}

Error state_foreign(std::string_view path, std::string_view found) {
  return refused(
      "StateForeign",
      fmt::format(
          "{} is no state directory of Weir ({}); give that of a state, or for a new one an empty or new directory",
          path, found));
}

Error state_unusable(std::string_view path, std::string_view why) {
  return refused("StateUnusable",
                 fmt::format("the state directory {} cannot be used ({}); check that it is a directory "
                             "this user may read and write",
                             path, why));
}

// To whom a quota leaves nothing, the disk is full.
Error state_failed(std::string_view path, int number) {
  const auto words = std::generic_category().message(number);
  return number == ENOSPC || number == EDQUOT ? disk_full(path, words) : state_unusable(path, words);
}

Error disk_full(std::string_view path, std::string_view why) {
  return {Next::retry, "DiskFull",
          fmt::format("the disk that holds {} is full; free some space, nothing was lost ({})", path, why)};
}

Error state_corrupt(std::string_view path, std::string_view what) {
  return corrupt("StateCorrupt",
                 fmt::format("the state in {} is damaged ({}); put back a copy of the directory, or move it "
                             "away to count again from the stream",
                             path, what));
}

Result<Directory> Directory::claim(const std::string& path) {
  const fs::path directory(path);
  WEIR_CHECK(make(directory));
  // A database there would tell it as if it were for a while, in words of its own.
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    return state_failed(path, errno);
  }
  // Whoever else claims it at this moment holds this for as long: of several first starts one makes the marker, and
  // nobody replaces one that is held.
  const File claiming(directory, O_RDONLY | O_DIRECTORY);
  if (!claiming.good()) {
    return state_failed(path, errno);
  }
  if (::flock(claiming.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? state_in_use(path) : state_failed(path, errno);
  }
  std::error_code code;
  const auto marker = directory / marker_name;
  if (!fs::exists(marker, code)) {
    if (code) {
      return state_unusable(path, code.message());
    }
    WEIR_CHECK(check_unmarked(directory));
    WEIR_CHECK(write_marker(path));
  }
  File file(marker, O_RDWR);
  if (!file.good()) {
    return state_failed(path, errno);
  }
  WEIR_CHECK(check_marker(path, file.get()));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? state_in_use(path) : state_failed(path, errno);
  }
  return Directory(path, file.release());
}

Directory::~Directory() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

// The lock's file is held open, so that no other can have its number. Where nobody can tell, as on a disk that fails,
// it is as it was: who writes will hear of that.
Result<void> Directory::check_place() const {
  struct stat held {};
  struct stat found {};
  const auto marker = fs::path(path_) / marker_name;
  const int error = ::stat(marker.c_str(), &found) == 0 ? 0 : errno;
  const bool absent = error == ENOENT || error == ENOTDIR;
  const bool another =
      error == 0 && ::fstat(descriptor_, &held) == 0 && (found.st_dev != held.st_dev || found.st_ino != held.st_ino);
  if (absent || another) {
    return refused("StateGone",
                   fmt::format("the state directory {} was moved, removed or replaced while it was in use, and what is "
                               "counted now would be lost; put it back and start again, or start again with what is "
                               "there now",
                               path_));
  }
  return {};
}

Result<bool> Directory::has_database() const {
  std::error_code code;
  if (fs::exists(fs::path(path_) / "CURRENT", code)) {
    return true;
  }
  // RocksDB writes its first manifest, then CURRENT, then logs and tables. So without CURRENT a manifest may
  // be the rest of an interrupted beginning; a log or a table is what is left of more.
  for (fs::directory_iterator at(path_, code), end; !code && at != end; at.increment(code)) {
    const auto extension = at->path().extension();
    if (extension == ".log" || extension == ".sst") {
      return state_corrupt(path_, "its file CURRENT is missing");
    }
  }
  if (code) {
    return state_unusable(path_, code.message());
  }
  return false;
}

}  // namespace weir::state
