#pragma once

#include "weir/state/store.hpp"

namespace weir::state {

/// A shard has one parent (split) or two (merge); a source of the user's own may have a few more.
inline constexpr std::size_t parents_max = 64;

/// What an applicable commit changes in the positions of its stream.
struct PositionChanges {
  std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards;
  /// New ones, and those noticed again or accepted since, each with its place among all gaps.
  std::vector<std::pair<std::size_t, stream::Gap>> gaps;
  bool stream = false;            ///< identity and start are stored for the first time
};

/// Judges a commit against the stored positions and says what it changes; nullopt when all of it is stored
/// already (its answer was lost). The one place for the rule behind "a repeated commit changes nothing",
/// shared by the stores that keep positions in memory.
///
/// Each advance is either stored already, or continues from the stored position, or is from elsewhere.
/// One from elsewhere, or some of the first kind beside some of the second, is a `conflict`. An advance
/// that neither moves nor ends its shard says nothing and is passed over. Rows and dead letters without
/// any step cannot be recognised when repeated, and are `refused`; so is a commit that contradicts itself.
/// Shards that are known already are passed over, and so are gaps (same shard, same bounds), unless the
/// commit says that one is accepted now.
Result<std::optional<PositionChanges>> judge(const stream::Positions& stored, const Commit& commit);

/// Enters what `judge` found.
void enter(const Commit& commit, PositionChanges&& changes, stream::Positions& positions);

/// Whether a pipeline's or a stream's name can be stored.
Result<void> check_name(std::string_view name);

}  // namespace weir::state
