#include "kinesis/shard_map.hpp"

#include <algorithm>

namespace weir::kinesis {

void ShardMap::reset(std::uint32_t loops) {
  const std::scoped_lock lock(mutex_);
  shards_.clear();
  load_.assign(std::max<std::size_t>(loops, 1), 0);
  listings_begun_ = 0;
  listings_ended_ = 0;
  listing_wanted_ = 0;
}

void ShardMap::add(const std::vector<Entry>& shards) {
  {
    const std::scoped_lock lock(mutex_);
    insert(shards, listings_begun_);
  }
  changed_.notify();
}

std::uint64_t ShardMap::begin_listing() {
  const std::scoped_lock lock(mutex_);
  return ++listings_begun_;
}

void ShardMap::add_listed(const std::vector<Entry>& shards, std::uint64_t listing) {
  const std::scoped_lock lock(mutex_);
  insert(shards, listing - 1);
}

void ShardMap::end_listing(std::uint64_t listing) {
  {
    const std::scoped_lock lock(mutex_);
    listings_ended_ = std::max(listings_ended_, listing);
    assign_ready();
  }
  changed_.notify();
}

std::uint64_t ShardMap::want_listing() {
  const std::scoped_lock lock(mutex_);
  return listing_wanted_ = listings_begun_ + 1;
}

bool ShardMap::listing_ended(std::uint64_t listing) const {
  const std::scoped_lock lock(mutex_);
  return listings_ended_ >= listing;
}

bool ShardMap::wants_listing() const {
  const std::scoped_lock lock(mutex_);
  return listing_wanted_ > listings_begun_ || std::any_of(shards_.begin(), shards_.end(), [this](const auto& entry) {
           const auto& node = entry.second;
           return node.stage == Stage::waiting && node.after_listing >= listings_begun_ &&
                  std::any_of(node.position.parents.begin(), node.position.parents.end(),
                              [this](const stream::ShardId& parent) { return !shards_.contains(parent); });
         });
}

void ShardMap::insert(const std::vector<Entry>& shards, std::uint64_t after_listing) {
  for (const auto& [id, position] : shards) {
    Node node;
    node.position = position;
    node.stage = position.ended ? Stage::ended : Stage::waiting;
    node.after_listing = after_listing;
    shards_.try_emplace(id, std::move(node));
  }
  assign_ready();
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
    const auto& parents = node.position.parents;
    const auto awaited = std::find_if(parents.begin(), parents.end(),
                                      [&, &child = node](const auto& parent) { return is_awaited(child, parent); });
    if (awaited != parents.end()) {
      pairs.emplace_back(id, *awaited);
    }
  }
  return pairs;
}

// A parent that no listing shows was trimmed away: nothing to wait for.
bool ShardMap::is_awaited(const Node& node, const stream::ShardId& parent) const {
  const auto found = shards_.find(parent);
  return found != shards_.end() ? found->second.stage != Stage::ended : listings_ended_ <= node.after_listing;
}

bool ShardMap::parents_ended(const Node& node) const {
  return std::none_of(node.position.parents.begin(), node.position.parents.end(),
                      [&](const stream::ShardId& parent) { return is_awaited(node, parent); });
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
