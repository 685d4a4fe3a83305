#include "process/handling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace weir::process {
namespace {

// A GetRecords reply has up to 10,000 records (API reference), but its user records may be many more, and payloads
// are decompressed for as long as a handler has them.
constexpr std::size_t call_events_max = 10'000;
constexpr std::size_t call_bytes_max = std::size_t{64} * 1024 * 1024;

state::ShardEvent event_of(const stream::RawRecord& record, const Origin& origin) {
  return {stream::SequenceNumber(record.sequence_number), origin.unpacked, origin.sub};
}

}  // namespace

Result<void> add_event(pipelines::HandlerCall& call, const stream::EventId& id, const stream::RawRecord& record) {
  try {
    return call.add(id, record);
  } catch (const std::bad_alloc&) {
    throw;  // no fault of the record
  } catch (const std::exception& exception) {
    return corrupt("Exception", fmt::format("the pipeline's own code threw: {}", exception.what()));
  } catch (...) {  // user code may throw anything; the record is kept
    return corrupt("Exception", "the pipeline's own code threw an exception that is no std::exception");
  }
}

Task<void> run_handler(pipelines::HandlerCall& call, std::vector<pipelines::Failure>& failures, std::stop_token stop) {
  failures.clear();
  std::string thrown;
  try {
    co_return co_await call.run(failures, std::move(stop));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {  // user code may throw anything; the pipeline halts
    thrown = "an exception that is no std::exception";
  }
  co_return refused("Exception", fmt::format("the handler threw: {}", thrown));
}

struct Handling::Call {
  explicit Call(const pipelines::Handler& from) : handler(from), call(handler.begin()) {}

  void clear() {
    call = handler.begin();
    events.clear();
    records.clear();
  }

  const pipelines::Handler& handler;
  std::unique_ptr<pipelines::HandlerCall> call;
  // In the order in which they were added.
  std::vector<state::ShardEvent> events;
  std::vector<std::pair<stream::RawRecord, Origin>> records;
  std::vector<state::Claim> known;
  std::vector<pipelines::Failure> failures;
};

Handling::Handling(Context context)
    : context_(std::move(context)),
      halts_at_failures_(context_.pipeline->failure_policy().on_failure == pipelines::OnFailure::halt) {}

Task<HandledBatch> Handling::run(const stream::Batch& batch, std::span<const stream::RawRecord> records) {
  HandledBatch outcome;
  Call call(*context_.pipeline->handler());
  if (!context_.pipeline->unpacks_kpl()) {
    const std::span<const Origin> as_they_came;
    WEIR_CO_CHECK(co_await add_all(batch.shard, records, as_they_came, call, outcome));
  } else {
    Unpacking unpacking;
    unpacking.begin(records, batch.hash_range);
    while (unpacking.next()) {
      WEIR_CO_TRY(const bool goes_on,
                  co_await add_all(batch.shard, unpacking.records(), unpacking.origins(), call, outcome));
      if (!goes_on) {
        break;
      }
    }
    outcome.counts = unpacking.counts();
  }
  WEIR_CO_CHECK(co_await finish(batch.shard, call, outcome));
  std::ranges::sort(outcome.failed, {},
                    [](const FailedRecord& failed) { return event_of(failed.record, failed.origin); });
  co_return outcome;
}

// Whether to go on: false after a failure at which the pipeline halts.
Task<bool> Handling::add_all(const stream::ShardId& shard, std::span<const stream::RawRecord> records,
                             std::span<const Origin> origins, Call& call, HandledBatch& outcome) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (is_full(call)) {
      WEIR_CO_CHECK(co_await finish(shard, call, outcome));
      if (halts_at_failures_ && !outcome.failed.empty()) {
        co_return false;
      }
    }
    const bool added = add(shard, records[i], origins.empty() ? Origin() : origins[i], call, outcome);
    if (!added && halts_at_failures_) {
      co_return false;
    }
  }
  co_return true;
}

bool Handling::is_full(const Call& call) const {
  return call.events.size() >= call_events_max || call.call->bytes() >= call_bytes_max;
}

bool Handling::add(const stream::ShardId& shard, const stream::RawRecord& record, Origin origin, Call& call,
                   HandledBatch& outcome) {
  stream::EventId id;
  id.stream = std::string_view(context_.stream).substr(context_.stream.find(':') + 1);
  id.shard = shard;
  id.sequence_number = record.sequence_number;
  id.sub = origin.sub;
  id.unpacked = origin.unpacked;
  const auto added = add_event(*call.call, id, record);
  if (!added) {
    outcome.failed.push_back({record, origin, added.error().code, added.error().message});
    return false;
  }
  call.events.push_back(event_of(record, origin));
  call.records.emplace_back(record, origin);
  return true;
}

// Claims, runs, confirms what was added.
Task<void> Handling::finish(const stream::ShardId& shard, Call& call, HandledBatch& outcome) {
  if (call.events.empty()) {
    co_return Result<void>();
  }
  const Attempt claiming = [this, &shard, &call] { return claim(shard, call); };
  WEIR_CO_CHECK(co_await context_.until_done(claiming, "claiming for the handler"));
  const auto unsure = std::ranges::count(call.known, state::Claim::unsure);
  if (unsure > 0 && context_.log) {
    context_.log(LogLevel::warning,
                 fmt::format("{}: {} may be handled a second time: their handler had begun when the process ended",
                             shard, unsure == 1 ? "a record" : fmt::format("{} records", unsure)));
  }
  call.call->claimed(call.known);
  const Attempt running = [this, &call] { return run_handler(*call.call, call.failures, context_.stop()); };
  WEIR_CO_CHECK(co_await context_.until_done(running, "the handler"));
  // What failed stays unconfirmed: should its dead letter not be committed, it fails again.
  std::vector<bool> failed(call.events.size());
  for (auto& failure : call.failures) {
    if (!failed.at(failure.index)) {
      failed[failure.index] = true;
      const auto& [record, origin] = call.records[failure.index];
      outcome.failed.push_back({record, origin, std::move(failure.code), std::move(failure.reason)});
    }
  }
  std::size_t at = 0;
  std::erase_if(call.events, [&](const state::ShardEvent& /*event*/) { return failed[at++]; });
  const Attempt confirming = [this, &shard, &call] { return confirm(shard, call); };
  WEIR_CO_CHECK(co_await context_.until_done(confirming, "confirming for the handler"));
  call.clear();
  co_return Result<void>();
}

Task<void> Handling::claim(const stream::ShardId& shard, Call& call) {
  WEIR_CO_TRY(call.known,
              co_await context_.deduper->claim(context_.pipeline->name(), context_.stream, shard, call.events));
  co_return Result<void>();
}

Task<void> Handling::confirm(const stream::ShardId& shard, Call& call) {
  if (call.events.empty()) {
    co_return Result<void>();
  }
  co_return co_await context_.deduper->confirm(context_.pipeline->name(), context_.stream, shard, call.events);
}

}  // namespace weir::process
