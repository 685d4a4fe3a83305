#include "weir/process/processor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "process/folding.hpp"
#include "process/unpacking.hpp"
#include "weir/process/letters.hpp"

namespace weir::process {
namespace {

// Tries of one commit after a stop was asked for, before its changes are abandoned (they are read again
// after a restart).
constexpr std::uint32_t tries_when_closing_max = 3;

}  // namespace

struct Processor::Shard {
  bool known = false;         // one of the pipeline's
  bool before_start = false;  // reading begins before the pipeline's own start
  stream::SequenceNumber accepted;  // the last record taken in
  bool accepted_end = false;
  stream::SequenceNumber durable;  // the last record committed
  Timestamp read_up_to{};
  Timestamp read_up_to_stored{};
  std::uint64_t round = 0;  // the round that holds the last change of this shard
  bool busy = false;        // a batch was handed over and is not taken in yet
};

// What one commit will hold.
struct Processor::Round {
  std::uint64_t number = 0;
  std::unique_ptr<pipelines::Deltas> deltas;
  std::map<stream::ShardId, state::ShardAdvance, std::less<>> advances;
  std::vector<std::pair<stream::ShardId, stream::ShardPosition>> children;
  std::vector<state::DeadLetter> dead_letters;
  std::size_t dead_letter_bytes = 0;
  Board::Totals totals;
  Duration started{0};  // when its first change came

