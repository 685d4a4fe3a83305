#pragma once

#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/random.hpp"
#include "weir/base/task_group.hpp"
#include "weir/process/group.hpp"
#include "weir/worker/worker.hpp"
#include "worker/status_server.hpp"

namespace weir::worker {

/// A worker without its threads: what comes before the first read, what each loop does, what is told at the
/// end. `run` gives each loop a thread; a simulation runs them all on one. Everything given to the
/// constructor must outlive it. Any exception of the user's code comes out of its tasks as an Error.
class Host {
 public:
  /// A pipeline and where its state is: `job.store` is set.
  struct Place {
    Job job;
    std::string directory;  ///< where queries are answered; empty: nowhere
  };

  Host(stream::Source& source, std::vector<Place> places, const Options& options);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Are these the pipelines and the stream that the states belong to, and where does reading begin? Once,
  /// before `work`.
  Task<void> start();
  /// One loop: reads its share of the shards until there is nothing more, a stop, or an error. Each of
  /// `Options::threads` once, beside each other.
  Task<void> work(std::uint32_t index);
  /// After all loops.
  Task<std::vector<Report>> reports();

  /// Ends all loops in order: everything taken in is committed first. Any thread.
  void request_stop() { stop_.request_stop(); }
  /// Gives up a commit that the store keeps refusing. Any thread.
  void abandon() { abandon_.request_stop(); }
  /// Of the pipelines, in their order.
  std::span<const process::Board* const> boards() const noexcept { return boards_; }

 private:
  struct Member;

  Task<void> settle_start();
  Task<void> settle(Member& member, const stream::StreamIdentity& identity, std::optional<stream::Start>& start);
  Task<std::string> settle_definition(const Member& member);
  Task<void> accept_losses(Member& member);
  Task<void> meet();
  Result<void> listen();
  void serve_status(TaskGroup& beside);
  std::unique_ptr<process::Processor> make_processor(Member& member);
  void stop_if_caught_up();
  void say(LogLevel level, const std::string& sentence) const;
  Task<void> or_stop(Task<void> task, std::string_view who);
  Task<void> read_source(stream::Share share, process::Group& group);
  Task<void> watch(std::stop_token stop);
  Task<void> sync_now_and_then(std::stop_token stop);
  Task<void> limit_drain(std::stop_token stop);
  std::string where_they_stand() const;
  Task<void> tell_stuck(std::stop_token stop);
  template <class T>
  Task<T> while_transient(std::function<Task<T>()> attempt);
  Task<Report> report(const Member& member);
  void wait_for_signal(boost::asio::signal_set& signals);

  stream::Source& source_;
  const Options& options_;
  Clock& clock_;
  const Duration started_;
  Random random_;
  std::stop_source stop_;
  std::stop_source abandon_;
  std::optional<Duration> signalled_at_;
  std::stop_callback<std::function<void()>> forward_;
  metrics::Registry metrics_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<const process::Board*> boards_;
  stream::Positions read_from_;
  std::vector<std::unique_ptr<process::Group>> groups_;  // by loop
  std::unique_ptr<StatusServer> status_server_;
};

}  // namespace weir::worker
