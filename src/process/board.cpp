#include "weir/process/board.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::process {

namespace {

// Waits that are no fault of the shard's own: there is nothing to read, or not yet.
bool has_nothing_to_do(stream::ShardState state) {
  using State = stream::ShardState;
  return state == State::caught_up || state == State::ended || state == State::waiting_for_parent;
}

}  // namespace

Board::Board(Options options) : options_(std::move(options)) {
  if (options_.metrics != nullptr) {
    // From a write to memory to a disk that is hardly there.
    const std::vector<double> seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};
    commit_seconds_ = &options_.metrics->histogram("weir_commit_seconds", "How long commits took, retries included.",
                                                   seconds, {{"pipeline", options_.pipeline}});
  }
}

void Board::commit_took(Duration time) {
  if (commit_seconds_ != nullptr) {
    commit_seconds_->observe(std::chrono::duration<double>(time).count());
  }
}

void Board::learn(const stream::ShardId& shard, const stream::ShardPosition& position) {
  const std::scoped_lock lock(mutex_);
  learnt_.try_emplace(shard, position);
}

std::optional<stream::ShardPosition> Board::find(std::string_view shard) const {
  const std::scoped_lock lock(mutex_);
  const auto at = learnt_.find(shard);
  return at == learnt_.end() ? std::nullopt : std::optional(at->second);
}

void Board::report(const stream::ShardStatus& status) {
  const auto now = options_.clock->elapsed();
  std::unique_lock lock(mutex_);
  auto [entry, is_new] = shards_.try_emplace(status.shard);
  not_caught_up_ += is_new ? 1 : 0;
  auto& shard = entry->second;
  if (const auto stored = learnt_.find(status.shard); is_new && stored != learnt_.end()) {
    shard.committed = stored->second.after;
  }
  if (is_new || (has_nothing_to_do(status.state) && !shard.is_taking)) {
    shard.moved_at = now;
  }
  totals_.throttles += status.state == stream::ShardState::throttled ? 1 : 0;
  totals_.retries += status.state == stream::ShardState::retrying ? 1 : 0;
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

void Board::taking(const stream::ShardId& shard, bool begins) {
  const std::scoped_lock lock(mutex_);
  const auto found = shards_.find(shard);
  if (found != shards_.end()) {
    found->second.is_taking = begins;
    if (!begins) {
      found->second.moved_at = options_.clock->elapsed();
    }
  }
}

void Board::announce_if_caught_up(std::unique_lock<std::mutex> lock) {
  if ((not_caught_up_ > 0 && !halted_) || !options_.on_caught_up) {
    return;
  }
  const auto announce = std::exchange(options_.on_caught_up, nullptr);
  lock.unlock();
  announce();
}

void Board::halt(Error reason) {
  std::unique_lock lock(mutex_);
  if (!halted_) {
    halted_ = std::move(reason);
    is_halted_.store(true, std::memory_order_release);
    announce_if_caught_up(std::move(lock));
    halting_.request_stop();
  }
}

std::optional<Error> Board::halted() const {
  const std::scoped_lock lock(mutex_);
  return halted_;
}

bool Board::is_stuck(const Shard& shard, Duration now) const {
  return (shard.is_taking || !has_nothing_to_do(shard.status.state)) && now - shard.moved_at >= options_.stuck_after;
}

std::vector<std::string> Board::complaints() const {
  using State = stream::ShardState;
  const auto now = options_.clock->elapsed();
  std::vector<std::string> said;
  const std::scoped_lock lock(mutex_);
  if (halted_) {
    said.push_back(fmt::format("halted: {}", halted_->message));
    return said;
  }
  if (!store_trouble_.empty()) {
    said.push_back("what was read waits: " + store_trouble_);
  }
  for (const auto& [id, shard] : shards_) {
    const auto state = shard.status.state;
    if (state == State::retrying || state == State::failed || state == State::gap) {
      said.push_back(fmt::format("shard {} is {}{}{}", id, to_string(state), shard.status.reason.empty() ? "" : ": ",
                                 shard.status.reason));
    } else if (is_stuck(shard, now)) {
      said.push_back(stuck_text(id, shard, now));
    }
  }
  return said;
}

std::map<stream::ShardId, std::string> Board::stuck() const {
  const auto now = options_.clock->elapsed();
  std::map<stream::ShardId, std::string> said;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, shard] : shards_) {
    if (!halted_ && is_stuck(shard, now)) {
      said.emplace(id, stuck_text(id, shard, now));
    }
  }
  return said;
}

std::string Board::stuck_text(const stream::ShardId& id, const Shard& shard, Duration now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - shard.moved_at).count();
  return fmt::format("shard {} has got nowhere for {} s ({}{}{})", id, seconds, to_string(shard.status.state),
                     shard.status.reason.empty() ? "" : ": ", shard.status.reason);
}

void Board::committed(const stream::ShardId& shard, const stream::SequenceNumber& position) {
  const std::scoped_lock lock(mutex_);
  const auto now = options_.clock->elapsed();
  const auto found = shards_.find(shard);
  if (found != shards_.end()) {
    found->second.committed = position;
    found->second.moved_at = now;
  }
}

void Board::count_commit(const Totals& of_commit) {
  const std::scoped_lock lock(mutex_);
  totals_.records += of_commit.records;
  totals_.bytes += of_commit.bytes;
  totals_.dead_letters += of_commit.dead_letters;
  totals_.skipped += of_commit.skipped;
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