  bool empty() const noexcept { return advances.empty(); }
  void clear() {
    deltas->clear();
    advances.clear();
    children.clear();
    dead_letters.clear();
    dead_letter_bytes = 0;
    totals = Board::Totals();
  }
};

Processor::Processor(Context context, const stream::Positions& positions, const stream::Positions& read_from)
    : context_(std::move(context)),
      policy_(context_.pipeline->failure_policy()),
      start_(positions.start),
      read_from_start_(read_from.start == positions.start),
      folder_(context_.pipeline->make_folder()),
      filling_(std::make_unique<Round>()),
      writing_(std::make_unique<Round>()),
      random_(context_.seed),
      observed_at_(context_.clock->elapsed()) {
  filling_->deltas = folder_->make_deltas();
  writing_->deltas = folder_->make_deltas();
  filling_->number = 1;
  if (context_.pipeline->unpacks_kpl()) {
    unpacking_ = std::make_unique<Unpacking>();
  }
  std::ranges::copy_if(positions.gaps, std::back_inserter(accepted_gaps_), &stream::Gap::accepted);
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

Duration Processor::until_due() const {
  const auto now = context_.clock->elapsed();
  if (!filling_->empty() && (closing_ || settle_wanted_ || full())) {
    return Duration(0);
  }
  const auto observe = observed_at_ + context_.observe_interval - now;
  const auto age = filling_->started + context_.limits.age_max - now;
  return std::max(Duration(0), filling_->empty() ? observe : std::min(age, observe));
}

void Processor::wake() { nap_.request_stop(); }

void Processor::close() {
  closing_ = true;
  wake();
}

Task<void> Processor::run(std::stop_token abandon) {
  abandon_ = std::move(abandon);
  Result<void> ended;
  try {
    ended = co_await commit_rounds();
  } catch (const std::exception& exception) {  // the user's store or callback
    ended = refused("Exception", fmt::format("a commit ended in an exception: {}", exception.what()));
  }
  if (!ended) {
    failure_ = ended.error();
    written_.notify();
  }
  co_return ended;
}

Task<void> Processor::commit_rounds() {
  for (;;) {
    if (failure_) {  // what was folded beside the record that halts it must not be written
      co_return *failure_;
    }
    const auto wait = until_due();
    if (wait > Duration(0)) {
      if (closing_) {
        break;
      }
      nap_ = std::stop_source();
      // Waking early is what `nap_` is for: either way, look again.
      static_cast<void>(co_await context_.clock->sleep(wait, nap_.get_token()));
      continue;
    }
    settle_wanted_ = false;
    std::swap(filling_, writing_);
    filling_->number = writing_->number + 1;
    WEIR_CO_CHECK(co_await write(*writing_));
    settle(*writing_);
  }
  // Quiet shards' last notes, so that a restart knows how far they were read.
  state::Commit last;
  last.pipeline = context_.pipeline->name();
  last.stream = context_.stream;
  observe(last);
  if (!last.observed.empty()) {
    co_return co_await commit(last);
  }
  co_return Result<void>();
}

Task<void> Processor::accept(stream::Batch batch) { co_return co_await take(batch); }

Task<void> Processor::take(const stream::Batch& batch) {
  auto& of = shard(batch.shard);
  if (!of.known) {  // another loop may have heard of it
    if (const auto learnt = context_.board->find(batch.shard)) {
      learn(of, *learnt, nullptr);
    }
  }
  of.busy = true;
  auto taken = co_await take_in(of, batch);
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
    if (unpacking_) {
      unpack(batch, records);
    } else {
      fold(batch, records, {});
    }
    if (failure_) {
      co_return *failure_;
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

void Processor::unpack(const stream::Batch& batch, std::span<const stream::RawRecord> records) {
  const auto counts = unpacking_->each_part(
      records, batch.hash_range,
      [&](std::span<const stream::RawRecord> users, std::span<const Origin> origins) { fold(batch, users, origins); });
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
  failure_ =
      refused("FailedRecord", fmt::format("record {} failed ({}: {}), and the pipeline's policy is to halt",
                                          event_id_text(context_.stream, letter.id()), letter.code, letter.reason));
  written_.notify();
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

Task<void> Processor::settled(const stream::ShardId& id) {
  const auto round = shard(id).round;
  while (rounds_written_ < round && !failure_) {
    const auto ticket = written_.ticket();
    settle_wanted_ = true;
    wake();
    static_cast<void>(co_await written_.wait(ticket, std::stop_token()));
  }
  if (failure_) {
    co_return *failure_;
  }
  co_return Result<void>();
}

Task<void> Processor::discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards) {
  state::Commit found;
  found.pipeline = context_.pipeline->name();
  found.stream = context_.stream;
  found.discovered = std::move(shards);
  found.sync = true;
  WEIR_CO_CHECK(co_await commit(found));
  for (const auto& [id, position] : found.discovered) {
    context_.board->learn(id, position);
  }
  co_return Result<void>();
}

Task<void> Processor::gap(stream::Gap gap) {
  const auto& of = shard(gap.shard);
  if (of.accepted_end || (!gap.to.empty() && of.accepted >= gap.to)) {
    co_return Result<void>();  // others' loss: this pipeline had read what is gone
  }
  gap.from = std::max(gap.from, of.accepted);
  const auto same = [&gap](const stream::Gap& other) { return other.shard == gap.shard && other.from == gap.from; };
  // The loss after this position was accepted; that retention has gone on since changes nothing.
  gap.accepted = context_.on_gap == OnGap::go_on || std::ranges::any_of(accepted_gaps_, same);
  state::Commit noted;
  noted.pipeline = context_.pipeline->name();
  noted.stream = context_.stream;
  noted.gaps.push_back(gap);
  noted.sync = true;
  WEIR_CO_CHECK(co_await commit(noted));
  if (!gap.accepted) {
    co_return refused("Gap", gap.reason);  // `on_gap` may say otherwise
  }
  co_return Result<void>();
}

void Processor::report(const stream::ShardStatus& status) {
  if (status.read_up_to != Timestamp()) {
    auto& of = shard(status.shard);
    if (!of.busy && of.round <= rounds_written_) {
      of.read_up_to = std::max(of.read_up_to, status.read_up_to);
    }
  }
  context_.board->report(status);
}

state::Commit Processor::make_commit(Round& round) {
  state::Commit commit;
  commit.pipeline = context_.pipeline->name();
  commit.stream = context_.stream;
  commit.discovered = round.children;
  for (const auto& [id, advance] : round.advances) {
    commit.advances.push_back(advance);
  }
  round.deltas->encode(commit.rows);
  commit.dead_letters = std::move(round.dead_letters);
  if (!commit.dead_letters.empty()) {
    commit.dead_letters_max = state::LetterSum{policy_.letters_max, policy_.letter_bytes_max};
  }
  observe(commit);
  return commit;
}

// Notes how far quiet shards were read, where the stored note is older than the interval.
void Processor::observe(state::Commit& commit) {
  observed_at_ = context_.clock->elapsed();
  for (auto& [id, of] : shards_) {
    const bool quiet = !of.busy && of.round <= rounds_written_ && !of.accepted_end;
    if (quiet && (of.read_up_to >= of.read_up_to_stored + context_.observe_interval ||
                  (closing_ && of.read_up_to > of.read_up_to_stored))) {
      of.read_up_to_stored = of.read_up_to;
      commit.observed.emplace_back(id, of.read_up_to);
    }
  }
}

Task<void> Processor::write(Round& round) {
  auto made = make_commit(round);
  if (made.advances.empty() && made.observed.empty()) {
    co_return Result<void>();
  }
  round.totals.dead_letters = made.dead_letters.size();
  if (!made.dead_letters.empty() && context_.copy_dead_letters) {
    const Attempt copy = [this, &made] { return context_.copy_dead_letters(made.dead_letters, abandon_); };
    WEIR_CO_CHECK(co_await until_done(copy, "copying dead letters"));
  }
  const auto began = context_.clock->elapsed();
  WEIR_CO_CHECK(co_await commit(made));
  context_.board->commit_took(context_.clock->elapsed() - began);
  context_.board->count_commit(round.totals);
  co_return Result<void>();
}

Task<void> Processor::commit(const state::Commit& commit) {
  const Attempt attempt = [this, &commit] { return context_.store->commit(commit); };
  co_return co_await until_done(attempt, "a commit");
}

// A transient failure is no reason to lose or to count twice: the shards wait, and it is said.
Task<void> Processor::until_done(const Attempt& attempt, std::string_view what) {
  Backoff backoff{Backoff::Options(), Random(random_())};
  for (;;) {
    auto done = co_await attempt();
    if (done || done.error().next != Next::retry) {
      co_return done;
    }
    context_.board->store_trouble(fmt::format("{}: {}", what, to_string(done.error())));
    context_.board->count_commit_retry();
    if (context_.log) {
      context_.log(LogLevel::warning, fmt::format("{} is tried again: {}", what, to_string(done.error())));
    }
    const bool give_up = closing_ && backoff.failures() + 1 >= tries_when_closing_max;
    if (give_up) {
      co_return done;
    }
    // Who abandons hears why there was something to abandon.
    auto slept = co_await context_.clock->sleep(backoff.next(), abandon_);
    if (!slept) {
      co_return done;
    }
  }
}

void Processor::settle(Round& round) {
  for (auto& [id, advance] : round.advances) {
    auto& of = shard(id);
    of.durable = advance.to;
    of.read_up_to_stored = std::max(of.read_up_to_stored, advance.read_up_to);
    context_.board->committed(id, advance.to);
  }
  round.clear();
  rounds_written_ = round.number;
  written_.notify();
}

}  // namespace weir::process
