#include "weir/worker/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <list>
#include <optional>
#include <thread>

#include "worker/host.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;

// One thread and its event loop.
struct Loop {
  asio::io_context context{1};
  Result<void> outcome;
};
using Loops = std::list<Loop>;

// Runs a task to its end on the calling thread.
template <class T>
Result<T> run_on(asio::io_context& context, Task<T> task) {
  std::optional<Result<T>> outcome;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr exception, Result<T> result) {
    try {
      if (exception != nullptr) {
        std::rethrow_exception(exception);
      }
      outcome.emplace(std::move(result));
    } catch (const std::exception& what) {
      outcome.emplace(refused("Exception", fmt::format("the worker ended in an exception: {}", what.what())));
    }
  });
  context.restart();
  context.run();
  return std::move(*outcome);
}

Result<std::vector<Report>> run_on_threads(Host& host, Loops& loops) {
  WEIR_CHECK(run_on(loops.front().context, host.start()));
  const auto work = [&host](Loop& loop, std::uint32_t index) {
    loop.outcome = run_on(loop.context, host.work(index));
    if (!loop.outcome) {
      host.request_stop();
    }
  };
  {
    std::vector<std::jthread> threads;
    std::uint32_t index = 0;
    for (auto& loop : loops) {
      if (index > 0) {
        threads.emplace_back([&work, &loop, index] { work(loop, index); });
      }
      ++index;
    }
    work(loops.front(), 0);
  }
  Result<void> ended;
  for (auto& loop : loops) {
    if (!loop.outcome) {
      ended = std::move(loop.outcome);
      break;
    }
  }
  const bool all_halted = std::ranges::all_of(host.boards(), [](const auto* board) { return board->is_halted(); });
  if (!ended && !all_halted) {
    return ended.error();
  }
  auto reports = run_on(loops.front().context, host.reports());
  if (!reports && !ended) {
    return ended.error();  // it halted because of its store
  }
  return reports;
}

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
  if (options.stuck_after.count() < 1 || options.drain_max.count() < 1) {
    return refused("BadOptions", "stuck_after, drain_max: must be at least 1 ms");
  }
  if (options.sync_interval.count() < 1) {
    return refused("BadOptions", "sync_interval: must be at least 1 ms");
  }
  return {};
}

}  // namespace

Result<std::vector<Report>> run(stream::Source& source, std::vector<Job> jobs, const Options& options) {
  WEIR_CHECK(validate(options));
  if (jobs.empty()) {
    return refused("BadOptions", "jobs: there is no pipeline to run");
  }
  // Before the stores, whose threads may be leaving a loop still when the last commit has completed.
  Loops loops(options.threads);
  std::vector<std::unique_ptr<OpenStore>> opened;
  std::vector<Host::Place> places;
  for (auto& job : jobs) {
    const auto same = [&job](const Host::Place& other) { return other.job.pipeline->name() == job.pipeline->name(); };
    if (std::ranges::any_of(places, same)) {
      return refused("BadOptions", fmt::format("jobs: there are two pipelines named {}", job.pipeline->name()));
    }
    Host::Place place;
    if (job.store == nullptr) {
      WEIR_TRY(auto own, open_store(job.state, *job.pipeline, options.log));
      job.store = &own->store();
      job.deduper = &own->deduper();
      place.directory = state_directory(job.state, *job.pipeline);
      opened.push_back(std::move(own));
    }
    if (job.pipeline->handler() != nullptr && job.deduper == nullptr) {
      return refused("NoDeduper", fmt::format("pipeline {} is a handler: it needs the `deduper` of its store",
                                              job.pipeline->name()));
    }
    place.job = std::move(job);
    places.push_back(std::move(place));
  }
  Host host(source, std::move(places), options);
  return run_on_threads(host, loops);
}

Result<Report> run(stream::Source& source, const Result<pipelines::PipelinePtr>& built, const Options& options) {
  if (!built) {
    return built.error();
  }
  Job job;
  static_cast<Own&>(job) = static_cast<const Own&>(options);
  job.pipeline = *built;
  WEIR_TRY(auto reports, run(source, std::vector<Job>{std::move(job)}, options));
  auto& report = reports.front();
  if (report.halted) {
    return *std::move(report.halted);
  }
  return std::move(report);
}

}  // namespace weir::worker
