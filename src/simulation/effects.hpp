#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/state/deduper.hpp"

namespace weir::simulation {

/// One event of a stream.
using StreamEvent = std::pair<stream::ShardId, state::ShardEvent>;

/// What a handler did to the outside world, which forgets nothing when a process dies. Hears of each run before and
/// after it, makes some fail for now, and says at once what must not be: an event handled again though that was
/// confirmed, a repeat that is not told, one that comes before its predecessor.
class Effects {
 public:
  /// The code with which the outside world fails for now.
  static constexpr std::string_view away = "WorldAway";

  Effects(pipelines::PipelinePtr pipeline, Clock& clock, std::function<void(std::string)> problem);

  const std::string& name() const noexcept { return pipeline_->name(); }
  /// The pipeline with a handler that is heard of.
  const pipelines::PipelinePtr& heard() const noexcept { return heard_; }

  /// A process begins; `end` cuts it off.
  void begin_life(std::stop_token end, std::uint64_t seed);
  /// The deduper took a confirmation.
  void confirmed(const stream::ShardId& shard, std::span<const state::ShardEvent> events);
  /// Confirmations that were not on the disk are gone.
  void lose_confirmations() { confirmed_.clear(); }
  /// A new state, which knows nothing.
  void clear();

  /// The handler ran for it to a good end.
  bool is_done(const StreamEvent& event) const { return done_.contains(event); }
  /// The handler said that it can never be handled.
  bool is_failed(const StreamEvent& event) const { return failed_.contains(event); }
  const std::set<StreamEvent>& failed() const noexcept { return failed_; }

 private:
  class Heard;
  class Call;
  friend class Call;

  void note(const StreamEvent& event, bool may_be_repeat);
  Task<void> wait();

  pipelines::PipelinePtr pipeline_;
  pipelines::PipelinePtr heard_;
  Clock& clock_;
  std::function<void(std::string)> problem_;
  Random random_{0};
  std::stop_token end_;
  std::set<StreamEvent> ran_;
  std::set<StreamEvent> done_;
  std::set<StreamEvent> failed_;
  std::set<StreamEvent> confirmed_;
  std::map<stream::ShardId, state::ShardEvent> last_;  // of those that ran, by shard
};

}  // namespace weir::simulation
