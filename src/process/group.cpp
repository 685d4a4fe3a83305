#include "weir/process/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "weir/base/task_group.hpp"

namespace weir::process {

Group::Group(std::vector<std::unique_ptr<Processor>> processors, Log log)
    : processors_(std::move(processors)), log_(std::move(log)) {}

// With one pipeline every shard is its own: what a source hands out unasked must not pass unseen.
bool Group::concerns(const Processor& processor, std::string_view shard) const {
  return processors_.size() == 1 || processor.knows(shard);
}

void Group::note(Processor& processor, Result<void> done) {
  auto& board = processor.board();
  if (done || done.error().is_stopped() || board.is_halted()) {
    return;
  }
  board.halt(done.error());
  if (log_ && processors_.size() > 1) {
    log_(LogLevel::error, fmt::format("pipeline {} has halted: {}", board.pipeline(), done.error().message));
  }
}

Result<void> Group::outcome() const {
  std::optional<Error> first;
  for (const auto& processor : processors_) {
    auto halted = processor->board().halted();
    if (!halted) {
      return {};
    }
    if (!first) {
      first = std::move(halted);
    }
  }
  return *first;
}

Task<void> Group::run_one(Processor& processor, std::stop_token abandon) {
  auto done = co_await processor.run(std::move(abandon));
  note(processor, done);
  if (processors_.size() == 1) {
    co_return done;
  }
  auto all = outcome();
  if (!all) {
    close();  // those that halted elsewhere wait here still
  }
  co_return all;
}

Task<void> Group::run(std::stop_token abandon) {
  TaskGroup running(co_await boost::asio::this_coro::executor, std::stop_token());
  for (const auto& processor : processors_) {
    running.spawn(run_one(*processor, abandon));
  }
  co_return co_await running.wait();
}

void Group::close() {
  for (const auto& processor : processors_) {
    processor->close();
  }
}

Task<void> Group::discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards) {
  for (const auto& processor : processors_) {
    auto wanted = shards;
    if (processors_.size() > 1) {
      std::erase_if(wanted, [&](const auto& shard) { return !processor->wants(shard.first, shard.second); });
    }
    if (!wanted.empty() && !processor->board().is_halted()) {
      auto done = co_await processor->discovered(std::move(wanted));
      note(*processor, std::move(done));
    }
  }
  co_return outcome();
}

Task<void> Group::accept(stream::Batch batch) {
  // The source reads ahead meanwhile, and the last pipeline's turn may come much later.
  for (const auto& processor : processors_) {
    if (concerns(*processor, batch.shard)) {
      processor->expect(batch.shard);
    }
  }
  bool known = false;
  for (const auto& processor : processors_) {
    if (!concerns(*processor, batch.shard)) {
      continue;
    }
    known = true;
    if (!processor->board().is_halted()) {
      auto done = co_await processor->take(batch);
      note(*processor, std::move(done));
    }
  }
  if (!known) {
    co_return refused("BadSource",
                      fmt::format("the source hands out records of shard {}, which it never told of", batch.shard));
  }
  co_return outcome();
}

Task<void> Group::settled(const stream::ShardId& shard) {
  for (const auto& processor : processors_) {
    if (concerns(*processor, shard) && !processor->board().is_halted()) {
      auto done = co_await processor->settled(shard);
      note(*processor, std::move(done));
    }
  }
  co_return outcome();
}

Task<void> Group::gap(stream::Gap gap) {
  for (const auto& processor : processors_) {
    if (concerns(*processor, gap.shard) && !processor->board().is_halted()) {
      auto done = co_await processor->gap(gap);
      note(*processor, std::move(done));
    }
  }
  co_return outcome();
}

void Group::report(const stream::ShardStatus& status) {
  log_change(status);
  for (const auto& processor : processors_) {
    if (concerns(*processor, status.shard) && !processor->board().is_halted()) {
      processor->report(status);
    }
  }
}

// What somebody who looks at the log must know: a shard in trouble, why, and that it is over. Coming and
// going between reading and caught up is no news.
void Group::log_change(const stream::ShardStatus& status) {
  using State = stream::ShardState;
  auto& said = said_.try_emplace(status.shard, State::starting).first->second;
  const auto troubled = [](State state) { return state == State::throttled || state == State::retrying; };
  const bool same = said == status.state;
  const bool was_troubled = troubled(said);
  const bool quiet =
      (status.state == State::reading || status.state == State::caught_up) && !was_troubled && said != State::starting;
  said = status.state;
  if (!log_ || quiet || (same && !troubled(status.state))) {
    return;
  }
  const auto level = status.state == State::failed || status.state == State::gap ? LogLevel::error
                     : same                                                      ? LogLevel::debug
                     : troubled(status.state)                                    ? LogLevel::warning
                                                                                 : LogLevel::info;
  log_(level, fmt::format("{}: {}{}{}", status.shard, to_string(status.state), status.reason.empty() ? "" : ": ",
                          status.reason));
}

}  // namespace weir::process
