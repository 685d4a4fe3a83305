#pragma once

#include <span>
#include <stop_token>
#include <string>

#include "cli/put_entries.hpp"
#include "weir/state/store.hpp"

namespace weir::cli {

/// Puts dead letters into a stream, payloads as they were, under their partition keys: at least once each,
/// since a commit that is tried again copies again. Called from a worker's loops, several at a time. What
/// it is given must outlive it.
class DeadLetterCopies {
 public:
  DeadLetterCopies(api::KinesisApi& api, Clock& clock, std::string stream)
      : api_(api), clock_(clock), stream_(std::move(stream)) {}

  /// Fails with `retry` where trying again may help.
  Task<void> copy(std::span<const state::DeadLetter> letters, std::stop_token stop);

 private:
  api::KinesisApi& api_;
  Clock& clock_;
  const std::string stream_;
};

}  // namespace weir::cli
