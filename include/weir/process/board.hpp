#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/metrics/registry.hpp"
#include "weir/process/letter_room.hpp"
#include "weir/stream/source.hpp"

namespace weir::process {

/// What a running host shows of one pipeline: counts, what each shard does and why, whether it is well. Shared by
/// its loops and whoever looks; written once per batch or change, never per record. Any thread.
class Board {
 public:
  struct Shard {
    stream::ShardStatus status;
    stream::SequenceNumber committed;  ///< the last record whose effects are durable
    bool caught_up = false;            ///< has been 0 behind, or has ended, since the start
    Duration moved_at{};               ///< by the clock's `elapsed`: when it last got anywhere, or had nothing to do
    bool is_taking = false;            ///< a batch of it is being folded or handled, whatever its reader says
  };
  struct Totals {
    std::uint64_t records = 0;       ///< durable
    std::uint64_t bytes = 0;         ///< their data
    std::uint64_t dead_letters = 0;  ///< among the records, or among their user records
    std::uint64_t skipped = 0;       ///< likewise, where the policy is to skip
    std::uint64_t commits = 0;
    std::uint64_t commit_retries = 0;
    std::uint64_t throttles = 0;  ///< how often a read was throttled
    std::uint64_t retries = 0;    ///< how often a read failed and was tried again
    // Of a pipeline that unpacks:
    std::uint64_t user_records = 0;       ///< out of aggregated records, each of which is one of `records`
    std::uint64_t misplaced = 0;          ///< user records left out: they belong to another shard
    std::uint64_t unfiltered = 0;         ///< user records taken without a look: the shard's range was not known
    std::uint64_t broken_aggregates = 0;  ///< records taken as they came: a bad checksum or message
  };
  struct Options {
    std::string pipeline;
    /// Called once, when every shard known has been 0 behind or has ended, or the pipeline has halted.
    std::function<void()> on_caught_up;
    Clock* clock = &system_clock();
    /// Where how long commits take is put; outlives the board. Null: nowhere.
    metrics::Registry* metrics = nullptr;
    /// A shard that got nowhere for so long is stuck, whatever it says.
    std::chrono::milliseconds stuck_after{300'000};

    Options() {}
  };

  Board() = default;
  explicit Board(Options options);

  const std::string& pipeline() const noexcept { return options_.pipeline; }

  /// The pipeline's shards: those it begins with, where they stand; then those that come.
  void learn(const stream::ShardId& shard, const stream::ShardPosition& position);
  /// As it was learnt; absent: not one of the pipeline's.
  std::optional<stream::ShardPosition> find(std::string_view shard) const;
  void report(const stream::ShardStatus& status);
  void caught_up(const stream::ShardId& shard);
  void taking(const stream::ShardId& shard, bool begins);
  void committed(const stream::ShardId& shard, const stream::SequenceNumber& position);
  /// Adds what one commit made durable, and the commit.
  void count_commit(const Totals& of_commit);
  void count_commit_retry();
  /// How long a commit took, its retries included.
  void commit_took(Duration time);
  /// What keeps what was read from becoming durable: a store that takes no commits, a handler that fails for now; empty
  /// when nothing does.
  void store_trouble(std::string sentence);

  /// The pipeline's, of all its loops.
  LetterRoom& letter_room() noexcept { return letter_room_; }

  /// The pipeline goes no further; the first reason stays.
  void halt(Error reason);
  bool is_halted() const noexcept { return is_halted_.load(std::memory_order_acquire); }
  std::optional<Error> halted() const;
  /// Ends what the pipeline's other loops wait for in vain once it has halted.
  std::stop_token halting() const { return halting_.get_token(); }

  /// The shards that have got nowhere for `stuck_after`, with a sentence each.
  std::map<stream::ShardId, std::string> stuck() const;
  /// What is wrong, a sentence each; none: the pipeline is well. Trouble that passes by itself counts while it lasts.
  std::vector<std::string> complaints() const;

  Totals totals() const;
  std::map<stream::ShardId, Shard> shards() const;
  std::string store_trouble() const;
  /// How many shards are throttled, retrying, failed or in a gap, and what the first of them says; empty: none.
  std::string shard_trouble() const;
  /// The largest distance to the stream's newest record, over the shards that know theirs.
  std::optional<std::chrono::milliseconds> behind() const;
  bool all_caught_up() const;

 private:
  void announce_if_caught_up(std::unique_lock<std::mutex> lock);
  bool is_stuck(const Shard& shard, Duration now) const;
  static std::string stuck_text(const stream::ShardId& id, const Shard& shard, Duration now);

  Options options_;
  metrics::Histogram* commit_seconds_ = nullptr;
  LetterRoom letter_room_;

  mutable std::mutex mutex_;
  std::map<stream::ShardId, Shard> shards_;
  std::map<stream::ShardId, stream::ShardPosition, std::less<>> learnt_;
  Totals totals_;
  std::string store_trouble_;
  std::optional<Error> halted_;
  std::atomic<bool> is_halted_ = false;
  std::stop_source halting_;
  std::size_t not_caught_up_ = 0;
};

}  // namespace weir::process
