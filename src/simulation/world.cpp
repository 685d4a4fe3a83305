#include "simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weir/base/task_group.hpp"
#include "weir/state/memory_store.hpp"

namespace weir::simulation {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view stream_name = "s";
constexpr std::string_view source_name = "kinesis:s";
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

struct World::Life {
  Life(World& world, Random& random)
      : service(world.kinesis_, world.time_, random(), [&world](const std::string& shard) { world.heard_read(shard); }),
        link(*world.store_, world.time_, random()) {}

  FaultyService service;
  std::unique_ptr<api::KinesisApi> wrapped_service;
  StoreLink link;
  std::unique_ptr<state::Store> wrapped_store;
  std::unique_ptr<kinesis::StreamSource> source;
  std::unique_ptr<stream::Source> wrapped_source;
  worker::Options options;
  std::unique_ptr<worker::Host> host;
  std::optional<Result<worker::Report>> outcome;
  bool stop_asked = false;
};

World::World(const Options& options)
    : options_(options), random_(options.seed ^ 0x5eedU), kinesis_(time_, service_options(random_)) {}

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
}

void World::note_history() {
  auto& history = histories_.emplace_back();
  history.created = time_.now();
  history.retention = hours(24);
}

template <class T>
T World::now(Task<T> task) {
  return *time_.run(std::move(task));
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

void World::happen(const Event& event) {
  Random random(event.draw);
  switch (event.act) {
    case Act::put:
      put(random);
      break;
    case Act::reshard:
      reshard(random);
      break;
    case Act::service_fault:
      add_service_fault(random);
      break;
    case Act::store_fault:
      add_store_fault(random);
      break;
    case Act::expire_iterators:
      say("every iterator expires");
      kinesis_.expire_iterators();
      break;
    case Act::answer_trimmed: {
      const auto answer = static_cast<emulator::TrimmedAnswer>(random.below(3));
      const auto log = kinesis_.log(stream_name).value();
      for (const auto& shard : log) {
        static_cast<void>(kinesis_.answer_trimmed(stream_name, shard.id, answer).ok());
      }
      say(fmt::format("trimmed positions are answered in way {}", static_cast<int>(answer)));
      break;
    }
    case Act::pause: {
      constexpr Duration lengths[] = {seconds(5), minutes(6), hours(2), hours(20), hours(30), hours(80)};
      const auto length = lengths[random.below(std::size(lengths))];
      say(fmt::format("{:.0f} s pass", std::chrono::duration<double>(length).count()));
      time_.pass(length);
      break;
    }
    case Act::crash:
      if (life_ != nullptr && steps_to_crash_ == 0) {
        steps_to_crash_ = 1 + random.below(random.below(2) == 0 ? 40 : 400);
      }
      break;
    case Act::stop:
      if (life_ != nullptr) {
        say("asked to stop");
        life_->stop_asked = true;
        life_->host->request_stop();
      }
      break;
    case Act::recreate:
      recreate();
      break;
  }
}

void World::put(Random& random) {
  std::vector<std::string> payloads(1 + random.below(random.below(4) == 0 ? 60 : 6));
  for (auto& payload : payloads) {
    payload = options_.payload(random);
  }
  std::size_t put = 0;
  for (const auto& payload : payloads) {
    const auto key = fmt::format("{:x}", random());
    put += kinesis_.put(stream_name, {payload}, key) ? 1 : 0;
  }
  outcome_.records += put;
  say(fmt::format("{} records are put", put));
}

void World::reshard(Random& random) {
  // Only open shards can be split or merged; the service says which are not.
  const auto log = kinesis_.log(stream_name).value();
  auto& parents = histories_.back().parents;
  const auto first = random.below(log.size());
  const bool split = random.below(2) == 0;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const auto& shard = log[(first + i) % log.size()].id;
    if (split) {
      if (auto children = kinesis_.split(stream_name, shard)) {
        for (const auto& child : *children) {
          parents[child] = {shard};
        }
        say(fmt::format("{} is split into {}", shard, fmt::join(*children, " and ")));
        return;
      }
      continue;
    }
    for (const auto& other : log) {
      if (auto child = kinesis_.merge(stream_name, shard, other.id)) {
        parents[*child] = {shard, other.id};
        say(fmt::format("{} and {} are merged into {}", shard, other.id, *child));
        return;
      }
    }
  }
}

