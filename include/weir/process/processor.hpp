#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weir/base/backoff.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/log.hpp"
#include "weir/base/signal.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/process/board.hpp"
#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"
#include "weir/stream/source.hpp"

namespace weir::process {

struct Origin;
struct UnpackCounts;
struct FailedRecord;
struct HandledBatch;
class Handling;
class Unpacking;

/// What to do when records were lost before they were read.
enum class OnGap : std::uint8_t { halt, go_on };

/// When coalesced changes are committed: whichever comes first.
struct Limits {
  std::uint64_t records_max = 100'000;
  std::size_t bytes_max = 64U * 1024 * 1024;  ///< memory of the changes and dead letters not yet committed
  std::chrono::milliseconds age_max{1000};    ///< of the oldest change
};

/// The core of every host, one for each loop: decodes and folds batches into changes, coalesces them over
/// batches and shards, and commits them with the positions they bring, one atomic write after another
/// while the next changes gather. A failing record becomes a dead letter of the same write. What `accept`
/// took is durable once `settled` or `close` says so. Where the pipeline is a handler, it runs instead of folding, and
/// `accept` completes after it. Everything in `Context` must outlive it.
class Processor final : public stream::Sink {
 public:
  struct Context {
    state::Store* store = nullptr;
    state::Deduper* deduper = nullptr;  ///< the store's; needed where the pipeline is a handler
    Clock* clock = nullptr;
    const pipelines::Pipeline* pipeline = nullptr;
    Board* board = nullptr;
    std::string stream;  ///< the source's name: "kinesis:flights"
    Limits limits;
    OnGap on_gap = OnGap::halt;
    bool accept_loss = false;  ///< goes on after the gaps that are on record at the start
    /// Between two notes of how far quiet shards have been read.
    std::chrono::milliseconds observe_interval{60'000};
    std::uint64_t seed = 0;
    Log log;
    /// Hears of each dead letter when it is made. An exception from it is logged.
    std::function<void(const state::DeadLetter&)> on_dead_letter;
    /// Called before the dead letters of a commit are stored; a failure with `retry` is tried again, any
    /// other ends `run`, and so does an exception.
    std::function<Task<void>(std::span<const state::DeadLetter>, std::stop_token)> copy_dead_letters;
  };

  /// `positions` are the pipeline's own. `read_from` is what the source was given, where it is not the same: it may
  /// begin before them, for another pipeline's sake, and what lies between is passed over here.
  Processor(Context context, const stream::Positions& positions, const stream::Positions& read_from);
  Processor(Context context, const stream::Positions& positions)
      : Processor(std::move(context), positions, positions) {}
  ~Processor() override;

  /// Commits until `close` (succeeds) or until a commit can never succeed (fails; `accept` then fails too).
  /// Runs beside the source's `read` on the same loop. `abandon` gives up a commit that is being retried.
  Task<void> run(std::stop_token abandon);
  /// Asks `run` to commit everything accepted, and to end.
  void close();

  /// Whether the shard is one of the pipeline's, whichever loop heard of it.
  bool knows(std::string_view shard) const;
  /// Whether a shard that was never seen before becomes one of the pipeline's: a start by sequence number takes in
  /// its own shard and what descends from it.
  bool wants(const stream::ShardId& shard, const stream::ShardPosition& position) const;
  /// A batch of the shard was read and is to be taken: what is reported until then says nothing of this pipeline.
  void expect(const stream::ShardId& shard);
  /// `accept`, of a batch that others take too.
  Task<void> take(const stream::Batch& batch);

  Board& board() noexcept { return *context_.board; }

  Task<void> discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards) override;
  Task<void> accept(stream::Batch batch) override;
  Task<void> settled(const stream::ShardId& shard) override;
  Task<void> gap(stream::Gap gap) override;
  void report(const stream::ShardStatus& status) override;

 private:
  struct Shard;
  struct Round;

