#include "weir/worker/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <exception>
#include <optional>
#include <thread>

#include "weir/base/task_group.hpp"
#include "weir/pipeline/extract.hpp"
#include "worker/query_server.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;

// One thread, its event loop, and the processor of its share of the shards.
struct Loop {
  asio::io_context context{1};
  std::unique_ptr<process::Processor> processor;
  Result<void> outcome;
  std::exception_ptr exception;
};

using Loops = std::vector<std::unique_ptr<Loop>>;

// Runs a task to its end on the calling thread.
template <class T>
Result<T> run_on(asio::io_context& context, Task<T> task) {
  std::optional<Result<T>> outcome;
  std::exception_ptr exception;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, Result<T> result) {
    exception = thrown;
    outcome.emplace(std::move(result));
  });
  context.restart();
  context.run();
  if (exception != nullptr) {
    std::rethrow_exception(exception);
  }
  return std::move(*outcome);
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

class Run {
 public:
  Run(stream::Source& source, const pipelines::Pipeline& pipeline, state::Store& store, const Options& options,
      Loops& loops)
      : source_(source),
        pipeline_(pipeline),
        store_(store),
        options_(options),
        loops_(loops),
        clock_(options.clock != nullptr ? *options.clock : system_clock()),
        random_(options.seed != 0 ? Random(options.seed) : Random::from_machine()),
        forward_(options.stop, [this] { stop_.request_stop(); }),
        board_([this] {
          if (options_.until_caught_up) {
            stop_.request_stop();
          }
        }) {}

  /// An exception of the user's code (a source, a store, a callback) comes out as an Error.
  Result<Report> run() {
    try {
      return run_or_throw();
    } catch (const std::exception& exception) {
      return from_exception("the run", exception);
    }
  }

 private:
  static Error from_exception(std::string_view who, const std::exception& exception) {
    return refused("Exception", fmt::format("{} ended in an exception: {}", who, exception.what()));
  }

  Result<Report> run_or_throw() {
    const auto started = clock_.elapsed();
    for (std::uint32_t i = 0; i < options_.threads; ++i) {
      loops_.push_back(std::make_unique<Loop>());
    }
    WEIR_CHECK(run_on(loops_.front()->context, start()));
    std::vector<std::jthread> threads;
    for (auto& loop : loops_) {
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
      loop->processor = std::make_unique<process::Processor>(std::move(context), positions_);
    }
    for (std::uint32_t i = 1; i < options_.threads; ++i) {
      threads.emplace_back([this, i] { run_loop(i); });
    }
    run_loop(0);
    threads.clear();
    return report(started);
  }

  // Before the first read: is this the pipeline and the stream that the state belongs to, and where does
  // reading begin?
  Task<void> start() {
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
    first.sync = true;
    WEIR_CO_CHECK(co_await store_.commit(first));
    positions_.stream = identity;
    positions_.start = first.start;
    co_return Result<void>();
  }

  void run_loop(std::uint32_t index) {
    auto& loop = *loops_[index];
    try {
      loop.outcome = run_on(loop.context, work(index));
    } catch (...) {  // carried to the caller's thread
      loop.exception = std::current_exception();
    }
    if (!loop.outcome || loop.exception != nullptr) {
      stop_.request_stop();
    }
  }

  Task<void> work(std::uint32_t index) {
    auto& processor = *loops_[index]->processor;
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
  Task<void> or_stop(Task<void> task, std::string_view who) {
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
  Task<void> read_source(stream::Share share, process::Processor& processor) {
    co_return co_await source_.read(share, positions_, processor, stop_.get_token());
  }

  Task<void> watch(std::stop_token stop) {
    while (options_.watch) {
      options_.watch(board_);
      WEIR_CO_CHECK(co_await clock_.sleep(options_.watch_interval, stop));
    }
    co_return Result<void>();
  }

  // A commit is on the disk with the next one; where none follows, here.
  Task<void> sync_now_and_then(std::stop_token stop) {
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

  void wait_for_signal(asio::signal_set& signals) {
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

  Result<Report> report(Duration started) {
    for (auto& loop : loops_) {
      if (loop->exception != nullptr) {
        std::rethrow_exception(loop->exception);
      }
    }
    for (auto& loop : loops_) {
      WEIR_CHECK(std::move(loop->outcome));
    }
    WEIR_CHECK(run_on(loops_.front()->context, store_.sync()));
    Report made;
    made.totals = board_.totals();
    made.seconds = std::chrono::duration<double>(clock_.elapsed() - started).count();
    made.caught_up = board_.all_caught_up();
    made.shards = board_.shards();
    WEIR_TRY(auto stored, run_on(loops_.front()->context, store_.positions(pipeline_.name(), source_.name())));
    made.gaps = std::move(stored.gaps);
    return made;
  }

 public:
  void serve_queries_in(std::string directory) { directory_ = std::move(directory); }

 private:
  stream::Source& source_;
  const pipelines::Pipeline& pipeline_;
  state::Store& store_;
  const Options& options_;
  Loops& loops_;
  Clock& clock_;
  Random random_;
  std::string directory_;  // of the state; empty: none
  std::stop_source stop_;
  std::stop_source abandon_;
  std::stop_callback<std::function<void()>> forward_;
  process::Board board_;
  stream::Positions positions_;
};

Result<void> validate(const Options& options) {
  if (options.threads < 1 || options.threads > threads_max) {
    return refused("BadOptions", fmt::format("threads: {} is not within 1 and {}", options.threads, threads_max));
  }
  if (options.limits.records_max < 1) {
    return refused("BadOptions", "limits.records_max: must be at least 1");
  }
  if (options.limits.age_max.count() < 1) {
    return refused("BadOptions", "limits.age_max: must be at least 1 ms");
  }
  if (options.sync_interval.count() < 1) {
    return refused("BadOptions", "sync_interval: must be at least 1 ms");
  }
  return {};
}

}  // namespace

Result<Report> run(stream::Source& source, const Result<pipelines::PipelinePtr>& built, const Options& options) {
  WEIR_CHECK(validate(options));
  if (!built) {
    return built.error();
  }
  const auto& pipeline = *built;
  // Before the store, whose threads may be leaving a loop still when the last commit has completed.
  Loops loops;
  std::unique_ptr<OpenStore> own;
  if (options.store == nullptr) {
    WEIR_TRY(own, open_store(options.state, *pipeline, options.log));
  }
  Run running(source, *pipeline, own != nullptr ? own->store() : *options.store, options, loops);
  if (own != nullptr) {
    running.serve_queries_in(state_directory(options.state, *pipeline));
  }
  return running.run();
}

}  // namespace weir::worker
