#include "worker/host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <exception>
#include <optional>

#include "weir/base/task_group.hpp"
#include "weir/pipeline/extract.hpp"
#include "worker/query_server.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;

Error from_exception(std::string_view who, const std::exception& exception) {
  return refused("Exception", fmt::format("{} ended in an exception: {}", who, exception.what()));
}

// A directory belongs to the pipelines it was made for, and a pipeline's totals in it to one stream: a wrong
// path must not add up what does not belong together.
Result<void> check_contents(const std::vector<state::Contents>& contents, const std::string& directory,
                            const std::string& pipeline, const std::string& stream) {
  if (contents.empty()) {
    return {};
  }
  for (const auto& held : contents) {
    if (held.pipeline != pipeline) {
      continue;
    }
    if (!held.streams.empty() && std::find(held.streams.begin(), held.streams.end(), stream) == held.streams.end()) {
      return refused("StateOfAnotherStream",
                     fmt::format("the totals of pipeline {} in {} are of {}, not of {}; use another state directory",
                                 pipeline, directory, held.streams.front(), stream));
    }
    return {};
  }
  return refused("StateOfAnotherPipeline",
                 fmt::format("the state directory {} is that of pipeline {}, not of {}; use another directory",
                             directory, contents.front().pipeline, pipeline));
}

}  // namespace

Host::Host(stream::Source& source, const pipelines::Pipeline& pipeline, state::Store& store, const Options& options,
           std::string directory)
    : source_(source),
      pipeline_(pipeline),
      store_(store),
      options_(options),
      directory_(std::move(directory)),
      clock_(options.clock != nullptr ? *options.clock : system_clock()),
      started_(clock_.elapsed()),
      random_(options.seed != 0 ? Random(options.seed) : Random::from_machine()),
      forward_(options.stop, [this] { stop_.request_stop(); }),
      board_([this] {
        if (options_.until_caught_up) {
          stop_.request_stop();
        }
      }) {}

Task<void> Host::start() {
  WEIR_CO_CHECK(co_await or_stop(settle_start(), "starting"));
  for (std::uint32_t i = 0; i < options_.threads; ++i) {
    process::Processor::Context context;
    context.store = &store_;
    context.clock = &clock_;
    context.pipeline = &pipeline_;
    context.board = &board_;
    context.stream = source_.name();
    context.limits = options_.limits;
    context.on_gap = options_.on_gap;
    context.seed = random_();
    context.log = options_.log;
    context.on_dead_letter = options_.on_dead_letter;
    context.copy_dead_letters = options_.copy_dead_letters;
    processors_.push_back(std::make_unique<process::Processor>(std::move(context), positions_));
  }
  co_return Result<void>();
}

Task<void> Host::settle_start() {
  const auto name = source_.name();
  if (!directory_.empty()) {
    WEIR_CO_TRY(const auto contents, co_await store_.contents());
    WEIR_CO_CHECK(check_contents(contents, directory_, pipeline_.name(), name));
  }
  WEIR_CO_TRY(const auto stored, co_await store_.definition(pipeline_.name()));
  auto definition = pipeline_.definition();
  if (stored) {
    auto continued = pipelines::continue_definition(*stored, definition, clock_.now());
    if (!continued) {
      co_return refused(continued.error().code,
                        fmt::format("pipeline {}: {}", pipeline_.name(), continued.error().message));
    }
    definition = *std::move(continued);
  }
  WEIR_CO_TRY(auto identity, co_await source_.identify(stop_.get_token()));
  WEIR_CO_TRY(positions_, co_await store_.positions(pipeline_.name(), name));
  if (stored != definition) {
    WEIR_CO_CHECK(co_await store_.put_definition(pipeline_.name(), definition));
  }
  if (positions_.stream) {
    if (*positions_.stream != identity) {
      co_return refused(
          "StreamRecreated",
          fmt::format("stream {} was created again at {}; the state belongs to the one of {}. Its totals cannot "
                      "be continued: keep them, and give the pipeline a new state",
                      identity.name, to_string(identity.created), to_string(positions_.stream->created)));
    }
    co_return Result<void>();
  }
  state::Commit first;
  first.pipeline = pipeline_.name();
  first.stream = name;
  first.identity = identity;
  WEIR_CO_TRY(first.start, co_await source_.resolve_start(stop_.get_token()));
  first.start->settled = clock_.now();
  first.sync = true;
  WEIR_CO_CHECK(co_await store_.commit(first));
  positions_.stream = identity;
  positions_.start = first.start;
  co_return Result<void>();
}

Task<void> Host::work(std::uint32_t index) {
  auto& processor = *processors_[index];
  auto executor = co_await asio::this_coro::executor;
  std::stop_source side;
  TaskGroup beside(executor, std::stop_token());
  TaskGroup committing(executor, std::stop_token());
  committing.spawn(or_stop(processor.run(abandon_.get_token()), "committing"));
  std::optional<asio::signal_set> signals;
  if (index == 0) {
    beside.spawn(or_stop(watch(beside.stop_token()), "showing progress"));
    beside.spawn(or_stop(sync_now_and_then(beside.stop_token()), "syncing the store"));
    if (options_.serve_queries && !directory_.empty()) {
      auto serving = serve_queries(directory_, store_, pipeline_, source_.name(), options_.log, QueryLimits(),
                                   beside.stop_token());
      beside.spawn(or_stop(std::move(serving), "answering queries"));
    }
    if (options_.stop_on_signals) {
      signals.emplace(executor, SIGINT, SIGTERM);
      wait_for_signal(*signals);
    }
  }
  stream::Share share;
  share.index = index;
  share.count = options_.threads;
  auto read = co_await or_stop(read_source(share, processor), "reading the source");
  processor.close();
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
Task<void> Host::read_source(stream::Share share, process::Processor& processor) {
  co_return co_await source_.read(share, positions_, processor, stop_.get_token());
}

Task<void> Host::watch(std::stop_token stop) {
  while (options_.watch) {
    options_.watch(board_);
    WEIR_CO_CHECK(co_await clock_.sleep(options_.watch_interval, stop));
  }
  co_return Result<void>();
}

// A commit is on the disk with the next one; where none follows, here.
Task<void> Host::sync_now_and_then(std::stop_token stop) {
  for (;;) {
    WEIR_CO_CHECK(co_await clock_.sleep(options_.sync_interval, stop));
    auto synced = co_await store_.sync();
    if (!synced && synced.error().next == Next::retry) {
      board_.store_trouble(to_string(synced.error()));
    } else if (!synced) {
      co_return synced;
    }
  }
}

void Host::wait_for_signal(asio::signal_set& signals) {
  signals.async_wait([this, &signals](const boost::system::error_code& code, int /*number*/) {
    if (code) {
      return;
    }
    if (stop_.stop_requested()) {
      abandon_.request_stop();
    }
    stop_.request_stop();
    wait_for_signal(signals);
  });
}

Task<Report> Host::report() {
  WEIR_CO_CHECK(co_await store_.sync());
  Report made;
  made.totals = board_.totals();
  made.seconds = std::chrono::duration<double>(clock_.elapsed() - started_).count();
  made.caught_up = board_.all_caught_up();
  made.shards = board_.shards();
  WEIR_CO_TRY(auto stored, co_await store_.positions(pipeline_.name(), source_.name()));
  made.gaps = std::move(stored.gaps);
  co_return made;
}

}  // namespace weir::worker
