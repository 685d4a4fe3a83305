#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "weir/base/blocking.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/log.hpp"
#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"

namespace weir::state {

/// Rows and positions in a RocksDB directory of this machine (docs/formats.md): the embedded default.
///
/// A commit is one WriteBatch: rows, dead letters, positions, gaps, shards. It is in the operating
/// system's hands when it completes, and on the disk when it asks for `sync`, when it says something
/// about a stream for the first time, and otherwise with the first commit after `sync_interval`. Who
/// stops committing calls `sync()`; closing does so too. A power cut takes rows and positions back together.
///
/// One process at a time holds the directory. Any thread may call the store, several at a time; what
/// blocks runs on `blocking`. After a failed write the store reopens the directory before the next one,
/// so what it remembers is what is stored.
///
/// Once the directory was moved, removed or replaced, whatever is to be on the disk is `refused` with code
/// "StateGone". Where somebody deleted a file that the next opening needs, `sync()` is `corrupt` ("StateCorrupt").
/// From then on the store takes no more, until that is undone.
class RocksStore final : public Store, public Deduper {
 public:
  struct Options {
    std::string path;          ///< made, with its parents, if it does not exist
    const Combiner* combiner;  ///< outlives the store
    Blocking* blocking;        ///< outlives the store
    Clock* clock = &system_clock();
    Log log;
    /// Commits older than this are on the disk once the next commit completes. Zero: every commit is.
    std::chrono::milliseconds sync_interval{10'000};
    /// Changes of rows held in memory between two checkpoints, when they are written to their rows.
    std::size_t pending_bytes_max = std::size_t{16} << 20U;
    /// The same changes in the database's journal, which opening reads back.
    std::size_t journal_bytes_max = std::size_t{4} << 20U;
    /// Writes collected before they become a table file; at most two such are held.
    std::size_t write_buffer_bytes = std::size_t{8} << 20U;
    /// Blocks of table files kept for reading, indexes and filters included.
    std::size_t block_cache_bytes_max = std::size_t{8} << 20U;

    Options(std::string directory, const Combiner& row_combiner, Blocking& pool)
        : path(std::move(directory)), combiner(&row_combiner), blocking(&pool) {}
  };

  /// Opens or makes the state directory; blocks. Fails with `refused`: code "StateInUse" when another
  /// process has it, "StateForeign" when it holds something else, "StateVersion" when it was written by
  /// another version, "StateUnusable" when it cannot be made, read or written; `corrupt` ("StateCorrupt")
  /// when its files are damaged; `retry` when the disk is full ("DiskFull") or fails for now ("StateUnavailable").
  static Result<std::unique_ptr<RocksStore>> open(Options options);

  /// Puts everything on the disk and closes the directory. No call may be under way.
  ~RocksStore() override;

  Strength strength() const noexcept override { return Strength::atomic; }
  Task<void> commit(const Commit& commit) override;
  Task<std::vector<Contents>> contents() override;
  Task<stream::Positions> positions(std::string_view pipeline, std::string_view stream) override;
  Task<std::optional<std::string>> definition(std::string_view pipeline) override;
  Task<void> put_definition(std::string_view pipeline, std::string_view definition) override;
  Task<std::vector<std::optional<std::string>>> get_many(std::string_view pipeline,
                                                         std::span<const std::string> keys) override;
  Task<std::vector<Row>> scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                              std::size_t rows_max) override;
  Task<std::vector<DeadLetter>> dead_letters(std::string_view pipeline, std::string_view stream,
                                             const DeadLetter* after, std::size_t letters_max) override;
  Task<std::optional<DeadLetter>> dead_letter(std::string_view pipeline, std::string_view stream,
                                              const LetterId& id) override;
  Task<LetterSum> dead_letter_sum(std::string_view pipeline) override;
  Task<void> forget(std::string_view pipeline) override;
  Task<void> copy_to(const std::string& directory) override;
  Task<void> sync() override;

  Task<std::vector<Claim>> claim(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                                 std::span<const ShardEvent> events) override;
  Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                     std::span<const ShardEvent> events) override;

  class Core;  // in src: everything, without coroutines
  explicit RocksStore(std::unique_ptr<Core> core);

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace weir::state
