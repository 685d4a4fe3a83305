#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/stream/source.hpp"

namespace weir::process {

/// What a running host shows: counts, and what each shard does and why. Shared by its loops and whoever
/// looks; written once per batch or change, never per record. Any thread.
class Board {
 public:
  struct Shard {
    stream::ShardStatus status;
    stream::SequenceNumber committed;  ///< the last record whose effects are durable
    bool caught_up = false;            ///< has been 0 behind, or has ended, since the start
  };
  struct Totals {
    std::uint64_t records = 0;       ///< durable
    std::uint64_t bytes = 0;         ///< their data
    std::uint64_t dead_letters = 0;  ///< among the records, or among their user records
    std::uint64_t commits = 0;
    std::uint64_t commit_retries = 0;
    // Of a pipeline that unpacks:
    std::uint64_t user_records = 0;       ///< out of aggregated records, each of which is one of `records`
    std::uint64_t misplaced = 0;          ///< user records left out: they belong to another shard
    std::uint64_t unfiltered = 0;         ///< user records taken without a look: the shard's range was not known
    std::uint64_t broken_aggregates = 0;  ///< records taken as they came: a bad checksum or message
  };

  /// `on_caught_up` is called once, when every shard known has been 0 behind or has ended.
  explicit Board(std::function<void()> on_caught_up = {}) : on_caught_up_(std::move(on_caught_up)) {}

  void report(const stream::ShardStatus& status);
  void caught_up(const stream::ShardId& shard);
  void committed(const stream::ShardId& shard, const stream::SequenceNumber& position);
  /// Adds what one commit made durable, and the commit.
  void count_commit(const Totals& of_commit);
  void count_commit_retry();
  /// What keeps the store from taking commits; empty when it does.
  void store_trouble(std::string sentence);

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

  mutable std::mutex mutex_;
  std::map<stream::ShardId, Shard> shards_;
  Totals totals_;
  std::string store_trouble_;
  std::size_t not_caught_up_ = 0;
  std::function<void()> on_caught_up_;
};

}  // namespace weir::process
