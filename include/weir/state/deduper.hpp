#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/stream/position.hpp"

namespace weir::state {

/// One event of a shard, for which a handler runs: a record, or one unpacked from an aggregated record. Ordered as
/// events are in a shard.
struct ShardEvent {
  stream::SequenceNumber sequence_number;
  bool unpacked = false;
  std::uint32_t sub = 0;

  friend bool operator==(const ShardEvent&, const ShardEvent&) = default;
  friend auto operator<=>(const ShardEvent&, const ShardEvent&) = default;
};

/// What is known of an event when it is claimed.
enum class Claim : std::uint8_t {
  fresh,      ///< the handler has not run
  unsure,     ///< claimed before and never confirmed: the handler may have run
  confirmed,  ///< the handler has run
};

/// For handlers that act on the outside world (docs/delivery.md): claim, run, confirm, then commit the position. It
/// narrows repeats to a crash between run and confirm, and says of which events. Aggregates never rest on it.
///
/// It lives with the store that holds the positions: a commit that advances a shard removes what was claimed up to
/// there in the same write; forgetting a pipeline and copying the state cover it. Scoped to pipeline and stream.
/// `events` are in the order of the shard, each once; they live until the call completes.
///
/// Any thread may call it, several at a time; what blocks runs off the caller's loop. Errors: `retry` (away; nothing
/// or everything happened, the call may be repeated), `conflict` (the shard is not known: a first commit stores it),
/// `refused` ("BadClaim": events out of order), `corrupt`. After an error the handler does not run: nothing is guessed.
class Deduper {
 public:
  virtual ~Deduper() = default;

  /// Claims the events and says what was known of each, in their order. On the disk when it completes. What is at
  /// or below the shard's committed position is `confirmed`. A call that is repeated because its answer was lost
  /// finds its own claims: `unsure`.
  virtual Task<std::vector<Claim>> claim(std::string_view pipeline, std::string_view stream,
                                         const stream::ShardId& shard, std::span<const ShardEvent> events) = 0;

  /// Notes that the handler has run for the events. As durable as a commit that does not ask for `sync`; where a
  /// power cut takes it back, they are `unsure`.
  virtual Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                             std::span<const ShardEvent> events) = 0;
};

}  // namespace weir::state
