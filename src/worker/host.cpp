#include "worker/host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <exception>
#include <optional>
#include <set>

#include "weir/base/backoff.hpp"
#include "weir/base/signal.hpp"
#include "weir/base/task_group.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/worker/query.hpp"
#include "worker/query_server.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;

// A signal so long after the first is a second wish.
constexpr std::chrono::seconds second_signal_after{1};
// Often enough for somebody who reads the log, next to `stuck_after`'s minutes.
constexpr std::chrono::seconds stuck_look_interval_max{10};

Error from_exception(std::string_view who, const std::exception& exception) {
  return refused("Exception", fmt::format("{} ended in an exception: {}", who, exception.what()));
}

}  // namespace

// A pipeline, its state, and how it goes with it.
struct Host::Member {
  Member(Place of, process::Board::Options options) : place(std::move(of)), board(std::move(options)) {}

  const pipelines::Pipeline& pipeline() const noexcept { return *place.job.pipeline; }
  state::Store& store() const noexcept { return *place.job.store; }

  Place place;
  process::Board board;
  stream::Positions positions;
};

Host::Host(stream::Source& source, std::vector<Place> places, const Options& options)
    : source_(source),
      options_(options),
      clock_(options.clock != nullptr ? *options.clock : system_clock()),
      started_(clock_.elapsed()),
      random_(options.seed != 0 ? Random(options.seed) : Random::from_machine()),
      forward_(options.stop, [this] { stop_.request_stop(); }) {
  for (auto& place : places) {
    process::Board::Options of_board;
    of_board.pipeline = place.job.pipeline->name();
    of_board.clock = &clock_;
    of_board.metrics = &metrics_;
    of_board.stuck_after = options.stuck_after;
    of_board.on_caught_up = [this] { stop_if_caught_up(); };
    members_.push_back(std::make_unique<Member>(std::move(place), std::move(of_board)));
    boards_.push_back(&members_.back()->board);
  }
}

Host::~Host() = default;

void Host::stop_if_caught_up() {
  const auto done = [](const process::Board* board) { return board->is_halted() || board->all_caught_up(); };
  if (options_.until_caught_up && std::ranges::all_of(boards_, done)) {
    stop_.request_stop();
  }
}

void Host::say(LogLevel level, const std::string& sentence) const {
  if (options_.log) {
    options_.log(level, sentence);
  }
}

Result<void> Host::listen() {
  if (options_.serve.empty()) {
    return {};
  }
  WEIR_TRY(const auto address, parse_listen_address(options_.serve));
  WEIR_TRY(status_server_, StatusServer::listen(address));
  if (options_.on_serving) {
    options_.on_serving(status_server_->url());
  }
  return {};
}

void Host::serve_status(TaskGroup& beside) {
  if (status_server_ != nullptr) {
    const auto status = [this] { return Status{boards_, &metrics_, stop_.stop_requested()}; };
    beside.spawn(or_stop(status_server_->serve(status, beside.stop_token()), "serving metrics"));
  }
}

Task<void> Host::start() {
  WEIR_CO_CHECK(listen());
  {
    // A service that is busy may be waited for, and a probe wants an answer meanwhile.
    TaskGroup beside(co_await asio::this_coro::executor, std::stop_token());
    serve_status(beside);
    auto settled = co_await or_stop(settle_start(), "starting");
    beside.request_stop();
    auto ended = co_await beside.wait();
    WEIR_CO_CHECK(std::move(settled));
    WEIR_CO_CHECK(std::move(ended));
  }
  std::vector<stream::Positions> each;
  for (const auto& member : members_) {
    each.push_back(member->positions);
    if (member->pipeline().failure_policy().on_failure == pipelines::OnFailure::skip) {
      say(LogLevel::warning, fmt::format("pipeline {} skips records that fail: they are counted, and not kept",
                                         member->pipeline().name()));
    }
  }
  read_from_ = process::lowest(each);
  for (std::uint32_t i = 0; i < options_.threads; ++i) {
    std::vector<std::unique_ptr<process::Processor>> processors;
    for (const auto& member : members_) {
      processors.push_back(make_processor(*member));
    }
    groups_.push_back(std::make_unique<process::Group>(std::move(processors), options_.log));
  }
  co_return Result<void>();
}

