// Copying a state directory while it is in use.

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "database.hpp"
#include "rocks_core.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;

Error exists_already(const std::string& target) {
  return refused("DirectoryExists",
                 fmt::format("the state was not copied: {} exists already; name a directory that does not", target));
}

Error not_made(const std::string& target, std::string_view why) {
  return refused("StateUnusable",
                 fmt::format("the state was not copied to {} ({}); check that this user may write there", target, why));
}

/// The place beside the target where the copy grows, so that the target is a whole copy or is not there. Gone with
/// all that is left in it, however the copying ends; after a crash it stays, under a name that says what it is.
class Beside {
 public:
  static Result<Beside> make(const fs::path& target) {
    auto name = target.native() + ".copying-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      return not_made(target.native(), std::generic_category().message(errno));
    }
    return Beside(std::move(name));
  }
  Beside(Beside&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Beside& operator=(Beside&&) = delete;
  ~Beside() {
    if (!path_.empty()) {
      std::error_code ignored;
      fs::remove_all(path_, ignored);
    }
  }
  std::string state() const { return path_ / "state"; }

 private:
  explicit Beside(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

Result<void> sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) {
    ::close(descriptor);
  }
  return synced ? Result<void>() : not_made(directory.native(), std::generic_category().message(error));
}

rocksdb::Status copy_files(rocksdb::DB& database, const std::string& to) {
  rocksdb::Checkpoint* made = nullptr;
  const auto status = rocksdb::Checkpoint::Create(&database, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return status.ok() ? checkpoint->CreateCheckpoint(to) : status;
}

}  // namespace

// A checkpoint of RocksDB is a moment between two commits, whatever is committed meanwhile: its table files are
// links where the file system allows, its log is cut where it stood.
Result<void> RocksStore::Core::copy_to(const std::string& directory) {
  std::error_code code;
  auto target = fs::absolute(directory, code);
  if (!code && !target.has_filename()) {  // "copy/"
    target = target.parent_path();
  }
  if (code || directory.empty()) {
    return not_made(directory, code ? code.message() : "it has no name");
  }
  if (fs::exists(fs::symlink_status(target, code))) {
    return exists_already(directory);
  }
  std::shared_lock<std::shared_mutex> open;
  {
    const std::scoped_lock lock(commit_mutex_);
    WEIR_CHECK(mend());
    open = std::shared_lock(copy_mutex_);
  }
  WEIR_TRY(const auto beside, Beside::make(target));
  const auto grown = beside.state();
  if (const auto status = copy_files(*database_, grown); !status.ok()) {
    auto error = to_error(status, status.IsCorruption() ? options_.path : directory);
    error.message.insert(0, "the state was not copied: ");
    return error;
  }
  WEIR_CHECK(write_marker(grown));
  if (::rename(grown.c_str(), target.c_str()) != 0) {
    const int error = errno;
    return error == EEXIST || error == ENOTEMPTY || error == ENOTDIR
               ? exists_already(directory)
               : not_made(directory, std::generic_category().message(error));
  }
  auto synced = sync_directory(target.parent_path());
  if (!synced) {
    fs::remove_all(target, code);
  }
  return synced;
}

}  // namespace weir::state
