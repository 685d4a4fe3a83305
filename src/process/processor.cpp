// Taking in: what lies above a pipeline's own position, and how far.
#include <algorithm>
#include <utility>

#include "process/handling.hpp"
#include "process/processor_parts.hpp"
#include "process/unpacking.hpp"

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

// Completes when the round that is filling has room.
Task<void> Processor::wait_for_round() {
  while (full() && !failure_ && !halted_) {
    const auto ticket = written_.ticket();
    wake();
    static_cast<void>(co_await written_.wait(ticket, std::stop_token()));
  }
  if (failure_) {
    co_return *failure_;
  }
  if (halted_) {
    co_return *halted_;
  }
  co_return Result<void>();
}

Task<void> Processor::take_in(Shard& of, const stream::Batch& batch) {
  WEIR_CO_CHECK(co_await wait_for_round());
  auto records = not_taken_yet(of, batch.records);
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
  }
  bool looked = false;  // into the store, since the last record was taken
  while (!records.empty()) {
    if (policy_.on_failure == pipelines::OnFailure::dead_letter &&
        (looked || !context_.board->letter_room().is_known())) {
      WEIR_CO_CHECK(co_await count_stored_letters());
    }
    WEIR_CO_CHECK(co_await wait_for_round());
    const auto taken = take_some(batch, records, handled);
    if (failure_) {
      co_return *failure_;
    }
    if (taken > 0) {
      note_taken(of, batch, records.first(taken));
      records = records.subspan(taken);
      looked = false;
    } else if (policy_.on_failure == pipelines::OnFailure::dead_letter && !looked) {
      looked = true;  // some may have been replayed or dropped
    } else {
      halted_ = *no_room_;
      wake();
      co_return *halted_;
    }
  }
  auto& advance = advance_of(batch.shard, of);
  of.read_up_to = std::max(of.read_up_to, batch.read_up_to);
  advance.read_up_to = of.read_up_to;
  if (batch.end) {
    end(batch, of, advance);
  } else if (batch.behind && batch.behind->count() == 0) {
    context_.board->caught_up(batch.shard);
  }
  if (full()) {
    wake();
  }
  co_return Result<void>();
}

Task<void> Processor::count_stored_letters() {
  auto& room = context_.board->letter_room();
  const auto version = room.version();
  state::LetterSum stored;
  const Attempt look = [this, &stored]() -> Task<void> {
    WEIR_CO_TRY(stored, co_await context_.store->dead_letter_sum(context_.pipeline->name()));
    co_return Result<void>();
  };
  WEIR_CO_CHECK(co_await until_done(look, "counting the dead letters", abandon_, false));
  room.stored(stored, version);
  co_return Result<void>();
}

// The shard's step in the round that is filling.
state::ShardAdvance& Processor::advance_of(const stream::ShardId& id, Shard& of) {
  of.round = filling_->number;
  if (filling_->empty()) {
    filling_->started = context_.clock->elapsed();
    wake();
  }
  auto [advance, is_new] = filling_->advances.try_emplace(id);
  if (is_new) {
    advance->second.shard = id;
    advance->second.from = of.accepted;
    advance->second.to = of.accepted;
    advance->second.read_up_to = of.read_up_to;
  }
  return advance->second;
}

// These were folded, handled, or are among the round's dead letters.
void Processor::note_taken(Shard& of, const stream::Batch& batch, std::span<const stream::RawRecord> records) {
  auto& advance = advance_of(batch.shard, of);
  if (of.accepted.empty()) {
    of.read_up_to = std::min(of.read_up_to, batch.read_up_to);  // up to its start, or less: see ShardPosition
    advance.read_up_to = of.read_up_to;
  }
  of.accepted = stream::SequenceNumber(records.back().sequence_number);
  advance.to = of.accepted;
  advance.arrival = records.back().arrival;
  filling_->totals.records += records.size();
  for (const auto& record : records) {
    filling_->totals.bytes += record.data.size();
  }
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

}  // namespace weir::process
