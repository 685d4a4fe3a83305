#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "weir/base/byte_budget.hpp"
#include "weir/stream/hash_range.hpp"
#include "weir/stream/position.hpp"
#include "weir/stream/record.hpp"

namespace weir::stream {

/// A shard as the service describes it.
struct Shard {
  ShardId id;
  std::vector<ShardId> parents;  ///< none, one (split) or two (merge)
  /// It came into being later than this: none of its records arrived before. Where a source cannot tell, the
  /// moment it was first seen.
  Timestamp born_after{};
  std::optional<HashRange> hash_range;  ///< where the source knows it
};

/// Records of one shard in order, with the buffer they point into. Move-only; dropping it releases the
/// buffer and its part of the byte budget.
struct Batch {
  ShardId shard;
  std::vector<RawRecord> records;
  /// The children, when these were the shard's last records. Empty list: the stream ends here.
  std::optional<std::vector<Shard>> end;
  /// How far these records are behind the stream's newest, where the source can tell.
  std::optional<std::chrono::milliseconds> behind;
  Timestamp read_up_to{};  ///< see ShardPosition; true once these records are taken in
  /// The shard's, where it is known: by it the user records of aggregated ones are told that belong elsewhere.
  std::optional<HashRange> hash_range;
  std::size_t bytes = 0;   ///< sum of the records' data sizes

  std::shared_ptr<const void> buffer;  ///< owns what the views point into
  ByteBudget::Lease lease;

  Batch() = default;
  Batch(Batch&&) = default;
  Batch& operator=(Batch&&) = default;
};

}  // namespace weir::stream