std::unique_ptr<process::Processor> Host::make_processor(Member& member) {
  const auto& job = member.place.job;
  process::Processor::Context context;
  context.store = job.store;
  context.deduper = job.deduper;
  context.clock = &clock_;
  context.pipeline = job.pipeline.get();
  context.board = &member.board;
  context.stream = source_.name();
  context.limits = options_.limits;
  context.on_gap = options_.on_gap;
  context.accept_loss = options_.accept_loss;
  context.seed = random_();
  context.log = options_.log;
  context.on_dead_letter = job.on_dead_letter;
  context.copy_dead_letters = job.copy_dead_letters;
  return std::make_unique<process::Processor>(std::move(context), member.positions, read_from_);
}

Task<void> Host::settle_start() {
  const auto name = source_.name();
  for (const auto& member : members_) {
    if (!member->place.directory.empty()) {
      WEIR_CO_TRY(const auto contents, co_await member->store().contents());
      WEIR_CO_CHECK(check_contents(contents, member->place.directory, member->pipeline().name(), name));
    }
  }
  // Whatever could be refused is, before anything is written.
  std::vector<std::string> definitions;
  for (const auto& member : members_) {
    WEIR_CO_TRY(auto definition, co_await settle_definition(*member));
    definitions.push_back(std::move(definition));
  }
  const std::function<Task<stream::StreamIdentity>()> identify = [this] { return source_.identify(stop_.get_token()); };
  WEIR_CO_TRY(const auto identity, co_await while_transient(identify));
  for (const auto& member : members_) {
    member->board.store_trouble("");
  }
  for (const auto& member : members_) {
    WEIR_CO_TRY(member->positions, co_await member->store().positions(member->pipeline().name(), name));
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& member = *members_[i];
    WEIR_CO_TRY(const auto stored, co_await member.store().definition(member.pipeline().name()));
    if (stored != definitions[i]) {
      WEIR_CO_CHECK(co_await member.store().put_definition(member.pipeline().name(), definitions[i]));
    }
  }
  // Pipelines that are new together begin together.
  std::optional<stream::Start> start;
  for (const auto& member : members_) {
    WEIR_CO_CHECK(co_await settle(*member, identity, start));
  }
  co_return co_await meet();
}

Task<std::string> Host::settle_definition(const Member& member) {
  const auto& pipeline = member.pipeline();
  WEIR_CO_TRY(const auto stored, co_await member.store().definition(pipeline.name()));
  if (!stored) {
    co_return pipeline.definition();
  }
  auto continued = pipelines::continue_definition(*stored, pipeline.definition(), clock_.now());
  if (!continued) {
    co_return refused(continued.error().code,
                      fmt::format("pipeline {}: {}", pipeline.name(), continued.error().message));
  }
  co_return *std::move(continued);
}

Task<void> Host::settle(Member& member, const stream::StreamIdentity& identity, std::optional<stream::Start>& start) {
  auto& positions = member.positions;
  if (positions.stream) {
    if (*positions.stream != identity) {
      co_return refused(
          "StreamRecreated",
          fmt::format("stream {} was created again at {}; the state belongs to the one of {}. Its totals cannot "
                      "be continued: keep them, and give the pipeline a new state",
                      identity.name, to_string(identity.created), to_string(positions.stream->created)));
    }
    co_return co_await accept_losses(member);
  }
  if (!start) {
    const std::function<Task<stream::Start>()> resolve = [this] { return source_.resolve_start(stop_.get_token()); };
    WEIR_CO_TRY(start, co_await while_transient(resolve));
    start->settled = clock_.now();
  }
  state::Commit first;
  first.pipeline = member.pipeline().name();
  first.stream = source_.name();
  first.identity = identity;
  first.start = start;
  first.sync = true;
  WEIR_CO_CHECK(co_await member.store().commit(first));
  positions.stream = identity;
  positions.start = start;
  co_return Result<void>();
}

// Who asked for it was told of these gaps.
Task<void> Host::accept_losses(Member& member) {
  state::Commit accepted;
  accepted.pipeline = member.pipeline().name();
  accepted.stream = source_.name();
  accepted.sync = true;
  for (auto& gap : member.positions.gaps) {
    if (options_.accept_loss && !gap.accepted) {
      gap.accepted = true;
      accepted.gaps.push_back(gap);
      say(LogLevel::warning,
          fmt::format("pipeline {} goes on without what was lost: {}", member.pipeline().name(), gap.reason));
    }
  }
  if (accepted.gaps.empty()) {
    co_return Result<void>();
  }
  co_return co_await member.store().commit(accepted);
}

