#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/state/deduper.hpp"
#include "weir/stream/record.hpp"

namespace weir::pipelines {

/// A record as a handler is given it.
template <class T>
struct HandlerRecord : stream::Record<T> {
  /// The handler may have run for it before: the process ended, or the handler failed, before that was on record.
  bool may_be_repeat = false;
};

/// Records of one shard, in order. Views live until the handler's task completes.
template <class T>
class HandlerBatch {
 public:
  HandlerBatch(std::span<const HandlerRecord<T>> records, std::stop_token stop)
      : records_(records), stop_(std::move(stop)) {}

  /// One at least.
  std::span<const HandlerRecord<T>> records() const noexcept { return records_; }
  /// Asked to stop: the time to drain is over, what is not done now is left to the next start.
  const std::stop_token& stop() const noexcept { return stop_; }

  /// This record can never be handled: it gets what the pipeline does with records that fail. `reason`: a sentence,
  /// without the payload.
  void fail(std::size_t index, std::string code, std::string reason) {
    failures_.push_back({index, std::move(code), std::move(reason)});
  }
  std::vector<Failure>& failures() noexcept { return failures_; }

 private:
  std::span<const HandlerRecord<T>> records_;
  std::stop_token stop_;
  std::vector<Failure> failures_;
};

/// Records of one shard on their way through a handler. Used by one loop; each is used once.
class HandlerCall {
 public:
  virtual ~HandlerCall() = default;

  /// Decodes a record; one that fails is left out. What the views point into must outlive the call. User code may
  /// throw.
  virtual Result<void> add(const stream::EventId& id, const stream::RawRecord& record) = 0;
  /// Memory held beside the records.
  virtual std::size_t bytes() const noexcept = 0;
  /// What is known of the records added, in their order: those confirmed are left out now.
  virtual void claimed(std::span<const state::Claim> known) = 0;
  /// Runs the user's function, where a record is left. Run again, every record may be a repeat. `failures` are by
  /// the place in which a record was added. User code may throw.
  virtual Task<void> run(std::vector<Failure>& failures, std::stop_token stop) = 0;
};

/// What acts on the outside world for each record, type-erased. Any thread.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual std::unique_ptr<HandlerCall> begin() const = 0;
};

}  // namespace weir::pipelines

namespace weir {
using pipelines::HandlerBatch;
}  // namespace weir
