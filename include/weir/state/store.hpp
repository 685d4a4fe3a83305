#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/base/task.hpp"
#include "weir/stream/position.hpp"

namespace weir::state {

/// How a store keeps effects and positions together (docs/delivery.md).
enum class Strength : std::uint8_t {
  atomic,       ///< one commit is all or nothing
  replay_safe,  ///< each row carries its own position; a redelivery is recognised row by row
};

/// How two encoded rows become one. The rows' meaning belongs to the pipeline; a store only keeps them.
/// Total: whatever the bytes, it makes a row (an explicit mark where nothing better is possible), for a
/// compaction or a server cannot ask anybody. Thread-safe.
class Combiner {
 public:
  virtual ~Combiner() = default;
  /// `row` becomes row + delta; an empty row is "none yet".
  virtual void combine(std::string& row, std::string_view delta) const noexcept = 0;
};

/// A change of one row: what to add to it. Views live until the commit completes.
struct RowChange {
  std::string_view key;    ///< unique within the pipeline; at most `key_bytes_max`
  std::string_view delta;  ///< an encoded row
};
inline constexpr std::size_t key_bytes_max = 2048;

/// Names one dead letter within its pipeline and stream: the event that it was. Ordered as events are in a shard.
struct LetterId {
  stream::ShardId shard;
  stream::SequenceNumber sequence_number;
  bool unpacked = false;
  std::uint32_t sub = 0;

  friend bool operator==(const LetterId&, const LetterId&) = default;
  friend auto operator<=>(const LetterId&, const LetterId&) = default;
};

/// A record that could not be decoded or merged, kept whole.
struct DeadLetter {
  stream::ShardId shard;
  stream::SequenceNumber sequence_number;
  std::uint32_t sub = 0;
  bool unpacked = false;
  std::string partition_key;
  Timestamp arrival{};
  std::string code;    ///< a short name: "BadJson", "MissingKey"
  std::string reason;  ///< a sentence, without the payload
  std::string payload;
  std::uint32_t attempts = 1;  ///< how often it failed: when it was read, and at each replay

  LetterId id() const { return {shard, sequence_number, unpacked, sub}; }
};

/// Dead letters in numbers: their payloads' sizes added up.
struct LetterSum {
  std::uint64_t letters = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const LetterSum&, const LetterSum&) = default;
};

/// A shard's step forward. `from` is where it stood: a commit applies only onto that, and changes nothing
/// where `to` is already stored (a retry whose first answer was lost).
struct ShardAdvance {
  stream::ShardId shard;
  stream::SequenceNumber from;
  stream::SequenceNumber to;  ///< equals `from` when only the end is new
  bool ended = false;
  Timestamp arrival{};     ///< of the record `to`
  Timestamp read_up_to{};  ///< see ShardPosition
};

/// One write: effects and the positions they bring. Views live until the commit completes.
struct Commit {
  std::string pipeline;
  std::string stream;  ///< the source's name: "kinesis:flights"
  std::optional<stream::StreamIdentity> identity;  ///< the first commit of all
  std::optional<stream::Start> start;              ///< with `identity`
  std::vector<std::pair<stream::ShardId, stream::ShardPosition>> discovered;  ///< ignored where known already
  std::vector<ShardAdvance> advances;
  /// Newer `read_up_to` of quiet shards; unconditional, ignored for shards never seen.
  std::vector<std::pair<stream::ShardId, Timestamp>> observed;
  std::vector<RowChange> rows;
  std::vector<DeadLetter> dead_letters;
  /// Where the dead letters would take the pipeline beyond it, in their number or their bytes, the commit is
  /// `refused` with code "DeadLettersFull" and changes nothing. One that adds none passes, whatever is there.
  std::optional<LetterSum> dead_letters_max;
  /// Dead letters that leave: replayed, their `rows` in this commit, or dropped. All of them are there, or none
  /// is, which is the retry of a commit whose answer was lost: it changes nothing. Some only: a `conflict`. Not
  /// together with `advances`; and a letter named here is named nowhere else in the commit.
  std::vector<LetterId> released;
  /// Dead letters that failed again: put in the place of themselves; ignored where they are not there.
  std::vector<DeadLetter> rewritten;
  std::vector<stream::Gap> gaps;
  bool sync = false;  ///< on the disk before it completes
};

