#pragma once

#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "weir/base/log.hpp"
#include "weir/process/processor.hpp"
#include "weir/stream/source.hpp"

namespace weir::process {

/// Where the source begins so that every one of these pipelines misses nothing: for each shard at the lowest of
/// their positions. A shard has ended when it has for all that know it.
stream::Positions lowest(std::span<const stream::Positions> of_pipelines);

/// The pipelines of one loop on one read: each takes what lies above its own position. One that halts, in whichever
/// loop, holds back only itself: the others go on without it, until there is none left. A batch is let go of
/// when the slowest has taken it.
class Group final : public stream::Sink {
 public:
  /// One or more. `log` hears of a pipeline that halts while others go on.
  Group(std::vector<std::unique_ptr<Processor>> processors, Log log);

  /// `Processor::run` of all. Fails when all of them have halted.
  Task<void> run(std::stop_token abandon);
  void close();

  Task<void> discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards) override;
  Task<void> accept(stream::Batch batch) override;
  Task<void> settled(const stream::ShardId& shard) override;
  Task<void> gap(stream::Gap gap) override;
  void report(const stream::ShardStatus& status) override;

 private:
  Task<void> run_one(Processor& processor, std::stop_token abandon);
  bool concerns(const Processor& processor, std::string_view shard) const;
  // Notes how it went with one of them; whether the read goes on.
  void note(Processor& processor, Result<void> done);
  Result<void> outcome() const;
  void log_change(const stream::ShardStatus& status);

  std::vector<std::unique_ptr<Processor>> processors_;
  Log log_;
  std::map<stream::ShardId, stream::ShardState, std::less<>> said_;  // in the log
};

}  // namespace weir::process
