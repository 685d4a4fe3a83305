#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulation/effects.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/stream/position.hpp"

namespace weir::simulation {

/// One making of the stream as it truly was, and what a reader cannot be blamed for.
struct StreamHistory {
  Timestamp created{};
  std::chrono::milliseconds retention{};
  std::vector<emulator::Kinesis::LoggedShard> shards;
  std::map<stream::ShardId, std::vector<stream::ShardId>> parents;
  std::map<stream::ShardId, Timestamp> closed;
  /// By pipeline: when a reader of this state first asked for the shard's records. What retention had taken by then
  /// is before the oldest record, where TRIM_HORIZON begins.
  std::map<std::string, std::map<stream::ShardId, Timestamp>, std::less<>> first_read;
};

/// What a store holds, as people see it.
struct Totals {
  std::map<std::string, std::string> rows;  ///< by key as stored: the row as JSON
  std::set<std::pair<stream::ShardId, std::string>> dead_letters;  ///< shard, sequence number
  std::set<StreamEvent> events;  ///< to be handled, where the pipeline is a handler; only expected ones

  friend bool operator==(const Totals&, const Totals&) = default;
};

/// A pipeline's definition, and how far records were counted by it; the last one is the present, without an end.
struct Definition {
  pipelines::PipelinePtr pipeline;
  stream::Positions up_to;
};

/// What the store must hold, given its own positions and gaps: every record at or below them, once, by the definition
/// of its time, and nothing else. Folds the log's records anew.
Totals expected_totals(const std::vector<Definition>& definitions, const stream::Positions& positions,
                       const StreamHistory& history);

/// Where the two differ, in a few lines; empty: nowhere.
std::string difference(const Totals& expected, const Totals& found);

/// The records that the positions have not reached and no gap names; empty: none. For a reader that says it
/// has caught up.
std::string find_missing(std::string_view pipeline, const stream::Positions& positions, const StreamHistory& history);

}  // namespace weir::simulation