/// A payload has up to 10 MiB, so that pages of dead letters are limited by bytes too.
inline constexpr std::size_t letter_page_bytes = 4U * 1024 * 1024;

/// What a store holds of one pipeline.
struct Contents {
  std::string pipeline;
  std::vector<std::string> streams;  ///< the sources' names, of which there is a position or a start
};

struct Row {
  std::string key;
  std::string value;
};

/// State and position live together. Any thread may call it, several at a time; what blocks runs off the
/// caller's loop. Errors: `retry` (a transient failure; nothing or everything happened, the same commit
/// may be tried again), `conflict` (the positions are not where the commit says), `corrupt`, `refused`.
class Store {
 public:
  virtual ~Store() = default;

  virtual Strength strength() const noexcept = 0;

  /// Applies the commit. All advances of a commit apply, or are all applied already; a mixture or a step
  /// from elsewhere is a `conflict` and changes nothing. Rows and dead letters come with an advance that moves,
  /// or with letters that are released; a commit without, or one that contradicts itself, is `refused` with
  /// code "BadCommit".
  virtual Task<void> commit(const Commit& commit) = 0;

  /// The pipelines that have state here, in the order of their names.
  virtual Task<std::vector<Contents>> contents() = 0;

  /// Everything stored about the pipeline's reading of the stream; empty before the first commit.
  virtual Task<stream::Positions> positions(std::string_view pipeline, std::string_view stream) = 0;

  /// The pipeline's stored definition, if any; and its storing, durable when complete.
  virtual Task<std::optional<std::string>> definition(std::string_view pipeline) = 0;
  virtual Task<void> put_definition(std::string_view pipeline, std::string_view definition) = 0;

  /// Rows in the order of `keys`; absent rows are nullopt.
  virtual Task<std::vector<std::optional<std::string>>> get_many(std::string_view pipeline,
                                                                 std::span<const std::string> keys) = 0;
  /// Up to `rows_max` rows in key order that start with `prefix` and come after `after` (empty: from the
  /// first). Fewer than `rows_max`: the last page.
  virtual Task<std::vector<Row>> scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                                      std::size_t rows_max) = 0;
  /// Dead letters in the order of (shard, sequence number), after the given event (empty: the first). A page is
  /// full at `letters_max`, or once its payloads reach `letter_page_bytes`; an empty one comes after the last.
  virtual Task<std::vector<DeadLetter>> dead_letters(std::string_view pipeline, std::string_view stream,
                                                     const DeadLetter* after, std::size_t letters_max) = 0;
  /// One dead letter, whole; nullopt where there is none of that name.
  virtual Task<std::optional<DeadLetter>> dead_letter(std::string_view pipeline, std::string_view stream,
                                                      const LetterId& id) = 0;
  /// The pipeline's dead letters of all streams; exact, and cheap to ask for.
  virtual Task<LetterSum> dead_letter_sum(std::string_view pipeline) = 0;

  /// Forgets everything about the pipeline: rows, positions, gaps, dead letters, claims, definition. All of it or, where it
  /// fails (`retry`), nothing or all; durable when complete. A pipeline unknown here is forgotten already. Whoever
  /// still commits for it then gets a `conflict`, for its shards are not known; under its name another may start.
  virtual Task<void> forget(std::string_view pipeline) = 0;

  /// Makes a copy of everything in a directory that does not exist yet, beside directories that do: one moment
  /// between two commits, while commits go on. The copy is a state directory like this one; on the disk when
  /// complete. A failed copying leaves nothing behind; an interrupted one may leave `<directory>.copying-` and
  /// six letters. Fails with `refused`: code "StateNotOnDisk" by a store that is not on the disk,
  /// "DirectoryExists", "StateUnusable" where nothing can be made there; with `retry` where the disk is full or
  /// fails; `corrupt` where a file of the state is damaged.
  virtual Task<void> copy_to(const std::string& directory) = 0;

  /// Puts everything committed so far on the disk.
  virtual Task<void> sync() = 0;
};

}  // namespace weir::state
