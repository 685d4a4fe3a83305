// Taking in: what lies above a pipeline's own position, folded or handled, and what fails of it.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "process/folding.hpp"
#include "process/handling.hpp"
#include "process/processor_parts.hpp"
#include "process/unpacking.hpp"
#include "weir/process/letters.hpp"

namespace weir::process {

Processor::Processor(Context context, const stream::Positions& positions, const stream::Positions& read_from)
    : context_(std::move(context)),
      policy_(context_.pipeline->failure_policy()),
      start_(positions.start),
      read_from_start_(read_from.start == positions.start),
      gaps_at_start_(positions.gaps),
      folder_(context_.pipeline->make_folder()),
      filling_(std::make_unique<Round>()),
      writing_(std::make_unique<Round>()),
      random_(context_.seed),
      observed_at_(context_.clock->elapsed()) {
  filling_->deltas = folder_->make_deltas();
  writing_->deltas = folder_->make_deltas();
  filling_->number = 1;
  if (context_.pipeline->handler() != nullptr) {
    Handling::Context handling;
    handling.pipeline = context_.pipeline;
    handling.deduper = context_.deduper;
    handling.stream = context_.stream;
    handling.log = context_.log;
    handling.until_done = [this](const Attempt& attempt, std::string_view what) {
      return until_done(attempt, what, handlers_end_.get_token(), false);
    };
    handling.stop = [this] { return handlers_end_.get_token(); };
    on_halt_.emplace(context_.board->halting(), [this] { handlers_end_.request_stop(); });
    handling_ = std::make_unique<Handling>(std::move(handling));
  } else if (context_.pipeline->unpacks_kpl()) {
    unpacking_ = std::make_unique<Unpacking>();
  }
  for (const auto& [id, position] : positions.shards) {
    const auto read = read_from.shards.find(id);
    learn(shard(id), position, read == read_from.shards.end() ? nullptr : &read->second);
    context_.board->learn(id, position);
  }
}

void Processor::learn(Shard& of, const stream::ShardPosition& position, const stream::ShardPosition* read_from) const {
  of.known = true;
  of.accepted = position.after;
  of.durable = position.after;
  of.accepted_end = position.ended;
  of.read_up_to = position.read_up_to;
  of.read_up_to_stored = position.read_up_to;
  const bool as_stored = read_from == nullptr || (read_from->after.empty() && read_from->from_start);
  of.before_start = position.from_start && !(read_from_start_ && as_stored);
}

bool Processor::knows(std::string_view id) const {
  const auto at = shards_.find(id);
  return (at != shards_.end() && at->second.known) || context_.board->find(id);
}

bool Processor::wants(const stream::ShardId& id, const stream::ShardPosition& position) const {
  using Type = stream::Start::Type;
  if (!start_ || (start_->type != Type::at_sequence_number && start_->type != Type::after_sequence_number)) {
    return true;
  }
  return (position.from_start && id == start_->shard) ||
         std::ranges::any_of(position.parents, [this](const stream::ShardId& parent) { return knows(parent); });
}

Processor::~Processor() = default;

Processor::Shard& Processor::shard(const stream::ShardId& id) { return shards_.try_emplace(id).first->second; }

bool Processor::full() const {
  return filling_->totals.records + filling_->totals.user_records >= context_.limits.records_max ||
         filling_->deltas->bytes() + filling_->dead_letter_bytes >= context_.limits.bytes_max;
}

Task<void> Processor::accept(stream::Batch batch) { co_return co_await take(batch); }

void Processor::expect(const stream::ShardId& id) { shard(id).busy = true; }

Task<void> Processor::take(const stream::Batch& batch) {
  auto& of = shard(batch.shard);
  if (!of.known) {  // another loop may have heard of it
    if (const auto learnt = context_.board->find(batch.shard)) {
      learn(of, *learnt, nullptr);
    }
  }
  of.busy = true;
  context_.board->taking(batch.shard, true);
  auto taken = co_await take_in(of, batch);
  context_.board->taking(batch.shard, false);
  of.busy = false;
  co_return taken;
}

// What lies above the last record taken in; where there is none yet, and reading began before the pipeline's start,
// from that start on.
std::span<const stream::RawRecord> Processor::not_taken_yet(const Shard& of,
                                                            std::span<const stream::RawRecord> records) const {
  const auto above = [&records](std::string_view number, bool with_it) {
    const auto first = std::partition_point(records.begin(), records.end(), [&](const stream::RawRecord& record) {
      const auto order = stream::compare_sequence_numbers(record.sequence_number, number);
      return with_it ? order < 0 : order <= 0;
    });
    return records.subspan(static_cast<std::size_t>(first - records.begin()));
  };
  if (!of.before_start || !of.accepted.empty()) {
    return above(of.accepted.text(), false);
  }
  switch (start_->type) {
    case stream::Start::Type::trim_horizon:
      break;
    case stream::Start::Type::at_timestamp: {
      const auto first = std::ranges::find_if(
          records, [this](const stream::RawRecord& record) { return record.arrival >= start_->timestamp; });
      return records.subspan(static_cast<std::size_t>(first - records.begin()));
    }
    case stream::Start::Type::at_sequence_number:
      return above(start_->sequence_number.text(), true);
    case stream::Start::Type::after_sequence_number:
      return above(start_->sequence_number.text(), false);
  }
  return records;
}

Task<void> Processor::take_in(Shard& of, const stream::Batch& batch) {
  while (full() && !failure_) {
    const auto ticket = written_.ticket();
    wake();
    static_cast<void>(co_await written_.wait(ticket, std::stop_token()));
  }
  if (failure_) {
    co_return *failure_;
  }
  const auto records = not_taken_yet(of, batch.records);
  if (of.accepted_end || (records.empty() && !batch.end)) {
    if (batch.behind && batch.behind->count() == 0) {
      context_.board->caught_up(batch.shard);
    }
    co_return Result<void>();
  }
  // Before anything is noted in the round, which may be another one afterwards.
  HandledBatch handled;
  if (handling_ && !records.empty()) {
    auto done = co_await handling_->run(batch, records);
    if (!done && done.error().is_stopped()) {  // no reason for the read to go on as if this had been handled
      co_return refused("HandlerStopped", "the handler was stopped before it was done; its records come again");
    }
    WEIR_CO_TRY(handled, std::move(done));
    if (failure_) {
      co_return *failure_;
    }
  }
  of.round = filling_->number;
  if (filling_->empty()) {
    filling_->started = context_.clock->elapsed();
    wake();
  }
  auto [advance, is_new] = filling_->advances.try_emplace(batch.shard);
  if (is_new) {
    advance->second.shard = batch.shard;
    advance->second.from = of.accepted;
    advance->second.to = of.accepted;
  }
  if (!records.empty()) {
    if (handling_) {
      take_handled(batch, handled);
    } else if (unpacking_) {
      unpack(batch, records);
    } else {
      fold(batch, records, {});
    }
    if (failure_) {
      co_return *failure_;
    }
    if (of.accepted.empty()) {
      of.read_up_to = std::min(of.read_up_to, batch.read_up_to);  // up to its start, or less: see ShardPosition
    }
    of.accepted = stream::SequenceNumber(records.back().sequence_number);
    advance->second.to = of.accepted;
    advance->second.arrival = records.back().arrival;
    filling_->totals.records += records.size();
    for (const auto& record : records) {
      filling_->totals.bytes += record.data.size();
    }
  }
  of.read_up_to = std::max(of.read_up_to, batch.read_up_to);
  advance->second.read_up_to = of.read_up_to;
  if (batch.end) {
    end(batch, of, advance->second);
  } else if (batch.behind && batch.behind->count() == 0) {
    context_.board->caught_up(batch.shard);
  }
  if (full()) {
    wake();
  }
  co_return Result<void>();
}

void Processor::end(const stream::Batch& batch, Shard& of, state::ShardAdvance& advance) {
  of.accepted_end = true;
  advance.ended = true;
  for (const auto& child : *batch.end) {
    stream::ShardPosition position;
    position.parents = child.parents;
    position.read_up_to = child.born_after;
    position.hash_range = child.hash_range;
    context_.board->learn(child.id, position);
    filling_->children.emplace_back(child.id, std::move(position));
  }
}

void Processor::take_handled(const stream::Batch& batch, HandledBatch& handled) {
  count(handled.counts);
  for (auto& failed : handled.failed) {
    fail(batch, failed.record, failed.origin, std::move(failed.code), std::move(failed.reason));
    if (failure_) {
      return;
    }
  }
}

void Processor::unpack(const stream::Batch& batch, std::span<const stream::RawRecord> records) {
  unpacking_->begin(records, batch.hash_range);
  while (!failure_ && unpacking_->next()) {
    fold(batch, unpacking_->records(), unpacking_->origins());
  }
  count(unpacking_->counts());
}

void Processor::count(const UnpackCounts& counts) {
  auto& totals = filling_->totals;
  totals.user_records += counts.user_records;
  totals.misplaced += counts.misplaced;
  totals.unfiltered += counts.unfiltered;
  totals.broken_aggregates += counts.broken;
}

void Processor::fold(const stream::Batch& batch, std::span<const stream::RawRecord> records,
                     std::span<const Origin> origins) {
  fold_all(
      *folder_, records, *filling_->deltas, failures_, [&](std::size_t index, std::string code, std::string reason) {
        fail(batch, records[index], origins.empty() ? Origin() : origins[index], std::move(code), std::move(reason));
        return !failure_;
      });
}

void Processor::fail(const stream::Batch& batch, const stream::RawRecord& record, Origin origin, std::string code,
                     std::string reason) {
  if (policy_.on_failure == pipelines::OnFailure::skip) {
    ++filling_->totals.skipped;
    return;
  }
  state::DeadLetter letter;
  letter.shard = batch.shard;
  letter.sequence_number = stream::SequenceNumber(record.sequence_number);
  letter.sub = origin.sub;
  letter.unpacked = origin.unpacked;
  letter.partition_key = record.partition_key;
  letter.arrival = record.arrival;
  letter.code = std::move(code);
  letter.reason = std::move(reason);
  if (policy_.on_failure == pipelines::OnFailure::halt) {
    halt_at(letter);
    return;
  }
  letter.payload = record.data;
  tell(letter);
  filling_->dead_letter_bytes += letter.payload.size() + sizeof(letter);
  filling_->dead_letters.push_back(std::move(letter));
}

// Nothing of this round is written: what it holds is read again when the pipeline goes on.
void Processor::halt_at(const state::DeadLetter& letter) {
  give_up(
      refused("FailedRecord", fmt::format("record {} failed ({}: {}), and the pipeline's policy is to halt",
                                          event_id_text(context_.stream, letter.id()), letter.code, letter.reason)));
  wake();
}

// Whoever only listens cannot stop the count.
void Processor::tell(const state::DeadLetter& letter) const {
  if (!context_.on_dead_letter) {
    return;
  }
  try {
    context_.on_dead_letter(letter);
  } catch (const std::exception& exception) {
    if (context_.log) {
      context_.log(LogLevel::error, fmt::format("on_dead_letter threw an exception: {}", exception.what()));
    }
  }
}

}  // namespace weir::process