// A pipeline that was not there when the others first saw some shards is told of them before it reads with them;
// from then on all hear the same.
Task<void> Host::meet() {
  const auto same_shards = [](const stream::Positions& left, const stream::Positions& right) {
    return std::ranges::equal(left.shards, right.shards, {}, &decltype(left.shards)::value_type::first,
                              &decltype(right.shards)::value_type::first);
  };
  const auto& first = members_.front()->positions;
  const bool all_same =
      std::ranges::all_of(members_, [&](const auto& member) { return same_shards(member->positions, first); });
  if (all_same) {
    co_return Result<void>();
  }
  for (const auto& member : members_) {
    state::Commit found;
    found.pipeline = member->pipeline().name();
    found.stream = source_.name();
    WEIR_CO_TRY(found.discovered, co_await source_.unseen(member->positions, stop_.get_token()));
    found.sync = true;
    if (!found.discovered.empty()) {
      WEIR_CO_CHECK(co_await member->store().commit(found));
      member->positions.shards.insert(found.discovered.begin(), found.discovered.end());
    }
  }
  co_return Result<void>();
}

Task<void> Host::work(std::uint32_t index) {
  auto& group = *groups_[index];
  auto executor = co_await asio::this_coro::executor;
  std::stop_source side;
  TaskGroup beside(executor, std::stop_token());
  TaskGroup committing(executor, std::stop_token());
  committing.spawn(or_stop(group.run(abandon_.get_token()), "committing"));
  std::optional<asio::signal_set> signals;
  if (index == 0) {
    beside.spawn(or_stop(watch(beside.stop_token()), "showing progress"));
    beside.spawn(or_stop(sync_now_and_then(beside.stop_token()), "syncing the store"));
    beside.spawn(limit_drain(beside.stop_token()));
    beside.spawn(or_stop(tell_stuck(beside.stop_token()), "looking for stuck shards"));
    serve_status(beside);
    for (const auto& member : members_) {
      if (options_.serve_queries && !member->place.directory.empty()) {
        auto serving = serve_queries(member->place.directory, member->store(), member->pipeline(), source_.name(),
                                     options_.log, QueryLimits(), beside.stop_token());
        beside.spawn(or_stop(std::move(serving), "answering queries"));
      }
    }
    if (options_.stop_on_signals) {
      signals.emplace(executor, SIGINT, SIGTERM);
      wait_for_signal(*signals);
    }
  }
  stream::Share share;
  share.index = index;
  share.count = options_.threads;
  auto read = co_await or_stop(read_source(share, group), "reading the source");
  group.close();
  auto written = co_await committing.wait();
  beside.request_stop();
  if (signals) {
    signals->cancel();
  }
  auto ended = co_await beside.wait();
  // What cannot be committed explains why reading stopped.
  if (!written) {
    co_return written;
  }
  co_return read ? ended : read;
}

// What fails or throws here ends the whole run, in order: what was taken in is committed still.
Task<void> Host::or_stop(Task<void> task, std::string_view who) {
  Result<void> ended;
  try {
    ended = co_await std::move(task);
  } catch (const std::exception& exception) {
    ended = from_exception(who, exception);
  }
  if (!ended) {
    stop_.request_stop();
  }
  co_return ended;
}

// A coroutine, so that a source which throws before it returns its task is caught too.
Task<void> Host::read_source(stream::Share share, process::Group& group) {
  co_return co_await source_.read(share, read_from_, group, stop_.get_token());
}

Task<void> Host::watch(std::stop_token stop) {
  while (options_.watch) {
    options_.watch(boards_);
    WEIR_CO_CHECK(co_await clock_.sleep(options_.watch_interval, stop));
  }
  co_return Result<void>();
}

// A commit is on the disk with the next one; where none follows, here.
Task<void> Host::sync_now_and_then(std::stop_token stop) {
  for (;;) {
    WEIR_CO_CHECK(co_await clock_.sleep(options_.sync_interval, stop));
    for (const auto& member : members_) {
      auto synced = co_await member->store().sync();
      if (!synced && synced.error().next == Next::retry) {
        member->board.store_trouble(to_string(synced.error()));
      } else if (!synced) {
        co_return synced;
      }
    }
  }
}

// In the log, once when it begins and once when it is over: not everybody watches /healthz.
Task<void> Host::tell_stuck(std::stop_token stop) {
  std::set<std::pair<std::string, stream::ShardId>> told;
  for (;;) {
    WEIR_CO_CHECK(co_await clock_.sleep(std::min<Duration>(options_.stuck_after / 2, stuck_look_interval_max), stop));
    for (const auto& member : members_) {
      const auto& name = member->pipeline().name();
      const auto stuck = member->board.stuck();
      for (const auto& [shard, sentence] : stuck) {
        if (told.emplace(name, shard).second) {
          say(LogLevel::warning, fmt::format("pipeline {}: {}", name, sentence));
        }
      }
      std::erase_if(told, [&](const auto& one) {
        const bool is_over = one.first == name && !stuck.contains(one.second);
        if (is_over) {
          say(LogLevel::info, fmt::format("pipeline {}: shard {} goes on", name, one.second));
        }
        return is_over;
      });
    }
  }
}

