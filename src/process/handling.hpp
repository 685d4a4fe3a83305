#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "process/unpacking.hpp"
#include "weir/base/log.hpp"
#include "weir/base/task.hpp"
#include "weir/pipeline/handler.hpp"
#include "weir/state/deduper.hpp"
#include "weir/stream/batch.hpp"

namespace weir::process {

/// A record that can't be handled. Views as in the batch.
struct FailedRecord {
  stream::RawRecord record;
  Origin origin;
  std::string code;
  std::string reason;
};
/// What came of a batch that a handler took.
struct HandledBatch {
  std::vector<FailedRecord> failed;  ///< in order
  std::size_t kept = 0;              ///< how many of them became dead letters, or were skipped
  UnpackCounts counts;
};

/// `HandlerCall::add`, and what user code throws there as the record's failure.
Result<void> add_event(pipelines::HandlerCall& call, const stream::EventId& id, const stream::RawRecord& record);
/// `HandlerCall::run`, and what user code throws there as an error.
Task<void> run_handler(pipelines::HandlerCall& call, std::vector<pipelines::Failure>& failures, std::stop_token stop);

/// Runs a pipeline's handler for what was read of a shard: claim, run, confirm (docs/delivery.md, "Foreign effects").
/// One loop's; for different shards at once. What it is made of must outlive it.
class Handling {
 public:
  using Attempt = std::function<Task<void>()>;
  struct Context {
    const pipelines::Pipeline* pipeline = nullptr;
    state::Deduper* deduper = nullptr;
    std::string stream;  ///< the source's name: "kinesis:flights"
    Log log;
    /// Tries again for as long as a failure may pass by itself.
    std::function<Task<void>(const Attempt& attempt, std::string_view what)> until_done;
    /// Ends what a handler waits for.
    std::function<std::stop_token()> stop;
  };

  explicit Handling(Context context);

  /// Completes when the handler has run for each record that did not fail, and that is on record. Where the pipeline's
  /// policy is to halt, nothing after the first record that fails has been decoded.
  Task<HandledBatch> run(const stream::Batch& batch, std::span<const stream::RawRecord> records);

 private:
  struct Call;  // records that go to the handler together

  bool is_full(const Call& call) const;
  bool add(const stream::ShardId& shard, const stream::RawRecord& record, Origin origin, Call& call,
           HandledBatch& outcome);
  Task<bool> add_all(const stream::ShardId& shard, std::span<const stream::RawRecord> records,
                     std::span<const Origin> origins, Call& call, HandledBatch& outcome);
  Task<void> finish(const stream::ShardId& shard, Call& call, HandledBatch& outcome);
  Task<void> claim(const stream::ShardId& shard, Call& call);
  Task<void> confirm(const stream::ShardId& shard, Call& call);

  Context context_;
  const bool halts_at_failures_;
};

}  // namespace weir::process
