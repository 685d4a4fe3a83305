#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/base/log.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/process/board.hpp"
#include "weir/process/processor.hpp"
#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"
#include "weir/stream/source.hpp"

namespace weir::worker {

/// What is one pipeline's own.
struct Own {
  /// Where totals and positions live: a directory, made where missing, or `memory`. Empty:
  /// `weir-state/<pipeline>` under the current directory. Ignored when `store` is set.
  std::string state;
  /// A store of the caller's; must outlive the run. Several pipelines may share one.
  state::Store* store = nullptr;
  /// With `store`, and needed where the pipeline is a handler: what tells which records it has run for. Lives with
  /// the store; ours are both.
  state::Deduper* deduper = nullptr;
  /// Hears of each dead letter when it is made, on its loop's thread; before it is committed.
  std::function<void(const state::DeadLetter&)> on_dead_letter;
  /// Copies dead letters elsewhere before they are stored with the state; at least once each.
  std::function<Task<void>(std::span<const state::DeadLetter>, std::stop_token)> copy_dead_letters;
};

/// How a worker runs. Defaults are safe: state on disk, a halt where records were lost.
struct Options : Own {
  /// Loops, each on a thread of its own with its share of the shards. 1 to `threads_max`.
  std::uint32_t threads = 1;
  process::Limits limits;
  process::OnGap on_gap = process::OnGap::halt;
  /// Goes on after the gaps that are on record now; another one halts as `on_gap` says.
  bool accept_loss = false;
  /// A shard that gets nowhere for so long is reported as stuck.
  std::chrono::milliseconds stuck_after{300'000};
  /// After a stop was asked for: how long commits may be tried before what they hold is left to the next start.
  std::chrono::milliseconds drain_max{30'000};
  /// Ends when each shard has been 0 behind the stream's newest record, or has ended, since the start.
  bool until_caught_up = false;
  /// How long a commit may wait for the disk when no other follows it. A power cut takes back at most this.
  std::chrono::milliseconds sync_interval{10'000};
  /// SIGINT and SIGTERM stop the run: everything taken in is committed first. A second one, a second later or more,
  /// gives up a commit that the store keeps refusing.
  bool stop_on_signals = false;
  /// Counts each pipeline's keys at the end, for the report: reads every row.
  bool count_keys = false;
  /// Stops the run likewise.
  std::stop_token stop;
  /// Answers queries on a socket in the state directory while it runs (see query.hpp).
  bool serve_queries = true;
  /// Where /metrics (Prometheus), /healthz and /readyz are answered over HTTP while it runs: `PORT`, on the loopback
  /// address, or `ADDRESS:PORT`; port 0 picks one. Empty: nowhere. Nobody is asked who they are.
  std::string serve;
  /// Told where that is, `http://127.0.0.1:9100`, before the first read.
  std::function<void(std::string_view url)> on_serving;
  Log log;
  Clock* clock = nullptr;  ///< the machine's when null
  std::uint64_t seed = 0;  ///< of the jitter in waits; 0: from the machine
  /// Called every `watch_interval` on a loop's thread, to show progress: a board for each pipeline, in their order.
  std::function<void(std::span<const process::Board* const>)> watch;
  std::chrono::milliseconds watch_interval{250};

  Options() {}
};
inline constexpr std::uint32_t threads_max = 64;

/// What a run did with one pipeline, after everything it took in was committed.
struct Report {
  std::string pipeline;
  /// Why it went no further than its positions, while others went on.
  std::optional<Error> halted;
  process::Board::Totals totals;
  std::optional<std::uint64_t> keys;  ///< where they were to be counted
  double seconds = 0;
  bool caught_up = false;  ///< every shard has been 0 behind or has ended
  std::map<stream::ShardId, process::Board::Shard> shards;
  std::vector<stream::Gap> gaps;  ///< ever put on record with this state: what the totals may lack
};

/// Runs a pipeline over a source until it has nothing more, is asked to stop, or cannot go on: reads,
/// folds, commits, follows the source's shards, drains on stop. Blocks the calling thread, which is one of
/// its loops. Fails with `refused` and a sentence before the first read when the stream is missing, is
/// another than the stored positions', or the state belongs to another definition or process.
/// An exception thrown by a source, store or callback of the user's ends the run with code "Exception".
/// Takes a PipelineBuilder as it is; a pipeline that could not be built is refused likewise.
Result<Report> run(stream::Source& source, const Result<pipelines::PipelinePtr>& pipeline,
                   const Options& options = Options());

/// One of several pipelines.
struct Job : Own {
  pipelines::PipelinePtr pipeline;
};

/// Runs several pipelines on one read, each with its own state, from its own positions: one may be added at any time,
/// and one that halts holds back only itself (its report says why). What `options` holds of one pipeline's own is
/// passed over. A report for each, in their order, also when all have halted.
Result<std::vector<Report>> run(stream::Source& source, std::vector<Job> jobs, const Options& options = Options());

/// The same for a typed source: the pipeline decodes with the source's decoder, and the source's
/// `on_decode_error` hears of each record that becomes a dead letter.
template <class T>
Result<Report> run(kinesis::Source<T>& source, pipelines::PipelineBuilder<T> pipeline, Options options = Options()) {
  const auto& config = source.config();
  // The ready decoder is known by name in the pipeline's definition, and works in place.
  if (config.decode.template target<decode::JsonDecoder<T>>() != nullptr) {
    pipeline.decode(*config.decode.template target<decode::JsonDecoder<T>>());
  } else {
    pipeline.decode(config.decode);
  }
  if (config.on_decode_error && !options.on_dead_letter) {
    options.on_dead_letter = [told = config.on_decode_error](const state::DeadLetter& letter) {
      told(letter.payload, letter.shard, letter.sequence_number.text(), corrupt(letter.code, letter.reason));
    };
  }
  return run(static_cast<stream::Source&>(source), pipeline.build(), options);
}

/// Opens the store that `state` names (see Options) for `pipeline`. `threads` run its blocking work.
class OpenStore {
 public:
  virtual ~OpenStore() = default;
  virtual state::Store& store() = 0;
  virtual state::Deduper& deduper() = 0;
};
Result<std::unique_ptr<OpenStore>> open_store(const std::string& state, const pipelines::Pipeline& pipeline,
                                              const Log& log);
/// The directory that `state` names for this pipeline; empty for `memory`.
std::string state_directory(const std::string& state, const pipelines::Pipeline& pipeline);
/// Whether a state that holds `contents` may be this pipeline's over this stream (the source's name): empty, or its
/// own.
Result<void> check_contents(const std::vector<state::Contents>& contents, const std::string& directory,
                            const std::string& pipeline, const std::string& stream);

}  // namespace weir::worker
