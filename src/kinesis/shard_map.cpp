#include "kinesis/shard_map.hpp"

#include <algorithm>

namespace weir::kinesis {

void ShardMap::reset(std::uint32_t loops) {
  const std::scoped_lock lock(mutex_);
  shards_.clear();
  load_.assign(std::max<std::size_t>(loops, 1), 0);
}

void ShardMap::add(const std::vector<Entry>& shards) {
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, position] : shards) {
      Node node;
      node.position = position;
      node.stage = position.ended ? Stage::ended : Stage::waiting;
      shards_.try_emplace(id, std::move(node));
    }
    assign_ready();
  }
  changed_.notify();
}

std::vector<ShardMap::Entry> ShardMap::take(std::uint32_t loop) {
  std::vector<Entry> taken;
  const std::scoped_lock lock(mutex_);
  for (auto& [id, node] : shards_) {
    if (node.stage == Stage::assigned && node.loop == loop) {
      node.stage = Stage::taken;
      taken.emplace_back(id, node.position);
    }
  }
  return taken;
}

void ShardMap::ended(const stream::ShardId& shard) {
  {
    const std::scoped_lock lock(mutex_);
    auto found = shards_.find(shard);
    if (found == shards_.end() || found->second.stage == Stage::ended) {
      return;
    }
    if (found->second.stage != Stage::waiting) {
      --load_[found->second.loop];
    }
    found->second.stage = Stage::ended;
    assign_ready();
  }
  changed_.notify();
}

bool ShardMap::finished() const {
  const std::scoped_lock lock(mutex_);
  return std::all_of(shards_.begin(), shards_.end(),
                     [](const auto& entry) { return entry.second.stage == Stage::ended; });
}

bool ShardMap::knows(std::string_view shard) const {
  const std::scoped_lock lock(mutex_);
  return shards_.contains(shard);
}

std::vector<stream::ShardId> ShardMap::unfinished() const {
  std::vector<stream::ShardId> ids;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, node] : shards_) {
    if (node.stage != Stage::ended) {
      ids.push_back(id);
    }
  }
  return ids;
}

std::vector<std::pair<stream::ShardId, stream::ShardId>> ShardMap::waiting() const {
  std::vector<std::pair<stream::ShardId, stream::ShardId>> pairs;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, node] : shards_) {
    if (node.stage != Stage::waiting) {
      continue;
    }
    for (const auto& parent : node.position.parents) {
      const auto found = shards_.find(parent);
      if (found != shards_.end() && found->second.stage != Stage::ended) {
        pairs.emplace_back(id, parent);
        break;
      }
    }
  }
  return pairs;
}

// A parent that is not in the map was trimmed away before this stream was first read: nothing to wait for.
bool ShardMap::parents_ended(const Node& node) const {
  return std::all_of(node.position.parents.begin(), node.position.parents.end(), [this](const stream::ShardId& parent) {
    const auto found = shards_.find(parent);
    return found == shards_.end() || found->second.stage == Stage::ended;
  });
}

void ShardMap::assign_ready() {
  for (auto& [id, node] : shards_) {
    if (node.stage == Stage::waiting && parents_ended(node)) {
      const auto lightest = std::min_element(load_.begin(), load_.end());
      ++*lightest;
      node.loop = static_cast<std::uint32_t>(lightest - load_.begin());
      node.stage = Stage::assigned;
    }
  }
}

}  // namespace weir::kinesis
