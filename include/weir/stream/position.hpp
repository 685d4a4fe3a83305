#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/stream/hash_range.hpp"
#include "weir/stream/sequence_number.hpp"

namespace weir::stream {

using ShardId = std::string;

/// Which stream, and which making of it: shard ids restart when a stream is deleted and made again, so
/// positions are only compared within one creation time.
struct StreamIdentity {
  std::string name;  ///< "flights"
  std::string arn;
  Timestamp created{};

  friend bool operator==(const StreamIdentity&, const StreamIdentity&) = default;
};

/// Where reading begins in shards that have no position yet. Resolved once, on the very first start, and
/// stored before the first read; so a crash before the first commit skips nothing.
struct Start {
  enum class Type : std::uint8_t {
    trim_horizon,
    at_timestamp,  ///< also what LATEST becomes: the service's time at the first start
    at_sequence_number,
    after_sequence_number,
  };
  Type type = Type::trim_horizon;
  Timestamp settled{};             ///< when it was resolved; what was kept then is to be read
  Timestamp timestamp{};           ///< with at_timestamp
  ShardId shard;  ///< with a sequence number: the shard it belongs to; only it and its descendants are read
  SequenceNumber sequence_number;  ///< with at/after_sequence_number

  friend bool operator==(const Start&, const Start&) = default;
};

/// How far one shard has been read, with every effect of it durable.
struct ShardPosition {
  /// The last record whose effects are durable; empty: none yet.
  SequenceNumber after;
  /// Read to its end, and the end committed. Its children may be read.
  bool ended = false;
  /// The arrival time of the record `after`.
  Timestamp arrival{};
  /// Whatever arrived before this moment has been read, or there was nothing: the shard is younger; before the first
  /// record, that up to then nothing is wanted. With the stream's retention it tells whether a trimmed position lost
  /// anything.
  Timestamp read_up_to{};
  /// Without a position, opens at the stream's Start (true: it was there at the first start) or at the
  /// oldest record (false: it was born later).
  bool from_start = false;
  /// One for a split's child, two for a merge's, none for a root.
  std::vector<ShardId> parents;
  /// What the shard owns, where the source told it; stored, so that a restart filters as the run before did.
  std::optional<HashRange> hash_range;

  friend bool operator==(const ShardPosition&, const ShardPosition&) = default;
};

/// Records that were lost to reading: trimmed by retention, or their shard vanished before its end.
struct Gap {
  ShardId shard;
  SequenceNumber from;  ///< the last record read before the gap; empty: the shard's beginning
  SequenceNumber to;  ///< the first record after it; empty: unknown, or the shard's end
  std::string reason;  ///< a sentence
  Timestamp noticed{};
  /// Somebody who was told went on without these records (`on_gap`, `accept_loss`). A later loss after the same record
  /// takes this one's place, and is not accepted by it.
  bool accepted = false;
  /// What arrived before this moment may be gone; whoever had read beyond it lost nothing. Zero: unknown. Not stored.
  Timestamp lost_before{};

  friend bool operator==(const Gap&, const Gap&) = default;
};

/// Everything stored about one pipeline's reading of one stream.
struct Positions {
  std::optional<StreamIdentity> stream;  ///< absent before the first start
  std::optional<Start> start;
  std::map<ShardId, ShardPosition, std::less<>> shards;  ///< every shard once seen
  std::vector<Gap> gaps;
};

}  // namespace weir::stream
