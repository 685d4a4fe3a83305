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
  /// Adds shards; known ones are left as they are. A parent that is not known may be one that nobody has told
  /// of yet, or one that retention took long ago: a listing that begins later shows which.
  void add(const std::vector<Entry>& shards);

  /// Numbers a listing of the stream's shards, before it is asked for.
  std::uint64_t begin_listing();
  /// Adds what the listing showed; it showed their parents too, where there are any.
  void add_listed(const std::vector<Entry>& shards, std::uint64_t listing);
  /// The listing is complete: parents that it did not show are gone.
  void end_listing(std::uint64_t listing);
  /// Somebody waits for a listing that has not begun.
  bool wants_listing() const;
  /// Asks for a listing that begins after this call; returns its number.
  std::uint64_t want_listing();
  bool listing_ended(std::uint64_t listing) const;

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
    std::uint64_t after_listing = 0;  // a later one tells of its parents
  };
  void insert(const std::vector<Entry>& shards, std::uint64_t after_listing);
  bool is_awaited(const Node& node, const stream::ShardId& parent) const;
  bool parents_ended(const Node& node) const;
  void assign_ready();

  mutable std::mutex mutex_;
  std::map<stream::ShardId, Node, std::less<>> shards_;
  std::vector<std::size_t> load_;  // shards assigned or taken, by loop
  std::uint64_t listings_begun_ = 0;
  std::uint64_t listings_ended_ = 0;
  std::uint64_t listing_wanted_ = 0;
  Signal changed_;
};

}  // namespace weir::kinesis
