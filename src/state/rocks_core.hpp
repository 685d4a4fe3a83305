#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "directory.hpp"
#include "layout.hpp"
#include "ledger.hpp"
#include "pending_rows.hpp"
#include "weir/state/rocks_store.hpp"

namespace weir::state {

/// The RocksDB store without coroutines: each call blocks. Any thread, several at a time.
///
/// Rows are not written one by one at each commit: RocksDB keeps every version of a key until a flush, and
/// an insertion among them costs more than all else together. A commit puts its changes into one value, a
/// journal entry ('j'), and adds them to `pending_`, which holds for each row what all entries add up to.
/// When the entries or the pending rows have grown to a limit, the commit is a checkpoint: in its batch each
/// pending row is merged into its row ('r') and the entries are deleted. So a row is written once for many
/// commits, everything is in the one batch of its commit, and opening reads the entries back.
///
/// What is known about pipelines and streams is kept in memory too: only this process changes it. A commit
/// runs under `commit_mutex_`: judge, build the batch, write it, and only then enter it into what is known.
/// If the write fails, nobody can tell what of it is in the log; so the store is `broken_`, and whoever comes
/// next closes the database and opens it again, which says what is stored. The same mends a database that
/// stopped by itself. Whether the directory is still where it was, which no write would notice, is looked at with
/// each sync and before each opening.
class RocksStore::Core {
 public:
  /// `env` null: the machine's. It must outlive the store.
  static Result<std::unique_ptr<Core>> open(Options options, rocksdb::Env* env);
  Core(Options options, Directory directory, rocksdb::Env* env);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core();

  Result<void> commit(const Commit& commit);
  Result<void> put_definition(std::string_view pipeline, std::string_view definition);
  Result<std::vector<Claim>> claim(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                                   std::span<const ShardEvent> events);
  Result<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                       std::span<const ShardEvent> events);
  Result<void> forget(std::string_view pipeline);
  Result<void> copy_to(const std::string& directory);
  Result<void> sync();

  Result<std::vector<Contents>> contents();
  Result<stream::Positions> positions(std::string_view pipeline, std::string_view stream);
  Result<std::optional<std::string>> definition(std::string_view pipeline);
  Result<std::optional<DeadLetter>> dead_letter(std::string_view pipeline, std::string_view stream, const LetterId& id);
  Result<LetterSum> dead_letter_sum(std::string_view pipeline);
  Result<std::vector<std::optional<std::string>>> get_many(std::string_view pipeline,
                                                           std::span<const std::string> keys);
  Result<std::vector<Row>> scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                                std::size_t rows_max);
  Result<std::vector<DeadLetter>> dead_letters(std::string_view pipeline, std::string_view stream,
                                               const DeadLetter* after, std::size_t letters_max);

  Blocking& blocking() const noexcept { return *options_.blocking; }

 private:
  using Number = layout::Number;
  struct StreamState {
    Number number = 0;
    stream::Positions positions;
    std::set<stream::ShardId, std::less<>> claimed;  // shards of which a handler may have claims
  };
  struct PipelineState {
    Number number = 0;
    std::optional<std::string> definition;
    LetterSum dead_letters;
    Number next_stream = 0;
    std::map<std::string, StreamState, std::less<>> streams;
  };
  struct Known {
    std::map<std::string, PipelineState, std::less<>> pipelines;
    Number next_pipeline = 0;

    const PipelineState* find(std::string_view pipeline) const;
    const StreamState* find(std::string_view pipeline, std::string_view stream) const;
  };

  Result<void> open_database_and_load();
  Result<Known> load(rocksdb::DB& database) const;
  Result<void> load_journal(rocksdb::DB& database);
  // How many batches were written, if all of them are there.
  Result<std::uint64_t> load_writes(rocksdb::DB& database) const;
  Result<void> load_streams(rocksdb::DB& database, PipelineState& pipeline) const;
  // Calls `each(key without prefix, value)` for all keys that start with `prefix`, from `from` on, until it
  // says false.
  Result<void> visit(rocksdb::DB& database, const std::string& prefix, const std::string& from, bool cache,
                     const std::function<Result<bool>(std::string_view, std::string_view)>& each) const;
  Error damaged(std::string_view what) const;
  Result<void> check_open() const;

  Result<void> mend_if_broken();

  // With commit_mutex_ held.
  Result<void> mend();
  Result<void> sync_log();
  // What came of a write or a sync; the store is `broken_` where that is a failure.
  Result<void> settle(const rocksdb::Status& status, bool synced);
  Result<void> write(rocksdb::WriteBatch& batch, bool sync);
  void add_rows(Number pipeline, const Commit& commit, rocksdb::WriteBatch& batch);
  void add_checkpoint(rocksdb::WriteBatch& batch);
  Result<void> checkpoint();
  Result<void> write_claims(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                            rocksdb::WriteBatch& batch, bool sync);
  Result<void> drop_claims(Number pipeline, const StreamState& stream, const Commit& commit,
                           rocksdb::WriteBatch& batch) const;
  Result<std::optional<DeadLetter>> read_letter(Number pipeline, Number stream, const LetterId& id) const;

  const Options options_;
  const Directory directory_;
  rocksdb::Env* const env_;

  std::mutex commit_mutex_;  // one writer; taken before the others
  std::atomic<bool> broken_ = false;
  bool unsynced_ = false;
  Duration synced_at_{};
  std::uint64_t writes_ = 0;
  PendingRows pending_;
  std::uint32_t journal_entries_ = 0;
  std::size_t journal_bytes_ = 0;

  // A copy shares it for as long as it takes, and holds nothing else, so that commits go on; who closes the
  // database waits for it. Taken before state_mutex_.
  std::shared_mutex copy_mutex_;

  // Readers share it; the writer, which alone changes these, takes it whole only to change them.
  std::shared_mutex state_mutex_;
  std::unique_ptr<rocksdb::DB> database_;  // null: could not be opened again yet
  Known known_;
};

}  // namespace weir::state