// The service answers, and not now: no reason to be gone when it does. One that is not there at all is more likely a
// mistake of whoever named it, and is told at once.
template <class T>
Task<T> Host::while_transient(std::function<Task<T>()> attempt) {
  Backoff backoff{Backoff::Options(), Random(random_())};
  for (;;) {
    auto done = co_await attempt();
    if (done || done.error().next != Next::retry || done.error().http_status == 0) {
      co_return done;
    }
    say(backoff.failures() == 0 ? LogLevel::warning : LogLevel::debug,
        fmt::format("starting is tried again: {}", to_string(done.error())));
    for (const auto& member : members_) {
      member->board.store_trouble("starting: " + to_string(done.error()));
    }
    WEIR_CO_CHECK(co_await clock_.sleep(backoff.next(), stop_.get_token()));
  }
}

// A stop has an end: what a store does not take by then is read again at the next start.
Task<void> Host::limit_drain(std::stop_token stop) {
  std::stop_source asked;
  const std::stop_callback on_stop(stop_.get_token(), [&asked] { asked.request_stop(); });
  const std::stop_callback on_end(stop, [&asked] { asked.request_stop(); });
  Signal never;
  static_cast<void>(co_await never.wait(never.ticket(), asked.get_token()));
  auto ended = co_await clock_.sleep(options_.drain_max, stop);
  if (ended) {
    say(LogLevel::warning,
        "the time to drain is over: what the state did not take is left to the next start" + where_they_stand());
    abandon_.request_stop();
  }
  co_return Result<void>();
}

// From where the next start reads again: "; departures stands in <shard> at <number>, in <shard> at its beginning".
std::string Host::where_they_stand() const {
  constexpr std::size_t shards_named_max = 4;
  std::string text;
  for (const auto& member : members_) {
    std::size_t named = 0;
    std::string places;
    for (const auto& [id, shard] : member->board.shards()) {
      if (shard.status.state != stream::ShardState::ended && ++named <= shards_named_max) {
        places += fmt::format("{} in {} at {}", named == 1 ? " stands" : ",", id,
                              shard.committed.empty() ? "its beginning" : shard.committed.text());
      }
    }
    if (named > shards_named_max) {
      places += fmt::format(", and in {} others", named - shards_named_max);
    }
    text += places.empty() ? "" : "; " + member->pipeline().name() + places;
  }
  return text;
}

void Host::wait_for_signal(asio::signal_set& signals) {
  signals.async_wait([this, &signals](const boost::system::error_code& code, int /*number*/) {
    if (code) {
      return;
    }
    // `timeout` sends one to the process and one to its group, in one moment: that is one wish.
    const auto now = clock_.elapsed();
    if (signalled_at_ && now - *signalled_at_ >= second_signal_after) {
      abandon_.request_stop();
    }
    signalled_at_ = signalled_at_.value_or(now);
    stop_.request_stop();
    wait_for_signal(signals);
  });
}

Task<std::vector<Report>> Host::reports() {
  std::vector<Report> made;
  for (const auto& member : members_) {
    WEIR_CO_TRY(auto one, co_await report(*member));
    made.push_back(std::move(one));
  }
  co_return made;
}

Task<Report> Host::report(const Member& member) {
  const auto& board = member.board;
  auto synced = co_await member.store().sync();
  if (!synced && !board.is_halted()) {  // what halted it may be that very store
    co_return std::move(synced).error();
  }
  Report made;
  made.pipeline = member.pipeline().name();
  made.halted = board.halted();
  made.totals = board.totals();
  made.seconds = std::chrono::duration<double>(clock_.elapsed() - started_).count();
  made.caught_up = board.all_caught_up();
  made.shards = board.shards();
  WEIR_CO_TRY(auto stored, co_await member.store().positions(made.pipeline, source_.name()));
  made.gaps = std::move(stored.gaps);
  if (options_.count_keys) {
    WEIR_CO_TRY(made.keys, co_await count_keys(member.store(), made.pipeline));
  }
  co_return made;
}

}  // namespace weir::worker