void World::add_service_fault(Random& random) {
  using Kind = emulator::Fault::Kind;
  constexpr Kind kinds[] = {Kind::throttle, Kind::internal_failure, Kind::unavailable,
                            Kind::cut,      Kind::lost_reply,       Kind::truncated,
                            Kind::slow,     Kind::expired_iterator, Kind::empty_reply};
  emulator::Fault fault;
  fault.kind = kinds[random.below(std::size(kinds))];
  fault.after = random.below(4);
  fault.times = 1 + random.below(random.below(3) == 0 ? 30 : 3);
  fault.delay = milliseconds(random.below(4'000));
  if (random.below(2) == 0) {
    fault.calls = {emulator::Operation::get_records};
  }
  say(fmt::format("{} calls will meet {}", *fault.times, to_string(fault.kind)));
  kinesis_.faults().add(std::move(fault));
  faults_may_end_it_ = true;
}

void World::add_store_fault(Random& random) {
  if (life_ == nullptr) {
    return;
  }
  const auto count = 1 + random.below(random.below(4) == 0 ? 12 : 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    StoreFault fault;
    const auto kind = random.below(12);
    fault.kind = kind < 5    ? StoreFault::Kind::fails
                 : kind < 9  ? StoreFault::Kind::loses_its_answer
                 : kind < 11 ? StoreFault::Kind::none
                             : StoreFault::Kind::refuses;
    fault.takes = milliseconds(random.below(2) == 0 ? 0 : random.below(30'000));
    life_->link.faults.push_back(fault);
  }
  say(fmt::format("{} commits will meet a fault", count));
}

void World::recreate() {
  auto& history = histories_.back();
  history.shards = kinesis_.log(stream_name).value();
  // Two makings within one millisecond could not be told apart, by anybody.
  time_.pass(milliseconds(1));
  if (kinesis_.recreate(stream_name)) {
    note_history();
    if (life_ != nullptr) {
      life_->service.forget_iterators();
    }
    say("the stream is made again");
  }
}

// A life that ended before it could note anything of a shard has not begun to read it.
void World::forget_first_reads() {
  const auto positions = now(store_->positions(options_.pipeline->name(), source_name));
  auto* history = history_of(positions.stream);
  if (history == nullptr) {
    return;
  }
  for (const auto& [id, position] : positions.shards) {
    const auto first = history->first_read.find(id);
    if (first != history->first_read.end() && position.after.empty() && !position.ended &&
        position.read_up_to <= first->second) {
      history->first_read.erase(first);
    }
  }
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
  life.options.until_caught_up = last;
  life.options.serve_queries = false;
  life.host = std::make_unique<worker::Host>(*source, *options_.pipeline, *store, life.options, std::string());
  say(fmt::format("start {}: {} loops{}", outcome_.starts, life.options.threads, last ? ", until caught up" : ""));
  time_.start(live(life), life.outcome);
}

Task<worker::Report> World::live(Life& life) {
  WEIR_CO_CHECK(co_await life.host->start());
  TaskGroup loops(co_await boost::asio::this_coro::executor, std::stop_token());
  for (std::uint32_t i = 0; i < life.options.threads; ++i) {
    loops.spawn(life.host->work(i));
  }
  WEIR_CO_CHECK(co_await loops.wait());
  co_return co_await life.host->report();
}

// A read reaches the service: were the shard's parents read to their ends, durably?
void World::heard_read(const std::string& shard) {
  auto& history = histories_.back();
  history.first_read.try_emplace(shard, time_.now());
  const auto parents = history.parents.find(shard);
  if (parents == history.parents.end()) {
    return;
  }
  // The memory store answers at once; so this runs within the step that heard of the read.
  std::optional<Result<stream::Positions>> positions;
  boost::asio::io_context aside;
  boost::asio::co_spawn(aside, store_->positions(options_.pipeline->name(), source_name),
                        [&](std::exception_ptr, Result<stream::Positions> got) { positions.emplace(std::move(got)); });
  aside.run();
  for (const auto& parent : parents->second) {
    const auto at = (*positions)->shards.find(parent);
    if (at != (*positions)->shards.end() && !at->second.ended) {
      problem(fmt::format("{} is read before the end of its parent {} is committed", shard, parent));
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
    store_.reset();
    disk_->lose_unsynced();
    store_ = disk_->open();
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
    store_ = disk_->open();
  }
  check_totals();
  restart_at_ = time_.elapsed() + Duration(milliseconds(random_.below(5'000)));
}

void World::judge_end(const Life& life) {
  const auto& ended = *life.outcome;
  if (ended) {
    say("ended");
    if (!life.stop_asked && !life.options.until_caught_up) {
      problem("the process ended by itself");
    }
    return;
  }
  const auto& error = ended.error();
  ++outcome_.refusals;
  say(fmt::format("ended: {}", to_string(error)));
  if (error.code == "Gap") {
    go_on_after_gaps_ = true;
    if (life.options.on_gap == process::OnGap::go_on) {
      problem("it halts at a gap though it was told to go on");
    }
  } else if (error.code == "StreamRecreated") {
    if (histories_.size() < 2) {
      problem("it takes the stream for another one");
    }
    say("a new state");
    new_store();
  } else if (life.stop_asked && error.is_stopped()) {
    return;  // before it had begun
  } else if (life.link.met_fault && (error.next == Next::retry || error.code == "StoreBroken")) {
    return;
  } else if (!(faults_may_end_it_ && error.next == Next::retry)) {
    problem(fmt::format("it ends without a cause: {}", to_string(error)));
  }
}

void World::finish() {
  kinesis_.faults().clear();
  faults_may_end_it_ = false;
  steps_to_crash_ = 0;
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

void World::check_totals() {
  if (!outcome_.problems.empty()) {
    return;
  }
  const auto& pipeline = *options_.pipeline;
  const auto positions = now(store_->positions(pipeline.name(), source_name));
  const auto* history = history_of(positions.stream);
  if (history == nullptr) {
    if (positions.stream) {
      problem("the positions belong to a stream that never was");
    }
    return;
  }
  Totals found;
  std::string last_key;
  constexpr std::size_t all = 1'000'000;
  const auto rows = now(store_->scan(pipeline.name(), "", "", all));
  for (const auto& row : rows) {
    pipeline.print_json(row.key, row.value, found.rows[row.key]);
  }
  const auto letters = now(store_->dead_letters(pipeline.name(), source_name, nullptr, all));
  for (const auto& letter : letters) {
    found.dead_letters.emplace(letter.shard, letter.sequence_number.text());
  }
  outcome_.gaps = positions.gaps.size();
  if (const auto text = difference(expected_totals(pipeline, positions, *history), found); !text.empty()) {
    tell_positions(positions, *history);
    problem("the totals are not those of the records at or below the positions: " + text);
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
    say(fmt::format("gap in {}: {} to {}, noticed {}", gap.shard, tail(gap.from.text()), tail(gap.to.text()),
                    weir::to_string(gap.noticed)));
  }
}

void World::check_complete() {
  const auto positions = now(store_->positions(options_.pipeline->name(), source_name));
  const auto* history = history_of(positions.stream);
  if (history != &histories_.back()) {
    problem("it caught up with a stream that is gone");
    return;
  }
  if (const auto text = find_missing(positions, *history); !text.empty()) {
    tell_positions(positions, *history);
    problem(text);
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
