// Reading a share of the stream's shards, each by a task of its own with a page fetched ahead.
#include <boost/asio/this_coro.hpp>
#include <exception>

#include "kinesis/stream_shared.hpp"

namespace weir::kinesis {
namespace {

// Waits for the group's tasks however `body` ends, so that what they use may live beside the group. When the
// body failed or threw, they are asked to stop first.
Task<void> with_tasks(TaskGroup& group, Task<void> body) {
  Result<void> done;
  std::exception_ptr thrown;
  try {
    done = co_await std::move(body);
  } catch (...) {
    thrown = std::current_exception();  // nothing can be awaited in here
  }
  if (thrown != nullptr || !done) {
    group.request_stop();
  }
  auto waited = co_await group.wait();
  if (thrown != nullptr) {
    std::rethrow_exception(thrown);
  }
  co_return done ? waited : done;
}

Task<void> fetch_into(ShardReader& reader, std::optional<Result<stream::Batch>>& slot, std::stop_token stop) {
  slot.emplace(co_await reader.next(stop));
  co_return Result<void>();
}

}  // namespace

Task<void> StreamSource::Shared::read_shard(const ShardReader::Context& context, ShardMap::Entry shard,
                                            stream::Sink& sink, std::stop_token stop) {
  const auto id = shard.first;
  ShardReader reader(context, id, shard.second, seed());
  std::optional<Result<stream::Batch>> page;
  TaskGroup ahead(co_await boost::asio::this_coro::executor, stop);
  co_return co_await with_tasks(ahead, hand_on(id, reader, page, ahead, sink));
}

// Gives the sink one page after the other; the next is fetched into `page` while the sink works.
Task<void> StreamSource::Shared::hand_on(const stream::ShardId& id, ShardReader& reader,
                                         std::optional<Result<stream::Batch>>& page, TaskGroup& ahead,
                                         stream::Sink& sink) {
  ahead.spawn(fetch_into(reader, page, ahead.stop_token()));
  for (;;) {
    WEIR_CO_CHECK(co_await ahead.wait());
    auto batch = std::move(*page);
    if (!batch) {
      co_return std::move(batch).error();
    }
    std::vector<ShardMap::Entry> children;
    const bool ended = batch->end.has_value();
    if (ended) {
      for (const auto& child : *batch->end) {
        stream::ShardPosition position;
        position.parents = child.parents;
        position.read_up_to = child.born_after;
        position.hash_range = child.hash_range;
        children.emplace_back(child.id, std::move(position));
      }
    } else {
      ahead.spawn(fetch_into(reader, page, ahead.stop_token()));
    }
    auto accepted = co_await sink.accept(*std::move(batch));
    if (accepted && ended) {
      accepted = co_await sink.settled(id);
    }
    if (!accepted) {
      co_return accepted;
    }
    if (ended) {
      // Children first: were the parent to end alone, everything could look finished for a moment.
      for (const auto& child : children) {
        if (!shards.knows(child.first)) {
          say_starting(sink, child.first);
        }
      }
      if (children.empty()) {
        WEIR_CO_CHECK(co_await list_anew(ahead.stop_token()));
      }
      stream::ShardStatus status;
      status.shard = id;
      status.state = stream::ShardState::ended;
      sink.report(status);
      shards.add(children);
      shards.ended(id);
      if (shards.wants_listing()) {
        list_now();
      }
      co_return Result<void>();
    }
  }
}

void StreamSource::Shared::list_now() {
  const std::scoped_lock lock(mutex);
  list_soon.request_stop();
}

// Retention took a shard with its children. Whatever descends from them only a listing tells, and before it did
// nobody has read everything.
Task<void> StreamSource::Shared::list_anew(std::stop_token stop) {
  const auto wanted = shards.want_listing();
  list_now();
  for (;;) {
    const auto ticket = shards.changed().ticket();
    if (shards.listing_ended(wanted)) {
      co_return Result<void>();
    }
    WEIR_CO_CHECK(co_await shards.changed().wait(ticket, stop));
  }
}

Task<void> StreamSource::Shared::read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                                      std::stop_token stop) {
  ShardReader::Context context;
  context.api = config.client;
  context.clock = &clock;
  context.budget = &budget;
  context.config = &config;
  context.stream = stream;
  context.start = positions.start.value_or(stream::Start());
  context.retention_ms = &retention_ms;
  context.gaps = &positions.gaps;
  context.check_identity = [this, &positions](std::stop_token token) {
    return check_identity_anew(positions.stream.value_or(stream::StreamIdentity()), std::move(token));
  };
  context.children_of = [this](const stream::ShardId& parent, std::stop_token token) {
    return children_of(parent, std::move(token));
  };
  context.gap = [&sink](stream::Gap gap) { return sink.gap(std::move(gap)); };
  context.report = [&sink](const stream::ShardStatus& status) { sink.report(status); };

  TaskGroup group(co_await boost::asio::this_coro::executor, stop);
  co_return co_await with_tasks(group, read_share(share, context, positions, sink, group));
}

// Starts a task for each shard that falls to this share, until all have ended or a stop is asked for.
Task<void> StreamSource::Shared::read_share(stream::Share share, const ShardReader::Context& context,
                                            const stream::Positions& positions, stream::Sink& sink, TaskGroup& group) {
  const auto group_stop = group.stop_token();
  if (share.index == 0) {
    shards.reset(share.count);
    shards.add({positions.shards.begin(), positions.shards.end()});
    group.spawn(follow(positions, sink, group_stop));
  }
  for (;;) {
    const auto ticket = shards.changed().ticket();
    if (listed) {
      for (auto& shard : shards.take(share.index)) {
        group.spawn(read_shard(context, std::move(shard), sink, group_stop));
      }
      if (shards.finished()) {
        group.request_stop();
      }
    }
    auto waited = co_await shards.changed().wait(ticket, group_stop);
    if (!waited) {
      co_return Result<void>();
    }
  }
}

}  // namespace weir::kinesis
