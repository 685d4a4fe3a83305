// What the processor took in, on its way to the store.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "process/processor_parts.hpp"

namespace weir::process {

Duration Processor::until_due() const {
  const auto now = context_.clock->elapsed();
  if (!filling_->empty() && (closing_ || halted_ || settle_wanted_ || full())) {
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
  on_abandon_.emplace(abandon_, [this] { handlers_end_.request_stop(); });
  Result<void> ended;
  try {
    ended = co_await commit_rounds();
  } catch (const std::exception& exception) {  // the user's store or callback
    ended = refused("Exception", fmt::format("a commit ended in an exception: {}", exception.what()));
  }
  if (!ended) {
    give_up(ended.error());
  }
  co_return ended;
}

// Nothing of the round that is filling is written: what it holds is read again when the pipeline goes on.
void Processor::give_up(Error failure) {
  failure_ = std::move(failure);
  handlers_end_.request_stop();
  written_.notify();
}

Task<void> Processor::commit_rounds() {
  for (;;) {
    if (failure_) {  // nobody knows what was folded
      co_return *failure_;
    }
    const auto wait = until_due();
    if (wait > Duration(0)) {
      if (closing_ || halted_) {
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
    WEIR_CO_CHECK(co_await commit(last));
  }
  if (halted_) {
    co_return *halted_;
  }
  co_return Result<void>();
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
  if (of.accepted_end || (!gap.to.empty() && of.accepted >= gap.to) ||
      (gap.lost_before != Timestamp() && of.read_up_to > gap.lost_before)) {
    co_return Result<void>();  // others' loss: this pipeline had read what is gone
  }
  gap.from = std::max(gap.from, of.accepted);
  gap.accepted = is_accepted(gap, of);
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

// Whoever started this run was told of what was on record then. What was read since that was noticed is none of it: a
// quiet shard that is read for days, and then not for longer than the retention, loses anew after the same record.
bool Processor::is_accepted(const stream::Gap& gap, const Shard& of) const {
  const auto was_told = [&](const stream::Gap& other) {
    return other.shard == gap.shard && other.from == gap.from && of.read_up_to <= other.noticed;
  };
  return context_.on_gap == OnGap::go_on || (context_.accept_loss && std::ranges::any_of(gaps_at_start_, was_told));
}

void Processor::report(const stream::ShardStatus& status) {
  if (status.read_up_to != Timestamp()) {
    auto& of = shard(status.shard);
    if (!of.busy) {
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
  for (auto& [id, advance] : round.advances) {
    if (const auto& of = shard(id); of.round == round.number) {  // everything of it that was read by then is in here
      advance.read_up_to = std::max(advance.read_up_to, of.read_up_to);
    }
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
    WEIR_CO_CHECK(co_await until_done(copy, "copying dead letters", abandon_, true));
  }
  state::LetterSum letters;
  for (const auto& letter : made.dead_letters) {
    ++letters.letters;
    letters.bytes += letter.payload.size();
  }
  const auto began = context_.clock->elapsed();
  WEIR_CO_CHECK(co_await commit(made));
  context_.board->letter_room().committed(letters);
  context_.board->commit_took(context_.clock->elapsed() - began);
  context_.board->count_commit(round.totals);
  co_return Result<void>();
}

Task<void> Processor::commit(const state::Commit& commit) {
  const Attempt attempt = [this, &commit] { return context_.store->commit(commit); };
  co_return co_await until_done(attempt, "a commit", abandon_, true);
}

// A transient failure is no reason to lose or to count twice: the shards wait, and it is said.
Task<void> Processor::until_done(const Attempt& attempt, std::string_view what, std::stop_token give_up,
                                 bool of_commit) {
  Backoff backoff{Backoff::Options(), Random(random_())};
  for (;;) {
    auto done = co_await attempt();
    if (done || done.error().next != Next::retry) {
      if (backoff.failures() > 0 && done && context_.log) {
        context_.log(LogLevel::info, fmt::format("{} succeeded after {} failures", what, backoff.failures()));
      }
      co_return done;
    }
    context_.board->store_trouble(fmt::format("{}: {}", what, to_string(done.error())));
    if (of_commit) {
      context_.board->count_commit_retry();
    }
    // What lasts is on the board for as long as it does, and need not fill a log.
    if (context_.log) {
      context_.log(backoff.failures() == 0 ? LogLevel::warning : LogLevel::debug,
                   fmt::format("{} is tried again: {}", what, to_string(done.error())));
    }
    // Who abandons hears why there was something to abandon.
    auto slept = co_await context_.clock->sleep(backoff.next(), give_up);
    if (!slept) {
      co_return done;
    }
  }
}

void Processor::settle(Round& round) {
  for (auto& [id, advance] : round.advances) {
    auto& of = shard(id);
    of.durable = advance.to;
    of.read_up_to_stored =
        advance.from.empty() ? advance.read_up_to : std::max(of.read_up_to_stored, advance.read_up_to);
    context_.board->committed(id, advance.to);
  }
  round.clear();
  rounds_written_ = round.number;
  written_.notify();
}

}  // namespace weir::process
