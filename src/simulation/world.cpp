#include "simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "weir/base/task_group.hpp"
#include "weir/state/memory_store.hpp"

namespace weir::simulation {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A run that needs more is one that never ends.
constexpr std::uint64_t steps_max = 3'000'000;
constexpr std::uint64_t steps_of_an_end_max = 300'000;
constexpr hours last_life_max{3};
constexpr minutes end_max{10};

emulator::Kinesis::Options service_options(Random& random) {
  emulator::Kinesis::Options options;
  options.keep_trimmed = true;
  options.end_comes_alone = random.below(2) == 0;
  options.numbers_grow_when_made_again = random.below(2) == 0;
  options.seed = random();
  options.reply_bytes_max = random.below(2) == 0 ? options.reply_bytes_max : 2'000;
  return options;
}

}  // namespace

World::World(const Options& options)
    : options_(options), random_(options.seed ^ 0x5eedU), kinesis_(time_, service_options(random_)) {
  auto pipelines = options.others;
  pipelines.insert(pipelines.begin(), options.pipeline);
  for (const auto& pipeline : pipelines) {
    auto& counted = counted_.emplace_back();
    counted.definitions.push_back({pipeline, {}});
    if (pipeline->handler() != nullptr) {
      counted.effects =
          std::make_unique<Effects>(pipeline, time_, [this](std::string what) { problem(std::move(what)); });
    }
  }
}

World::~World() = default;

Outcome World::run(const std::vector<Event>& schedule) {
  if (options_.begin) {
    options_.begin();
  }
  begin();
  for (const auto& event : schedule) {
    if (!outcome_.problems.empty()) {
      break;
    }
    advance(event.after);
    happen(event);
  }
  if (outcome_.problems.empty()) {
    finish();
  }
  if (life_ != nullptr && !life_->outcome) {
    crash();  // nothing may be left waiting when all of this goes
  }
  return std::move(outcome_);
}

