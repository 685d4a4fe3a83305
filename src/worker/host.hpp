#pragma once

#include <boost/asio/signal_set.hpp>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/random.hpp"
#include "weir/worker/worker.hpp"

namespace weir::worker {

/// A worker without its threads: what comes before the first read, what each loop does, what is told at the
/// end. `run` gives each loop a thread; a simulation runs them all on one. Everything given to the
/// constructor must outlive it. Any exception of the user's code comes out of its tasks as an Error.
class Host {
 public:
  /// `directory`: of the state, where queries are answered; empty: nowhere.
  Host(stream::Source& source, const pipelines::Pipeline& pipeline, state::Store& store, const Options& options,
       std::string directory);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Is this the pipeline and the stream that the state belongs to, and where does reading begin? Once,
  /// before `work`.
  Task<void> start();
  /// One loop: reads its share of the shards until there is nothing more, a stop, or an error. Each of
  /// `Options::threads` once, beside each other.
  Task<void> work(std::uint32_t index);
  /// After all loops.
  Task<Report> report();

  /// Ends all loops in order: everything taken in is committed first. Any thread.
  void request_stop() { stop_.request_stop(); }
  /// Gives up a commit that the store keeps refusing. Any thread.
  void abandon() { abandon_.request_stop(); }
  const process::Board& board() const { return board_; }

 private:
  Task<void> settle_start();
  Task<void> or_stop(Task<void> task, std::string_view who);
  Task<void> read_source(stream::Share share, process::Processor& processor);
  Task<void> watch(std::stop_token stop);
  Task<void> sync_now_and_then(std::stop_token stop);
  void wait_for_signal(boost::asio::signal_set& signals);

  stream::Source& source_;
  const pipelines::Pipeline& pipeline_;
  state::Store& store_;
  const Options& options_;
  const std::string directory_;
  Clock& clock_;
  const Duration started_;
  Random random_;
  std::stop_source stop_;
  std::stop_source abandon_;
  std::stop_callback<std::function<void()>> forward_;
  process::Board board_;
  stream::Positions positions_;
  std::vector<std::unique_ptr<process::Processor>> processors_;  // by loop
};

}  // namespace weir::worker
