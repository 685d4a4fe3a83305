#include "database.hpp"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <system_error>

#include "directory.hpp"
#include "layout.hpp"

namespace weir::state {
namespace {

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RowMerge final : public rocksdb::MergeOperator {
 public:
  explicit RowMerge(const Combiner& combiner) : combiner_(combiner) {}
  const char* Name() const override { return "weir.rows"; }

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    // Not always empty, whatever the interface says: an iterator hands over the row before.
    auto& row = out->new_value;
    row.clear();
    if (in.existing_value != nullptr) {
      row.assign(in.existing_value->data(), in.existing_value->size());
    }
    if (view(in.key) == writes_key_) {
      auto writes = in.existing_value != nullptr ? row : layout::encode_writes(0);
      for (const auto& delta : in.operand_list) {
        writes = layout::add_writes(writes, view(delta));
      }
      row = std::move(writes);
      return true;
    }
    for (const auto& delta : in.operand_list) {
      combiner_.combine(row, view(delta));
    }
    return true;
  }

  // A delta is itself a row, so two of them become one.
  bool PartialMerge(const rocksdb::Slice& key, const rocksdb::Slice& left, const rocksdb::Slice& right,
                    std::string* row, rocksdb::Logger* /*log*/) const override {
    if (view(key) == writes_key_) {
      *row = layout::add_writes(view(left), view(right));
      return true;
    }
    row->assign(left.data(), left.size());
    combiner_.combine(*row, view(right));
    return true;
  }

 private:
  const Combiner& combiner_;
  const std::string writes_key_ = layout::writes_added_key();
};

// RocksDB's own words, where they are about trouble: for who debugs. What comes of the trouble is told by the call that
// meets it, in a sentence; these repeat themselves for as long as a disk is full. They may be long; a line is enough.
class Words final : public rocksdb::Logger {
 public:
  explicit Words(Log log) : rocksdb::Logger(rocksdb::InfoLogLevel::ERROR_LEVEL), log_(std::move(log)) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, std::va_list arguments) override {
    if (!log_) {
      return;
    }
    char line[512];
    const int size = std::vsnprintf(line, sizeof line, format, arguments);
    if (size > 0) {
      log_(LogLevel::debug, std::string_view(line, std::min(static_cast<std::size_t>(size), sizeof line - 1)));
    }
  }

 private:
  Log log_;
};

rocksdb::Options rocks_options(const RocksStore::Options& options, bool exists, rocksdb::Env* env) {
  rocksdb::Options rocks;
  rocks.create_if_missing = !exists;
  rocks.env = env == nullptr ? rocksdb::Env::Default() : env;
  rocks.merge_operator = std::make_shared<RowMerge>(*options.combiner);
  rocks.info_log = std::make_shared<Words>(options.log);
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;

  // The log is cut off at the first damaged record: what a power cut leaves. Rows and positions rewind together.
  rocks.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  rocks.avoid_flush_during_shutdown = true;
  // A store that failed is opened again (RocksStore); RocksDB mends nothing behind its back.
  rocks.max_bgerror_resume_count = 0;

  // One writer at a time, whose keys are sorted: each insertion begins where the last one ended, among keys that
  // begin with the same six bytes. Not five: those are where a range deletion begins (`layout::prefixes_of`), and
  // RocksDB 7.8 takes the place of a row for a place in its other list, that of ranges, and breaks the list.
  rocks.write_buffer_size = options.write_buffer_bytes;
  rocks.max_write_buffer_number = 2;
  rocks.allow_concurrent_memtable_write = false;
  rocks.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(6));
  rocks.max_background_jobs = 2;
  rocks.level_compaction_dynamic_level_bytes = true;
  rocks.compression = rocksdb::kNoCompression;
  rocks.bottommost_compression = rocksdb::kLZ4Compression;

  // Bounded memory, however many keys: indexes and filters live in the cache, few files stay open.
  rocks.max_open_files = 256;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes_max, 2);
  table.cache_index_and_filter_blocks = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return rocks;
}

// Each opening begins a log, and RocksDB 7.8 deletes old ones only when it has written a table file: who opens and
// closes and commits nothing, as a question does, would leave one more empty file each time. Nothing is in them.
void remove_empty_logs(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> names;
  if (!env.GetChildren(directory, &names).ok()) {
    return;
  }
  for (const auto& name : names) {
    const auto file = directory + "/" + name;
    std::uint64_t bytes = 0;
    if (name.ends_with(".log") && env.GetFileSize(file, &bytes).ok() && bytes == 0) {
      // What stays is in nobody's way.
      static_cast<void>(env.DeleteFile(file).ok());
    }
  }
}

// The names of its tables, its list of files and what names that, each with a '/' before it. Not of its options, which
// it writes for people.
Result<std::vector<std::string>> live_files(rocksdb::DB& database, const std::string& path) {
  std::vector<std::string> names;
  std::uint64_t list_bytes = 0;
  if (const auto status = database.GetLiveFiles(names, &list_bytes, false); !status.ok()) {
    return to_error(status, path);
  }
  std::erase_if(names, [](const auto& name) { return name.starts_with("/OPTIONS"); });
  return names;
}

// RocksDB keeps of the system's error numbers only the words, at the end of its own.
bool is_of(const rocksdb::Status& status, int number) {
  return status.ToString().ends_with(std::generic_category().message(number));
}

}  // namespace

Result<std::unique_ptr<rocksdb::DB>> open_database(const RocksStore::Options& options, bool exists, rocksdb::Env* env) {
  const auto rocks = rocks_options(options, exists, env);
  remove_empty_logs(*rocks.env, options.path);
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::Open(rocks, options.path, &opened);
  std::unique_ptr<rocksdb::DB> database(opened);
  if (status.ok()) {
    return database;
  }
  if (status.IsPathNotFound()) {  // a file that the manifest names
    return state_corrupt(options.path, status.ToString());
  }
  return to_error(status, options.path);
}

Result<void> check_files(rocksdb::DB& database, const std::string& path) {
  WEIR_TRY(const auto files, live_files(database, path));
  for (const auto& file : files) {
    if (!database.GetEnv()->FileExists(path + file).IsNotFound()) {
      continue;
    }
    // A compaction may have removed it meanwhile.
    WEIR_TRY(const auto now, live_files(database, path));
    if (std::ranges::find(now, file) != now.end()) {
      return state_corrupt(path, fmt::format("its file {} is missing", std::string_view(file).substr(1)));
    }
  }
  return {};
}

Error to_error(const rocksdb::Status& status, const std::string& path) {
  if (status.IsNoSpace() || is_of(status, EDQUOT)) {
    return disk_full(path, status.ToString());
  }
  if (status.IsCorruption()) {
    return state_corrupt(path, status.ToString());
  }
  if (status.IsIOError() || status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() || status.IsIncomplete() ||
      status.IsShutdownInProgress()) {
    return {Next::retry, "StateUnavailable",
            fmt::format("the state in {} cannot be read or written at the moment ({}); {}", path, status.ToString(),
                        is_of(status, EFBIG) ? "raise the limit on the size of files (ulimit -f)" : "check the disk")};
  }
  return state_unusable(path, status.ToString());
}

}  // namespace weir::state
