// Whether what ended, what is stored and what is missing can be answered for.
#include <fmt/format.h>

#include <algorithm>

#include "simulation/world.hpp"
#include "weir/process/letters.hpp"

namespace weir::simulation {

void World::judge_end(const Life& life) {
  const auto& ended = *life.outcome;
  if (!ended) {
    judge_error(life, ended.error());
    return;
  }
  say("ended");
  if (!life.stop_asked && !life.options.until_caught_up) {
    problem("the process ended by itself");
  }
  if (life.changed) {
    problem("it ran by a definition that is not the stored one");
  }
  for (const auto& report : *ended) {
    if (report.halted) {
      judge_error(life, *report.halted);
    }
  }
}

// Had it to end so, or to halt so?
void World::judge_error(const Life& life, const Error& error) {
  ++outcome_.refusals;
  say(fmt::format("ended: {}", to_string(error)));
  if (error.code == "Gap") {
    (random_.below(2) == 0 ? accept_losses_ : go_on_after_gaps_) = true;
    if (life.options.on_gap == process::OnGap::go_on) {
      problem("it halts at a gap though it was told to go on");
    }
  } else if (error.code == "StreamRecreated") {
    if (histories_.size() < 2) {
      problem("it takes the stream for another one");
    }
    say("a new state");
    new_store();
  } else if ((error.code == "FailedRecord" || error.code == "DeadLettersFull") && !life.strict.empty()) {
    check_halt(life, error);
  } else if (error.code == "DefinitionChanged" && life.changed) {
    return;
  } else if (life.stop_asked && error.is_stopped()) {
    return;  // before it had begun
  } else if (life.stop_asked && error.code == Effects::away) {
    return;  // it is tried again a few times, then the next life does
  } else if (life.link.met_fault && (error.next == Next::retry || error.code == "StoreBroken")) {
    return;
  } else if (!(faults_may_end_it_ && error.next == Next::retry)) {
    problem(fmt::format("it ends without a cause: {}", to_string(error)));
  }
}

// All before the record that it names is counted, but what retention took, and it is not.
void World::check_halt(const Life& life, const Error& error) {
  if (life.link.met_fault) {
    return;
  }
  constexpr std::string_view begins = "record ";
  const auto text = std::string_view(error.message).substr(begins.size());
  const auto at = process::parse_event_id(source_name, text.substr(0, text.find(' ')));
  if (!at) {
    problem(fmt::format("it halts and does not say where: {}", error.message));
    return;
  }
  const auto is_before = [&](const Counted& counted) {
    const auto positions = now(store_->positions(counted.name(), source_name));
    const auto* history = history_of(positions.stream);
    const auto shard = positions.shards.find(at->shard);
    if (history == nullptr || shard == positions.shards.end()) {
      return false;
    }
    const auto logged = std::ranges::find(history->shards, at->shard, &emulator::Kinesis::LoggedShard::id);
    return logged != history->shards.end() && shard->second.after < at->sequence_number &&
           std::ranges::none_of(logged->records, [&](const auto& record) {
             const stream::SequenceNumber number(record.sequence_number);
             return !shard->second.after.empty() && shard->second.after < number && number < at->sequence_number &&
                    record.arrival + history->retention >= time_.now();
           });
  };
  if (std::ranges::none_of(life.strict, [&](const auto& strict) { return is_before(counted_[strict.first]); })) {
    problem(fmt::format("it has not counted all before the record at which it halts: {}", error.message));
  }
}

void World::check_totals() {
  for (const auto& counted : counted_) {
    if (outcome_.problems.empty()) {
      check_totals_of(counted);
    }
  }
}

void World::check_totals_of(const Counted& counted) {
  const auto& pipeline = *counted.pipeline();
  const auto positions = now(store_->positions(pipeline.name(), source_name));
  check_gaps(counted, positions);
  const auto* history = history_of(positions.stream);
  if (history == nullptr) {
    if (positions.stream) {
      problem("the positions belong to a stream that never was");
    }
    return;
  }
  Totals found;
  constexpr std::size_t all = 1'000'000;
  const auto rows = now(store_->scan(pipeline.name(), "", "", all));
  for (const auto& row : rows) {
    pipeline.print_json(row.key, row.value, found.rows[row.key]);
  }
  const auto letters = now(store_->dead_letters(pipeline.name(), source_name, nullptr, all));
  for (const auto& letter : letters) {
    found.dead_letters.emplace(letter.shard, letter.sequence_number.text());
  }
  outcome_.gaps = std::max<std::uint64_t>(outcome_.gaps, positions.gaps.size());
  const auto expected = expected_totals(counted.definitions, positions, *history);
  if (counted.effects) {
    check_handled(counted, expected, found);
  }
  if (const auto text = difference(expected, found); !text.empty()) {
    tell_positions(positions, *history);
    problem(fmt::format("the totals of {} are not those of the records at or below its positions: {}", pipeline.name(),
                        text));
  }
}

// Nobody but who is told of a loss may accept it.
void World::check_gaps(const Counted& counted, const stream::Positions& positions) {
  for (const auto& gap : positions.gaps) {
    if (gap.accepted && !may_accept_ && std::ranges::find(counted.gaps, gap) == counted.gaps.end()) {
      problem(fmt::format("{}: a loss in {} is accepted, and nobody said so", counted.name(), gap.shard));
    }
    const auto same = [&gap](const stream::Gap& other) { return other.shard == gap.shard && other.from == gap.from; };
    if (std::ranges::count_if(positions.gaps, same) > 1) {
      problem(fmt::format("{}: one loss in {} is more than one gap on record", counted.name(), gap.shard));
    }
  }
}

// Was each record that is acknowledged handled, or is it kept because the handler could not?
void World::check_handled(const Counted& counted, const Totals& expected, Totals& found) {
  const auto& effects = *counted.effects;
  for (const auto& event : expected.events) {
    const auto& [shard, what] = event;
    const auto letter = std::pair(shard, what.sequence_number.text());
    if (!effects.is_done(event) || (effects.is_failed(event) && !found.dead_letters.contains(letter))) {
      problem(fmt::format("{}: {}/{} is acknowledged, and was not handled", counted.name(), shard, letter.second));
      return;
    }
  }
  for (const auto& [shard, what] : effects.failed()) {
    found.dead_letters.erase({shard, what.sequence_number.text()});
  }
}

// What is stored, beside what the shards hold, for whoever looks for the cause.
void World::tell_positions(const stream::Positions& positions, const StreamHistory& history) {
  const auto tail = [](std::string_view number) {
    return number.size() > 12 ? number.substr(number.size() - 12) : number;
  };
  for (const auto& shard : history.shards) {
    const auto at = positions.shards.find(shard.id);
    std::string records;
    for (const auto& record : shard.records) {
      records += fmt::format(" {}@{:.3f}", tail(record.sequence_number),
                             std::chrono::duration<double>(record.arrival - histories_.front().created).count());
    }
    const auto parents = history.parents.find(shard.id);
    say(fmt::format("{} of {}: {}{}{}, read up to {}; holds{}", shard.id,
                    parents == history.parents.end() ? "none" : fmt::format("{}", fmt::join(parents->second, ", ")),
                    at == positions.shards.end() ? "never seen" : fmt::format("at {}", tail(at->second.after.text())),
                    at != positions.shards.end() && at->second.ended ? ", ended" : "",
                    at != positions.shards.end() && at->second.from_start ? ", from the start" : "",
                    at == positions.shards.end() ? "" : weir::to_string(at->second.read_up_to), records));
  }
  for (const auto& gap : positions.gaps) {
    say(fmt::format("gap in {}: {} to {}, noticed {}{}", gap.shard, tail(gap.from.text()), tail(gap.to.text()),
                    weir::to_string(gap.noticed), gap.accepted ? ", accepted" : ""));
  }
}

void World::check_complete() {
  for (const auto& counted : counted_) {
    check_complete(counted);
  }
}

void World::check_complete(const Counted& counted) {
  const auto positions = now(store_->positions(counted.name(), source_name));
  const auto* history = history_of(positions.stream);
  if (history != &histories_.back()) {
    problem("it caught up with a stream that is gone");
    return;
  }
  if (const auto text = find_missing(counted.name(), positions, *history); !text.empty()) {
    tell_positions(positions, *history);
    problem(fmt::format("{}: {}", counted.name(), text));
  }
}

}  // namespace weir::simulation
