#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/signal.hpp"
#include "weir/stream/position.hpp"

namespace weir::kinesis {

/// Every shard of the stream that was ever seen, which loop reads it, and which wait for their parents.
/// Shared by the loops; touched once per shard's life, never per record. Any thread.
class ShardMap {
 public:
  using Entry = std::pair<stream::ShardId, stream::ShardPosition>;

  /// Forgets everything; `loops` will take shares.
  void reset(std::uint32_t loops);
  /// Adds shards; known ones are left as they are.
  void add(const std::vector<Entry>& shards);
  /// The shards that `loop` is to read from now on and has not taken yet.
  std::vector<Entry> take(std::uint32_t loop);
  /// The shard's end is committed: its children may be read.
  void ended(const stream::ShardId& shard);
  /// No shard is left to read, now or later (unless another is added).
  bool finished() const;
  bool knows(std::string_view shard) const;
  /// Shards seen but not read to their end.
  std::vector<stream::ShardId> unfinished() const;
  /// Not read yet because these parents have not ended.
  std::vector<std::pair<stream::ShardId, stream::ShardId>> waiting() const;

  Signal& changed() noexcept { return changed_; }

 private:
  enum class Stage { waiting, assigned, taken, ended };
  struct Node {
    stream::ShardPosition position;
    Stage stage = Stage::waiting;
    std::uint32_t loop = 0;
  };
  bool parents_ended(const Node& node) const;
  void assign_ready();

  mutable std::mutex mutex_;
  std::map<stream::ShardId, Node, std::less<>> shards_;
  std::vector<std::size_t> load_;  // shards assigned or taken, by loop
  Signal changed_;
};

}  // namespace weir::kinesis
