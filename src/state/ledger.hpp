#pragma once

#include <functional>

#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"

namespace weir::state {

/// A shard has one parent (split) or two (merge); a source of the user's own may have a few more.
inline constexpr std::size_t parents_max = 64;

/// What `judge` needs to know of the dead letters that are there.
struct StoredLetters {
  LetterSum sum;  ///< of the whole pipeline
  /// The size of a letter's payload; nullopt where there is no such letter in the commit's stream.
  std::function<Result<std::optional<std::uint64_t>>(const LetterId&)> payload_bytes;
};

/// What an applicable commit changes besides rows: the positions of its stream, its dead letters.
struct CommitChanges {
  std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards;
  /// New ones, and those noticed again or accepted since, each with its place among all gaps.
  std::vector<std::pair<std::size_t, stream::Gap>> gaps;
  bool stream = false;            ///< identity and start are stored for the first time
  std::vector<const DeadLetter*> letters;  ///< to be put, in this order; the commit's own
  LetterSum letter_sum;                    ///< of the pipeline afterwards, what is released taken away
};

/// Judges a commit against the stored positions and says what it changes; nullopt when all of it is stored
/// already (its answer was lost). The one place for the rule behind "a repeated commit changes nothing",
/// shared by the stores that keep positions in memory.
///
/// Each advance is either stored already, or continues from the stored position, or is from elsewhere.
/// One from elsewhere, or some of the first kind beside some of the second, is a `conflict`. An advance
/// that neither moves nor ends its shard says nothing and is passed over.
///
/// The letters that a commit releases are all there, or none is: then it is stored already. Some of them only
/// is a `conflict`. Rows and dead letters without any step and any release cannot be recognised when repeated,
/// and are `refused`; so is a commit that contradicts itself, and one whose letters go beyond its bound. Letters
/// to be rewritten that are not there are passed over.
///
/// Shards that are known already are passed over. A gap is known by its shard and `from`: one noticed later takes the
/// place of what is on record, one noticed at the same time can only be accepted, an older one is passed over.
/// Fails with what `letters` fails with, too.
Result<std::optional<CommitChanges>> judge(const stream::Positions& stored, const StoredLetters& letters,
                                           const Commit& commit);

/// Enters what `judge` found about positions.
void enter(const Commit& commit, CommitChanges&& changes, stream::Positions& positions);

/// Whether a pipeline's or a stream's name can be stored.
Result<void> check_name(std::string_view name);

/// The position of the shard whose events are claimed or confirmed, for every `Deduper`: `conflict` where the shard
/// is not known (`stored` null: nor the stream), `refused` where the events are not in the order of the shard.
Result<const stream::ShardPosition*> claimed_at(const stream::Positions* stored, const stream::ShardId& shard,
                                                std::span<const ShardEvent> events);

/// Whether a dead letter can have this name; there is none with another.
bool is_well_formed(const LetterId& id);

}  // namespace weir::state
