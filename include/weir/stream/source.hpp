#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/stream/batch.hpp"
#include "weir/stream/position.hpp"

namespace weir::stream {

/// What a shard does at the moment.
enum class ShardState : std::uint8_t {
  starting,
  reading,
  caught_up,
  throttled,
  waiting_for_parent,
  retrying,  ///< a transient error; `reason` names it
  ended,
  failed,
  gap,
};
std::string_view to_string(ShardState state) noexcept;

/// A shard's state and why; reported at each change and after each read.
struct ShardStatus {
  ShardId shard;
  ShardState state = ShardState::starting;
  std::string reason;  ///< a sentence, where there is something to say
  std::optional<std::chrono::milliseconds> behind;
  /// Whatever arrived before this moment has been handed out (see ShardPosition); zero: nothing new to say.
  Timestamp read_up_to{};
};

/// The part of a source's shards that one loop reads. The source decides which shard is whose; each
/// belongs to exactly one of `count` shares at a time.
struct Share {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
};

/// Takes what a source reads. Each loop has its own; calls come from that loop only.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Shards seen for the first time, with `from_start` and `parents` set. Durable when this completes;
  /// the source reads none of them before (so a shard once seen is never forgotten).
  virtual Task<void> discovered(std::vector<std::pair<ShardId, ShardPosition>> shards) = 0;

  /// Takes over the next batch of a shard. Completes when there is room for the shard's next one: calls
  /// for one shard never overlap, calls for different shards may. Completion does not mean durable.
  virtual Task<void> accept(Batch batch) = 0;

  /// Completes when the effects of everything accepted from the shard are durable: the acknowledgement.
  /// A shard's children are read only after its end has settled.
  virtual Task<void> settled(const ShardId& shard) = 0;

  /// Puts a gap on record, durably. Succeeds when the policy is to go on; else fails with `refused`.
  virtual Task<void> gap(Gap gap) = 0;

  virtual void report(const ShardStatus& status) = 0;
};

/// Where records come from: Kinesis, or anything of the user's own. Must outlive its reads. The worker
/// calls `identify` and `resolve_start` once, then `read` once per loop, at the same time from each
/// loop's thread.
class Source {
 public:
  virtual ~Source() = default;

  /// `kinesis:<stream>`; names the source to people and in stored positions.
  virtual std::string name() const = 0;

  /// Which stream this is now. Fails with `refused` when it does not exist.
  virtual Task<StreamIdentity> identify(std::stop_token stop) = 0;

  /// Where a reader without stored positions begins, as a fixed point. Called on the very first start
  /// only; what it returns is stored before the first read.
  virtual Task<Start> resolve_start(std::stop_token stop) = 0;

  /// The shards there are that `positions` does not know, as positions to begin from: what `read` would discover
  /// first. Called where several pipelines of one read do not know the same shards: one was added, or had halted.
  virtual Task<std::vector<std::pair<ShardId, ShardPosition>>> unseen(const Positions& positions, std::stop_token stop);

  /// Reads this share's shards from the stored positions, in order, following what becomes of them,
  /// until asked to stop (succeeds) or until all have ended (succeeds). Fails when reading cannot go on.
  /// `positions` must live until then.
  virtual Task<void> read(Share share, const Positions& positions, Sink& sink, std::stop_token stop) = 0;
};

}  // namespace weir::stream
