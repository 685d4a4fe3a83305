#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "weir/base/log.hpp"
#include "weir/worker/query.hpp"

namespace weir::worker {

/// Answers queries on a unix socket in the state directory until asked to stop. The caller holds the
/// directory's lock, so a socket left there belongs to nobody. A socket that cannot be made is logged, and
/// the run goes on without.
struct QueryLimits {
  std::size_t connections_max = 16;  ///< answered at a time; more are told to ask again
  /// How long whoever asks may take for the question, or to receive the next piece of the answer.
  std::chrono::milliseconds patience{10'000};

  QueryLimits() {}
};
Task<void> serve_queries(std::string directory, state::Store& store, const pipelines::Pipeline& pipeline,
                         std::string stream, Log log, QueryLimits limits, std::stop_token stop);

}  // namespace weir::worker
