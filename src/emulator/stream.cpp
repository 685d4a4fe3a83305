#include "emulator/stream.hpp"

#include <algorithm>
#include <charconv>

namespace weir::emulator {
namespace {

constexpr std::string_view id_prefix = "shardId-";
constexpr std::size_t id_digits = 12;

std::uint64_t seconds_of(Timestamp time) noexcept {
  const auto ms = time.time_since_epoch().count();
  return ms < 0 ? 0 : static_cast<std::uint64_t>(ms / 1000);
}

}  // namespace

ShardIdText shard_id_text(std::uint32_t index) noexcept {
  ShardIdText text{};
  text.fill('0');
  std::copy(id_prefix.begin(), id_prefix.end(), text.begin());
  for (std::size_t i = text.size(); index != 0; index /= 10) {
    text[--i] = static_cast<char>('0' + index % 10);
  }
  return text;
}

std::optional<std::uint32_t> shard_index_of(std::string_view id) noexcept {
  if (id.size() != id_prefix.size() + id_digits || !id.starts_with(id_prefix)) {
    return std::nullopt;
  }
  std::uint32_t index = 0;
  const char* const end = id.data() + id.size();
  const auto [stop, error] = std::from_chars(id.data() + id_prefix.size(), end, index);
  if (error != std::errc{} || stop != end) {
    return std::nullopt;
  }
  return index;
}

StreamState::StreamState(std::string stream_name, std::uint64_t stream_id, BytesHeld bytes_held, bool keep_trimmed,
                         std::uint64_t seed)
    : name(std::move(stream_name)),
      id(stream_id),
      bytes_held_(std::move(bytes_held)),
      keep_trimmed_(keep_trimmed),
      seeds_(seed) {}

ShardState& StreamState::add(HashKey start, HashKey end, std::vector<std::uint32_t> parents, Timestamp now) {
  const auto index = static_cast<std::uint32_t>(shards.size());
  auto shard = std::make_unique<ShardState>(index, bytes_held_, keep_trimmed_, seeds_());
  shard->start = start;
  shard->end = end;
  shard->created = now;
  shard->created_s = seconds_of(now);
  for (const std::uint32_t parent : parents) {
    shard->created_s = std::max(shard->created_s, shards[parent]->created_s + 1);
    shards[parent]->children.push_back(index);
  }
  created_s_max_ = std::max(created_s_max_, shard->created_s);
  shard->parents = std::move(parents);
  const auto place = std::lower_bound(open_.begin(), open_.end(), start,
                                      [](const ShardState* each, HashKey value) { return each->start < value; });
  open_.insert(place, shard.get());
  shards.push_back(std::move(shard));
  return *shards.back();
}

void StreamState::close(ShardState& shard, Timestamp now) {
  shard.closed = now;
  std::erase(open_, &shard);
}

void StreamState::open_shards(std::uint32_t count, Timestamp now, std::uint64_t created_s_min) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const HashKey end = i + 1 == count ? hash_key_max : even_split_start(i + 1, count) - 1;
    ShardState& shard = add(even_split_start(i, count), end, {}, now);
    shard.created_s = std::max(shard.created_s, created_s_min);
    created_s_max_ = std::max(created_s_max_, shard.created_s);
  }
}

void StreamState::split(ShardState& shard, HashKey new_start, Timestamp now) {
  close(shard, now);
  add(shard.start, new_start - 1, {shard.index}, now);
  add(new_start, shard.end, {shard.index}, now);
}

void StreamState::merge(ShardState& shard, ShardState& adjacent, Timestamp now) {
  close(shard, now);
  close(adjacent, now);
  add(std::min(shard.start, adjacent.start), std::max(shard.end, adjacent.end), {shard.index, adjacent.index}, now);
}

void StreamState::scale(std::uint32_t target, Timestamp now) {
  for (std::uint32_t i = 1; i < target; ++i) {
    const HashKey boundary = even_split_start(i, target);
    ShardState& shard = owner_of(boundary);
    if (shard.start != boundary) {
      split(shard, boundary, now);
    }
  }
  for (std::uint32_t i = 0; i < target; ++i) {
    const HashKey end = i + 1 == target ? hash_key_max : even_split_start(i + 1, target) - 1;
    for (ShardState* shard = &owner_of(even_split_start(i, target)); shard->end != end;
         shard = &owner_of(shard->start)) {
      merge(*shard, owner_of(shard->end + 1), now);
    }
  }
}

ShardState* StreamState::find(std::string_view shard_id) const noexcept {
  const std::optional<std::uint32_t> index = shard_index_of(shard_id);
  return index && *index < shards.size() ? shards[*index].get() : nullptr;
}

ShardState& StreamState::owner_of(HashKey key) const noexcept {
  const auto after = std::upper_bound(open_.begin(), open_.end(), key,
                                      [](HashKey value, const ShardState* shard) { return value < shard->start; });
  return **(after - 1);
}

}  // namespace weir::emulator
