#include "simulation/disk.hpp"

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>

#include "state/rocks_store_env.hpp"
#include "weir/pipeline/pipeline.hpp"

namespace weir::simulation {
namespace {

using rocksdb::IOStatus;

// In memory where the machine has such a directory: a run opens the state several times.
std::filesystem::path new_directory() {
  static std::atomic<std::uint64_t> number{0};
  const std::filesystem::path memory = "/dev/shm";
  std::error_code code;
  const auto base = std::filesystem::is_directory(memory, code) ? memory : std::filesystem::temp_directory_path();
  return base / fmt::format("weir-simulation-{}-{}", ::getpid(), ++number);
}

}  // namespace

// How much of each file written since the last cut is safe. RocksDB's own threads write, too.
struct Disk::Files {
  struct File {
    std::uint64_t size = 0;
    std::uint64_t synced = 0;
  };
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<File>> files;  // by path
  bool power = true;
  std::uint64_t writes_to_cut = 0;  // 0: none is coming

  // Before a write or a sync; with the mutex held.
  bool writes() {
    if (writes_to_cut > 0 && --writes_to_cut == 0) {
      power = false;
    }
    return power;
  }
};

class Disk::Forgetful final : public rocksdb::FileSystemWrapper {
 public:
  explicit Forgetful(std::shared_ptr<Files> files)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), files_(std::move(files)) {}
  const char* Name() const override { return "Forgetful"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) override {
    const std::scoped_lock lock(files_->mutex);
    if (!files_->power) {
      return no_power();
    }
    auto status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) {
      auto entry = std::make_shared<Files::File>();
      files_->files[name] = entry;
      *file = std::make_unique<Writer>(std::move(*file), files_, std::move(entry));
    }
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                      rocksdb::IODebugContext* debug) override {
    const std::scoped_lock lock(files_->mutex);
    if (!files_->power) {
      return no_power();
    }
    if (auto known = files_->files.extract(from)) {
      known.key() = to;
      files_->files.erase(to);
      files_->files.insert(std::move(known));
    }
    return FileSystemWrapper::RenameFile(from, to, options, debug);
  }
  IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                      rocksdb::IODebugContext* debug) override {
    const std::scoped_lock lock(files_->mutex);
    if (!files_->power) {
      return no_power();
    }
    files_->files.erase(name);
    return FileSystemWrapper::DeleteFile(name, options, debug);
  }

 private:
  class Writer final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Writer(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Files> files,
           std::shared_ptr<Files::File> entry)
        : FSWritableFileOwnerWrapper(std::move(file)), files_(std::move(files)), entry_(std::move(entry)) {}
    IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* debug) override {
      const std::scoped_lock lock(files_->mutex);
      if (!files_->writes()) {
        return no_power();
      }
      entry_->size += data.size();
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                    const rocksdb::DataVerificationInfo& /*info*/, rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    IOStatus Sync(const rocksdb::IOOptions& /*options*/, rocksdb::IODebugContext* /*debug*/) override { return sync(); }
    IOStatus Fsync(const rocksdb::IOOptions& /*options*/, rocksdb::IODebugContext* /*debug*/) override {
      return sync();
    }
    IOStatus RangeSync(std::uint64_t /*offset*/, std::uint64_t /*bytes*/, const rocksdb::IOOptions& /*options*/,
                       rocksdb::IODebugContext* /*debug*/) override {
      return IOStatus::OK();  // promises nothing
    }

   private:
    // Only noted: what is noted as safe is kept by `lose_unsynced`.
    IOStatus sync() {
      const std::scoped_lock lock(files_->mutex);
      if (!files_->writes()) {
        return no_power();
      }
      entry_->synced = entry_->size;
      return IOStatus::OK();
    }
    std::shared_ptr<Files> files_;
    std::shared_ptr<Files::File> entry_;
  };

  static IOStatus no_power() { return IOStatus::IOError("the power is cut"); }

  std::shared_ptr<Files> files_;
};

struct Disk::Environment {
  std::unique_ptr<rocksdb::Env> env;
};

Disk::Disk(Clock& clock)
    : clock_(clock),
      path_(new_directory()),
      files_(std::make_shared<Files>()),
      environment_(std::make_unique<Environment>()) {
  environment_->env = rocksdb::NewCompositeEnv(std::make_shared<Forgetful>(files_));
}

Disk::~Disk() {
  std::error_code code;
  std::filesystem::remove_all(path_, code);
}

std::unique_ptr<state::Store> Disk::open() {
  state::RocksStore::Options options(path_.native(), pipelines::row_combiner(), inline_);
  options.clock = &clock_;
  options.journal_bytes_max = 500;  // so that short runs reach checkpoints
  auto opened = state::open_rocks_store(std::move(options), environment_->env.get());
  if (!opened && !has_power()) {
    return nullptr;
  }
  if (!opened) {
    throw std::runtime_error(to_string(opened.error()));
  }
  return *std::move(opened);
}

void Disk::cut_power() {
  const std::scoped_lock lock(files_->mutex);
  files_->power = false;
}

void Disk::cut_power_at_write(std::uint64_t writes) {
  const std::scoped_lock lock(files_->mutex);
  files_->writes_to_cut = writes;
}

bool Disk::has_power() const {
  const std::scoped_lock lock(files_->mutex);
  return files_->power;
}

void Disk::lose_unsynced(Random& random) {
  const std::scoped_lock lock(files_->mutex);
  const auto survives = random.below(3);
  for (const auto& [path, file] : files_->files) {
    const auto unsynced = file->size - file->synced;
    const auto kept = survives == 0 ? 0 : survives == 1 ? unsynced : random.below(unsynced + 1);
    std::error_code code;  // a file that is gone has nothing to lose
    std::filesystem::resize_file(path, file->synced + kept, code);
  }
  files_->files.clear();
  files_->power = true;
  files_->writes_to_cut = 0;
}

}  // namespace weir::simulation