void World::begin() {
  new_store();
  static_cast<void>(kinesis_.create(stream_name, static_cast<std::uint32_t>(1 + random_.below(4))).ok());
  note_history();
  if (random_.below(2) == 0) {
    put(random_);
  }
  time_.pass(milliseconds(random_.below(3'000)));
  start_life(false);
}

void World::new_store() {
  store_.reset();
  if (options_.rocksdb) {
    disk_ = std::make_unique<Disk>(time_);
    store_ = disk_->open();
  } else {
    store_ = std::make_unique<state::MemoryStore>(pipelines::row_combiner());
  }
  for (auto& history : histories_) {
    history.first_read.clear();
  }
  for (auto& counted : counted_) {
    counted.definitions.erase(counted.definitions.begin(), counted.definitions.end() - 1);
    if (counted.effects) {
      counted.effects->clear();
    }
  }
}

// After a power cut, which may fall into the recovery from one.
void World::reopen_store() {
  store_.reset();
  disk_->lose_unsynced(random_);
  if (random_.below(4) == 0) {
    disk_->cut_power_at_write(1 + random_.below(20));
    store_ = disk_->open();
    if (disk_->has_power()) {
      disk_->cut_power();
    }
    say("the power is cut again");
    store_.reset();
    disk_->lose_unsynced(random_);
  }
  store_ = disk_->open();
  for (auto& counted : counted_) {
    if (counted.effects) {
      counted.effects->lose_confirmations();
    }
  }
}

void World::heard_confirmed(std::string_view pipeline, const stream::ShardId& shard,
                            std::span<const state::ShardEvent> events) {
  for (auto& counted : counted_) {
    if (counted.effects && counted.name() == pipeline) {
      counted.effects->confirmed(shard, events);
    }
  }
}

void World::note_history() {
  auto& history = histories_.emplace_back();
  history.created = time_.now();
  history.retention = hours(24);
}

StreamHistory* World::history_of(const std::optional<stream::StreamIdentity>& identity) {
  for (auto& history : histories_) {
    if (identity && identity->created == history.created) {
      if (&history == &histories_.back()) {
        history.shards = kinesis_.log(stream_name).value();
      }
      return &history;
    }
  }
  return nullptr;
}

// A life that ended before it could note anything of a shard has not begun to read it.
void World::forget_first_reads() {
  for (const auto& counted : counted_) {
    const auto positions = now(store_->positions(counted.name(), source_name));
    auto* history = history_of(positions.stream);
    if (history == nullptr) {
      continue;
    }
    auto& first_read = history->first_read[counted.name()];
    for (const auto& [id, position] : positions.shards) {
      const auto first = first_read.find(id);
      if (first != first_read.end() && position.after.empty() && !position.ended &&
          position.read_up_to <= first->second) {
        first_read.erase(first);
      }
    }
  }
}

// Which pipelines this start of the process runs, and by which definition.
void World::choose_pipelines(bool last) {
  life_->running.clear();
  for (std::size_t i = 0; i < counted_.size(); ++i) {
    auto& counted = counted_[i];
    if (i == 0 || last || random_.below(3) > 0) {
      life_->running.push_back(i);
    }
    if (i == 0) {
      choose_definition(last);
    }
    if (const auto strict = last ? nullptr : strict_one(counted.pipeline()); strict != nullptr) {
      life_->strict[i] = strict;
    }
  }
}

// What becomes of the first one.
void World::choose_definition(bool last) {
  auto& counted = counted_.front();
  const bool is_stored = now(store_->definition(counted.name())).has_value();
  if (options_.changed != nullptr && is_stored && !last && random_.below(12) == 0) {
    life_->changed = true;
    say("another definition is tried");
  } else if (options_.grown != nullptr && counted.pipeline() != options_.grown && random_.below(6) == 0) {
    counted.definitions.back().up_to = now(store_->positions(counted.name(), source_name));
    counted.definitions.push_back({options_.grown, {}});
    say("aggregates are added");
  }
}

// For some starts, and for those it is made of; null: as ever.
pipelines::PipelinePtr World::strict_one(const pipelines::PipelinePtr& pipeline) {
  std::vector<pipelines::PipelinePtr> fit;
  for (const auto& strict : options_.strict) {
    if (strict->name() == pipeline->name() && strict->definition() == pipeline->definition()) {
      fit.push_back(strict);
    }
  }
  const auto draw = random_.below(3 * (1 + fit.size()));
  return draw < fit.size() ? fit[draw] : nullptr;
}

void World::start_life(bool last) {
  restart_at_.reset();
  forget_first_reads();
  ++outcome_.starts;
  life_ = std::make_unique<Life>(*this, random_);
  auto& life = *life_;
  api::KinesisApi* service = &life.service;
  if (options_.wrap_service) {
    life.wrapped_service = options_.wrap_service(life.service);
    service = life.wrapped_service.get();
  }
  state::Store* store = &life.link;
  if (options_.wrap_store) {
    life.wrapped_store = options_.wrap_store(life.link);
    store = life.wrapped_store.get();
  }
  state::Deduper* deduper = &life.link;
  if (options_.wrap_deduper) {
    life.wrapped_deduper = options_.wrap_deduper(life.link);
    deduper = life.wrapped_deduper.get();
  }
  life.link.on_confirmed = [this](auto pipeline, const auto& shard, auto events) {
    heard_confirmed(pipeline, shard, events);
  };
  Random start(options_.seed);
  kinesis::ReaderConfig config;
  config.client = service;
  config.stream_name = stream_name;
  config.starting_position =
      start.below(3) == 0 ? kinesis::StartingPosition::latest : kinesis::StartingPosition::trim_horizon;
  constexpr milliseconds polls[] = {milliseconds(200), seconds(1), seconds(7)};
  config.poll_interval = polls[random_.below(std::size(polls))];
  config.list_interval = random_.below(2) == 0 ? seconds(3) : seconds(30);
  config.records_per_call = random_.below(2) == 0 ? api::get_records_max : 3;
  config.keep_quotas = random_.below(2) == 0;
  config.clock = &time_;
  config.seed = random_() | 1U;
  life.source = *kinesis::StreamSource::make(config);
  choose_pipelines(last);
  for (auto& counted : counted_) {
    counted.gaps = now(store_->positions(counted.name(), source_name)).gaps;
  }
  stream::Source* source = life.source.get();
  if (options_.wrap_source) {
    life.wrapped_source = options_.wrap_source(*life.source);
    source = life.wrapped_source.get();
  }
  life.options.clock = &time_;
  life.options.seed = random_() | 1U;
  life.options.threads = static_cast<std::uint32_t>(1 + random_.below(3));
  life.options.limits.records_max = 1 + random_.below(random_.below(2) == 0 ? 8 : 10'000);
  life.options.limits.age_max = milliseconds(1 + random_.below(random_.below(2) == 0 ? 50 : 3'000));
  life.options.on_gap = last || go_on_after_gaps_ ? process::OnGap::go_on : process::OnGap::halt;
  life.options.accept_loss = std::exchange(accept_losses_, false);
  may_accept_ = life.options.accept_loss || life.options.on_gap == process::OnGap::go_on;
  life.options.until_caught_up = last;
  life.options.serve_queries = false;
  std::vector<worker::Host::Place> places(life.running.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& job = places[i].job;
    auto& counted = counted_[life.running[i]];
    const auto strict = life.strict.find(life.running[i]);
    job.pipeline = life.changed && i == 0        ? options_.changed
                   : strict != life.strict.end() ? strict->second
                                                 : counted.pipeline();
    job.store = store;
    job.deduper = deduper;
    if (counted.effects) {
      job.pipeline = counted.effects->heard();
      counted.effects->begin_life(life.link.is_cut_off(), random_());
    }
  }
  life.host = std::make_unique<worker::Host>(*source, std::move(places), life.options);
  const auto strict = std::views::keys(life.strict);
  say(fmt::format("start {}: {} loops, pipelines {}{}{}{}", outcome_.starts, life.options.threads,
                  fmt::join(life.running, " "),
                  strict.empty() ? "" : fmt::format(", strict {}", fmt::join(strict.begin(), strict.end(), " ")),
                  life.options.accept_loss ? ", accepting losses" : "", last ? ", until caught up" : ""));
  time_.start(live(life), life.outcome);
}

Task<std::vector<worker::Report>> World::live(Life& life) {
  WEIR_CO_CHECK(co_await life.host->start());
  TaskGroup loops(co_await boost::asio::this_coro::executor, std::stop_token());
  for (std::uint32_t i = 0; i < life.options.threads; ++i) {
    loops.spawn(life.host->work(i));
  }
  WEIR_CO_CHECK(co_await loops.wait());
  co_return co_await life.host->reports();
}

// A read reaches the service: were the shard's parents read to their ends, durably, by all who read it?
void World::heard_read(const std::string& shard) {
  auto& history = histories_.back();
  const auto boards = life_->host->boards();
  for (std::size_t i = 0; i < life_->running.size(); ++i) {
    const auto& name = counted_[life_->running[i]].name();
    if (boards[i]->is_halted()) {
      continue;  // it will come back to it
    }
    history.first_read[name].try_emplace(shard, time_.now());
    const auto parents = history.parents.find(shard);
    if (parents == history.parents.end()) {
      continue;
    }
    // The memory store answers at once; so this runs within the step that heard of the read.
    std::optional<Result<stream::Positions>> positions;
    boost::asio::io_context aside;
    boost::asio::co_spawn(
        aside, store_->positions(name, source_name),
        [&](std::exception_ptr, Result<stream::Positions> got) { positions.emplace(std::move(got)); });
    aside.run();
    for (const auto& parent : parents->second) {
      const auto at = (*positions)->shards.find(parent);
      // A parent that retention took whole may be heard of late: none of its records can come after its children's.
      const bool is_gone = history.closed.at(parent) + history.retention < time_.now();
      if (at != (*positions)->shards.end() && !at->second.ended && !is_gone) {
        problem(fmt::format("{} is read before {} has committed the end of its parent {}", shard, name, parent));
      }
    }
  }
}

bool World::step(Duration until) {
  if (++outcome_.steps > steps_max) {
    problem("it goes on for ever");
    return false;
  }
  return time_.step(until);
}

// Lets the world go on for so long; the process may crash, end, and be started again meanwhile.
void World::advance(Duration time) {
  const auto until = time_.elapsed() + time;
  while (outcome_.problems.empty()) {
    if (life_ == nullptr) {
      if (restart_at_ && *restart_at_ <= until) {
        time_.pass(std::max(Duration(0), *restart_at_ - time_.elapsed()));
        start_life(false);
        continue;
      }
      break;
    }
    if (disk_ != nullptr && !disk_->has_power()) {
      crash();
      continue;
    }
    if (life_->outcome) {
      end_life();
      continue;
    }
    if (steps_to_crash_ > 0 && --steps_to_crash_ == 0) {
      crash();
      continue;
    }
    if (!step(until)) {
      break;
    }
  }
  time_.pass(std::max(Duration(0), until - time_.elapsed()));
}

bool World::run_to_end(Life& life) {
  const auto until = time_.elapsed() + end_max;
  for (std::uint64_t i = 0; i < steps_of_an_end_max && !life.outcome; ++i) {
    if (!step(until)) {
      break;
    }
  }
  if (!life.outcome) {
    problem(fmt::format("the process does not end within {} minutes of being asked to", end_max.count()));
    return false;
  }
  if (time_.sleeping() > 0) {
    problem(fmt::format("{} still wait after the process has ended", time_.sleeping()));
  }
  return true;
}

void World::crash() {
  steps_to_crash_ = 0;
  ++outcome_.crashes;
  say("crash");
  life_->service.cut_off();
  life_->link.cut_off();
  life_->host->request_stop();
  life_->host->abandon();
  if (disk_ != nullptr) {
    disk_->cut_power();
  }
  if (!run_to_end(*life_)) {
    // What still waits must not outlive what it waits for: the world ends here.
    return;
  }
  life_.reset();
  if (disk_ != nullptr) {
    reopen_store();
  }
  check_totals();
  restart_at_ = time_.elapsed() + Duration(milliseconds(random_.below(5'000)));
}

void World::end_life() {
  steps_to_crash_ = 0;
  if (time_.sleeping() > 0) {
    problem(fmt::format("{} still wait after the process has ended", time_.sleeping()));
  }
  const auto* store_before = store_.get();
  judge_end(*life_);
  life_.reset();
  if (disk_ != nullptr && store_.get() == store_before) {
    store_.reset();
    store_ = disk_->has_power() ? disk_->open() : nullptr;
    if (!disk_->has_power()) {
      reopen_store();
    }
    disk_->cut_power_at_write(0);
  }
  check_totals();
  restart_at_ = time_.elapsed() + Duration(milliseconds(random_.below(5'000)));
}

void World::finish() {
  kinesis_.faults().clear();
  faults_may_end_it_ = false;
  steps_to_crash_ = 0;
  if (disk_ != nullptr && life_ != nullptr && !disk_->has_power()) {
    crash();
  } else if (disk_ != nullptr) {
    disk_->cut_power_at_write(0);
  }
  if (life_ != nullptr && !life_->outcome) {
    say("the end: asked to stop");
    life_->link.faults.clear();
    life_->stop_asked = true;
    life_->host->request_stop();
    if (!run_to_end(*life_)) {
      return;
    }
  }
  if (life_ != nullptr) {
    end_life();
  }
  // Twice where the stream turns out to be another one.
  for (int tries = 0; tries < 3 && outcome_.problems.empty(); ++tries) {
    start_life(true);
    const auto until = time_.elapsed() + last_life_max;
    while (!life_->outcome && step(until)) {
    }
    if (!life_->outcome) {
      problem("it does not catch up");
      return;
    }
    const bool done = life_->outcome->ok();
    end_life();
    if (done) {
      check_complete();
      return;
    }
  }
}

void World::say(std::string line) {
  outcome_.history.push_back(
      fmt::format("{:>12.3f}  {}", std::chrono::duration<double>(time_.elapsed()).count(), line));
}

void World::problem(std::string what) {
  say("PROBLEM: " + what);
  outcome_.problems.push_back(std::move(what));
}

Outcome run(const Options& options, const std::vector<Event>& schedule) { return World(options).run(schedule); }

}  // namespace weir::simulation
