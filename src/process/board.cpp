#include "weir/process/board.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::process {

void Board::report(const stream::ShardStatus& status) {
  std::unique_lock lock(mutex_);
  auto [entry, is_new] = shards_.try_emplace(status.shard);
  not_caught_up_ += is_new ? 1 : 0;
  auto& shard = entry->second;
  shard.status = status;
  const bool now_caught_up = status.state == stream::ShardState::caught_up || status.state == stream::ShardState::ended;
  if (now_caught_up && !std::exchange(shard.caught_up, true)) {
    --not_caught_up_;
    announce_if_caught_up(std::move(lock));
  }
}

void Board::caught_up(const stream::ShardId& shard) {
  std::unique_lock lock(mutex_);
  const auto found = shards_.find(shard);
  if (found != shards_.end() && !std::exchange(found->second.caught_up, true)) {
    --not_caught_up_;
    announce_if_caught_up(std::move(lock));
  }
}

void Board::announce_if_caught_up(std::unique_lock<std::mutex> lock) {
  if (not_caught_up_ > 0 || !on_caught_up_) {
    return;
  }
  const auto announce = std::exchange(on_caught_up_, nullptr);
  lock.unlock();
  announce();
}

void Board::committed(const stream::ShardId& shard, const stream::SequenceNumber& position) {
  const std::scoped_lock lock(mutex_);
  const auto found = shards_.find(shard);
  if (found != shards_.end()) {
    found->second.committed = position;
  }
}

void Board::count_commit(const Totals& of_commit) {
  const std::scoped_lock lock(mutex_);
  totals_.records += of_commit.records;
  totals_.bytes += of_commit.bytes;
  totals_.dead_letters += of_commit.dead_letters;
  totals_.user_records += of_commit.user_records;
  totals_.misplaced += of_commit.misplaced;
  totals_.unfiltered += of_commit.unfiltered;
  totals_.broken_aggregates += of_commit.broken_aggregates;
  ++totals_.commits;
  store_trouble_.clear();
}

void Board::count_commit_retry() {
  const std::scoped_lock lock(mutex_);
  ++totals_.commit_retries;
}

void Board::store_trouble(std::string sentence) {
  const std::scoped_lock lock(mutex_);
  store_trouble_ = std::move(sentence);
}

Board::Totals Board::totals() const {
  const std::scoped_lock lock(mutex_);
  return totals_;
}

std::map<stream::ShardId, Board::Shard> Board::shards() const {
  const std::scoped_lock lock(mutex_);
  return shards_;
}

std::string Board::store_trouble() const {
  const std::scoped_lock lock(mutex_);
  return store_trouble_;
}

std::string Board::shard_trouble() const {
  std::size_t troubled = 0;
  std::string first;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, shard] : shards_) {
    using State = stream::ShardState;
    const auto state = shard.status.state;
    if (state != State::throttled && state != State::retrying && state != State::failed && state != State::gap) {
      continue;
    }
    if (++troubled == 1) {
      first = fmt::format("{}{}{}", to_string(state), shard.status.reason.empty() ? "" : ": ", shard.status.reason);
    }
  }
  return troubled == 0 ? first : fmt::format("{} of {} shards {}", troubled, shards_.size(), first);
}

std::optional<std::chrono::milliseconds> Board::behind() const {
  std::optional<std::chrono::milliseconds> most;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, shard] : shards_) {
    if (shard.status.behind && shard.status.state != stream::ShardState::ended) {
      most = std::max(most.value_or(*shard.status.behind), *shard.status.behind);
    }
  }
  return most;
}

bool Board::all_caught_up() const {
  const std::scoped_lock lock(mutex_);
  return !shards_.empty() && not_caught_up_ == 0;
}

}  // namespace weir::process
