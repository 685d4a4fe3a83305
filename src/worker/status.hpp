#pragma once

#include <span>
#include <string>

#include "weir/metrics/registry.hpp"
#include "weir/process/board.hpp"

namespace weir::worker {

/// What a running worker tells of itself, made from its boards when somebody asks.
struct Status {
  std::span<const process::Board* const> boards;
  const metrics::Registry* metrics = nullptr;  ///< what is measured as it happens
  bool is_draining = false;
};

/// The Prometheus text exposition format.
std::string metrics_text(const Status& status);

struct Verdict {
  bool ok = true;
  std::string json;  ///< one object, with what is wrong
};
/// Is every pipeline well? One that has halted, a shard that got nowhere, a state that is not written: no.
Verdict health(const Status& status);
/// Is it reading, and not about to end?
Verdict readiness(const Status& status);

}  // namespace weir::worker
