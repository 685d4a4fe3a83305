#include <algorithm>

#include "weir/process/group.hpp"

namespace weir::process {
namespace {

using Type = stream::Start::Type;

// The earliest start, or the oldest record where two cannot be compared.
std::optional<stream::Start> lowest_start(std::span<const stream::Positions> of_pipelines) {
  std::optional<stream::Start> lowest;
  for (const auto& positions : of_pipelines) {
    if (!positions.start) {
      continue;
    }
    const auto& start = *positions.start;
    if (!lowest) {
      lowest = start;
      continue;
    }
    auto settled = std::min(lowest->settled, start.settled);
    if (lowest->type == Type::at_timestamp && start.type == Type::at_timestamp) {
      lowest->timestamp = std::min(lowest->timestamp, start.timestamp);
    } else if (lowest->type != start.type || lowest->shard != start.shard ||
               lowest->sequence_number != start.sequence_number) {
      lowest = stream::Start();
    }
    lowest->settled = settled;
  }
  return lowest;
}

stream::ShardPosition lower(const stream::ShardPosition& left, const stream::ShardPosition& right) {
  if (left.ended || right.ended) {
    return left.ended ? right : left;
  }
  auto lower = left.after <= right.after ? left : right;
  if (left.after == right.after) {
    lower.from_start = left.from_start && right.from_start;
  }
  lower.read_up_to = std::min(left.read_up_to, right.read_up_to);
  return lower;
}

// A loss counts as accepted where everybody who stands before it has accepted it.
bool is_accepted_by_all(const stream::Gap& gap, std::span<const stream::Positions> of_pipelines) {
  return std::ranges::all_of(of_pipelines, [&gap](const stream::Positions& positions) {
    const auto at = positions.shards.find(gap.shard);
    if (at == positions.shards.end() || at->second.ended || at->second.after != gap.from) {
      return true;
    }
    return std::ranges::any_of(positions.gaps, [&gap](const stream::Gap& own) {
      return own.accepted && own.shard == gap.shard && own.from == gap.from;
    });
  });
}

}  // namespace

stream::Positions lowest(std::span<const stream::Positions> of_pipelines) {
  if (of_pipelines.size() == 1) {
    return of_pipelines.front();
  }
  stream::Positions merged;
  merged.start = lowest_start(of_pipelines);
  for (const auto& positions : of_pipelines) {
    if (!merged.stream) {
      merged.stream = positions.stream;
    }
    for (const auto& [id, position] : positions.shards) {
      const auto [at, is_new] = merged.shards.try_emplace(id, position);
      if (!is_new) {
        at->second = lower(at->second, position);
      }
    }
  }
  for (const auto& positions : of_pipelines) {
    for (auto gap : positions.gaps) {
      gap.accepted = gap.accepted && is_accepted_by_all(gap, of_pipelines);
      merged.gaps.push_back(std::move(gap));
    }
  }
  return merged;
}

}  // namespace weir::process