  Shard& shard(const stream::ShardId& id);
  void learn(Shard& of, const stream::ShardPosition& position, const stream::ShardPosition* read_from) const;
  std::span<const stream::RawRecord> not_taken_yet(const Shard& of, std::span<const stream::RawRecord> records) const;
  bool full() const;
  Duration until_due() const;
  void wake();
  Task<void> take_in(Shard& of, const stream::Batch& batch);
  Task<void> wait_for_round();
  Task<void> count_stored_letters();
  state::ShardAdvance& advance_of(const stream::ShardId& id, Shard& of);
  void note_taken(Shard& of, const stream::Batch& batch, std::span<const stream::RawRecord> records);
  void end(const stream::Batch& batch, Shard& of, state::ShardAdvance& advance);
  std::size_t take_some(const stream::Batch& batch, std::span<const stream::RawRecord> records, HandledBatch& handled);
  std::size_t take_handled(const stream::Batch& batch, std::span<const stream::RawRecord> records,
                           HandledBatch& handled);
  std::size_t take_plain(const stream::Batch& batch, std::span<const stream::RawRecord> records);
  std::size_t take_unpacked(const stream::Batch& batch, std::span<const stream::RawRecord> records);
  bool take_unpacked_alone(const stream::Batch& batch, std::span<const stream::RawRecord> record);
  void count(const UnpackCounts& counts);
  bool fold(const stream::Batch& batch, std::span<const stream::RawRecord> records, std::span<const Origin> origins);
  state::LetterSum room() const;
  bool fits(const stream::Batch& batch, const state::LetterSum& need, const FailedRecord& first);
  bool fail(const stream::Batch& batch, const FailedRecord& failed);
  static state::DeadLetter letter_of(const stream::Batch& batch, const FailedRecord& failed);
  Error no_room_for(const state::DeadLetter& letter) const;
  void give_up(Error failure);
  void tell(const state::DeadLetter& letter) const;
  bool is_accepted(const stream::Gap& gap, const Shard& of) const;
  Task<void> commit_rounds();
  Task<void> write(Round& round);
  Task<void> commit(const state::Commit& commit);
  using Attempt = std::function<Task<void>()>;
  Task<void> until_done(const Attempt& attempt, std::string_view what, std::stop_token give_up, bool of_commit);
  state::Commit make_commit(Round& round);
  void settle(Round& round);
  void observe(state::Commit& commit);

  Context context_;
  const pipelines::FailurePolicy policy_;
  const std::optional<stream::Start> start_;
  const bool read_from_start_;  // the source begins at `start_` where there is no position
  const std::vector<stream::Gap> gaps_at_start_;
  std::unique_ptr<pipelines::Folder> folder_;
  std::unique_ptr<Unpacking> unpacking_;  // where the pipeline says so
  std::unique_ptr<Handling> handling_;    // where the pipeline is a handler
  std::map<stream::ShardId, Shard, std::less<>> shards_;
  std::unique_ptr<Round> filling_;  // takes changes
  std::unique_ptr<Round> writing_;  // being committed, or spare
  std::uint64_t rounds_written_ = 0;
  bool settle_wanted_ = false;
  bool closing_ = false;
  std::optional<Error> failure_;
  // The pipeline goes no further, for the sake of a record that it stands before: all until there is committed still.
  std::optional<Error> halted_;
  std::optional<Error> no_room_;  // why the last records were not taken
  Random random_;
  std::stop_token abandon_;
  std::stop_source handlers_end_;  // nothing that they wait for is of use any more
  using Forward = std::stop_callback<std::function<void()>>;
  std::optional<Forward> on_abandon_;
  std::optional<Forward> on_halt_;
  Duration observed_at_;
  Signal written_;  // a round was committed, or never will be
  std::stop_source nap_;  // ends the committer's wait
  std::vector<pipelines::Failure> failures_;
  std::unique_ptr<pipelines::Deltas> scratch_;  // what is folded to see whether it fails
};

}  // namespace weir::process
