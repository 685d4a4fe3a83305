#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/hash_key.hpp"
#include "emulator/sequence.hpp"
#include "emulator/shard_log.hpp"
#include "weir/api/kinesis_api.hpp"
#include "weir/base/random.hpp"
#include "weir/emulator/faults.hpp"

namespace weir::emulator {

/// `shardId-` and the index in twelve digits.
using ShardIdText = std::array<char, 20>;
ShardIdText shard_id_text(std::uint32_t index) noexcept;
inline std::string_view view(const ShardIdText& text) noexcept { return {text.data(), text.size()}; }
inline std::string shard_id_of(std::uint32_t index) { return std::string(view(shard_id_text(index))); }
/// Absent when the text is no such id.
std::optional<std::uint32_t> shard_index_of(std::string_view id) noexcept;

/// One shard. Its lineage and range are guarded by the emulator's lock, its log by `mutex`.
struct ShardState {
  ShardState(std::uint32_t shard_index, BytesHeld bytes_held, bool keep_trimmed, std::uint64_t seed)
      : index(shard_index), id(shard_id_of(shard_index)), gaps(seed), log(std::move(bytes_held), keep_trimmed) {}

  SequenceText sequence(std::uint64_t counter, std::uint64_t record_s) const noexcept {
    return encode_sequence(
        {.shard_created_s = created_s, .shard_index = index, .counter = counter, .record_s = record_s});
  }
  bool open() const noexcept { return !closed; }

  const std::uint32_t index;
  const std::string id;
  HashKey start = 0;
  HashKey end = hash_key_max;
  std::vector<std::uint32_t> parents;
  std::vector<std::uint32_t> children;
  Timestamp created{};
  std::optional<Timestamp> closed;
  /// In its sequence numbers: at least a second above its parents', so that they grow over a reshard too.
  std::uint64_t created_s = 0;

  mutable std::mutex mutex;
  Random gaps;  // counters skip: readers must not rely on contiguous numbers
  ShardLog log;
  TrimmedAnswer trimmed_answer = TrimmedAnswer::oldest;
};

/// One making of a stream. Guarded by the emulator's lock.
class StreamState {
 public:
  StreamState(std::string stream_name, std::uint64_t stream_id, BytesHeld bytes_held, bool keep_trimmed,
              std::uint64_t seed);

  /// Divides the hash range evenly among the first shards.
  void open_shards(std::uint32_t count, Timestamp now, std::uint64_t created_s_min);
  void split(ShardState& shard, HashKey new_start, Timestamp now);
  void merge(ShardState& shard, ShardState& adjacent, Timestamp now);
  /// Divides the range evenly anew: splits at the new boundaries, then merges what lies between two of
  /// them, as the service does it, short-lived shards included.
  void scale(std::uint32_t target, Timestamp now);

  ShardState* find(std::string_view shard_id) const noexcept;
  ShardState& owner_of(HashKey key) const noexcept;
  std::uint32_t open_count() const noexcept { return static_cast<std::uint32_t>(open_.size()); }
  const std::vector<ShardState*>& open() const noexcept { return open_; }
  /// The second its newest shard carries in its sequence numbers.
  std::uint64_t created_s_max() const noexcept { return created_s_max_; }
  /// Closed, and all it held is older than the stream keeps: the service knows it no more.
  bool forgotten(const ShardState& shard, Timestamp now) const noexcept {
    return shard.closed && *shard.closed + retention <= now;
  }

  const std::string name;
  const std::uint64_t id;
  std::string arn;
  api::StreamStatus status = api::StreamStatus::active;
  Timestamp created{};
  std::chrono::hours retention{24};
  std::size_t record_bytes_max = 0;
  std::vector<std::unique_ptr<ShardState>> shards;  ///< by index
  std::vector<Timestamp> scalings;                  ///< UpdateShardCount calls of the last 24 hours

  /// What a status change does when it is over.
  struct Change {
    Timestamp due{};
    std::function<void(StreamState&, Timestamp)> apply;
  };
  std::optional<Change> change;

 private:
  ShardState& add(HashKey start, HashKey end, std::vector<std::uint32_t> parents, Timestamp now);
  void close(ShardState& shard, Timestamp now);

  BytesHeld bytes_held_;
  bool keep_trimmed_;
  Random seeds_;
  std::vector<ShardState*> open_;  // by range
  std::uint64_t created_s_max_ = 0;
};

}  // namespace weir::emulator
