#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <mutex>
#include <set>

#include "kinesis/shard_map.hpp"
#include "kinesis/shard_reader.hpp"
#include "weir/base/task_group.hpp"
#include "weir/kinesis/source.hpp"

namespace weir::kinesis {
namespace {

std::string stream_name_of(const ReaderConfig& config) {
  if (!config.stream_name.empty()) {
    return config.stream_name;
  }
  return config.stream_arn.substr(config.stream_arn.rfind('/') + 1);
}

stream::Shard shard_of(const api::Shard& listed) {
  stream::Shard shard;
  shard.id = listed.id;
  for (const auto& parent : {listed.parent, listed.adjacent_parent}) {
    if (!parent.empty()) {
      shard.parents.push_back(parent);
    }
  }
  shard.hash_range = stream::parse_hash_range(listed.hash_key_start, listed.hash_key_end);
  return shard;
}

// Between two listings when one is wanted soon: ListShards takes a hundred calls a second of an account.
constexpr std::chrono::milliseconds list_pause{200};

void say_starting(stream::Sink& sink, const stream::ShardId& shard) {
  stream::ShardStatus status;
  status.shard = shard;
  status.state = stream::ShardState::starting;
  sink.report(status);
}

}  // namespace

// Whether a call about the stream is worth another try: whatever passes by itself always is, what is not as
// the protocol says a few times in a row.
class Patience {
 public:
  bool lasts(const Error& error) {
    switch (error.next) {
      case Next::retry:
        return true;
      case Next::reopen:
      case Next::conflict:
      case Next::corrupt:
        return ++strange_ < corrupt_replies_max;
      case Next::refused:
      case Next::stopped:
        break;
    }
    return false;
  }
  void reset() noexcept { strange_ = 0; }

 private:
  std::uint32_t strange_ = 0;
};

// What the loops of one source have in common.
struct StreamSource::Shared {
  explicit Shared(ReaderConfig valid)
      : config(std::move(valid)),
        clock(config.clock != nullptr ? *config.clock : system_clock()),
        stream_name(stream_name_of(config)),
        budget(config.buffer_bytes_max),
        random(config.seed != 0 ? Random(config.seed) : Random::from_machine()) {
    stream.name = stream_name;
    stream.arn = config.stream_arn;
  }

  const ReaderConfig config;
  Clock& clock;
  const std::string stream_name;
  api::StreamRef stream;
  ByteBudget budget;
  ShardMap shards;
  std::atomic<std::int64_t> retention_ms{std::chrono::milliseconds(std::chrono::hours(24)).count()};

  std::mutex mutex;
  Random random;                // guarded by mutex
  std::uint32_t readers = 0;    // guarded by mutex
  std::stop_source list_soon;   // ends the wait for the next listing; guarded by mutex
  std::uint64_t checks_started = 0;   // of the identity; guarded by mutex
  std::uint64_t checks_finished = 0;  // the last that succeeded; guarded by mutex
  bool checking = false;              // guarded by mutex
  Signal checked;
  std::atomic<bool> listed = false;  // the shards were listed once since reading began
  Timestamp listed_at{};             // the last listing, by the loop that lists

  std::uint64_t seed() {
    const std::scoped_lock lock(mutex);
    return random();
  }

  Task<api::StreamSummary> describe(std::stop_token stop);
  Task<std::vector<stream::Shard>> list(std::stop_token stop);
  Task<void> check_identity(stream::StreamIdentity expected, std::stop_token stop);
  Task<void> check_identity_anew(stream::StreamIdentity expected, std::stop_token stop);
  Task<std::vector<stream::Shard>> children_of(const stream::ShardId& parent, std::stop_token stop);
  Timestamp born_after(const stream::Shard& shard, const stream::Positions& positions) const;
  std::vector<ShardMap::Entry> new_shards(std::vector<stream::Shard> listed_shards, const stream::Positions& positions);
  Task<void> discover(std::vector<stream::Shard> listed_shards, std::uint64_t listing,
                      const stream::Positions& positions, stream::Sink& sink);
  /// Whether the service takes a start by sequence number.
  Task<void> try_start(const stream::Start& start, std::stop_token stop);
  Task<void> wait_to_list(Duration time, std::stop_token stop);
  Task<void> follow(const stream::Positions& positions, stream::Sink& sink, std::stop_token stop);
  Task<void> read_shard(const ShardReader::Context& context, ShardMap::Entry shard, stream::Sink& sink,
                        std::stop_token stop);
  Task<void> hand_on(const stream::ShardId& id, ShardReader& reader, std::optional<Result<stream::Batch>>& page,
                     TaskGroup& ahead, stream::Sink& sink);
  Task<void> read(stream::Share share, const stream::Positions& positions, stream::Sink& sink, std::stop_token stop);
  Task<void> read_share(stream::Share share, const ShardReader::Context& context, const stream::Positions& positions,
                        stream::Sink& sink, TaskGroup& group);
};

Task<api::StreamSummary> StreamSource::Shared::describe(std::stop_token stop) {
  auto summary = co_await config.client->describe_stream_summary(stream, stop);
  if (summary) {
    retention_ms = std::chrono::milliseconds(std::chrono::hours(summary->retention_hours)).count();
  }
  co_return summary;
}

Task<std::vector<stream::Shard>> StreamSource::Shared::list(std::stop_token stop) {
  constexpr int restarts_max = 3;  // a page token lives for 300 s; an expired one means starting over
  for (int restarts = 0;; ++restarts) {
    std::vector<stream::Shard> found;
    api::ListShardsRequest request;
    request.stream = stream;
    for (;;) {
      auto page = co_await config.client->list_shards(request, stop);
      if (!page) {
        if (page.error().next == Next::reopen && restarts < restarts_max) {
          break;
        }
        co_return std::move(page).error();
      }
      for (const auto& listed_shard : page->shards) {
        found.push_back(shard_of(listed_shard));
      }
      if (page->next_token.empty()) {
        co_return found;
      }
      // The token carries the stream; the service refuses both together.
      request = api::ListShardsRequest();
      request.next_token = page->next_token;
    }
  }
}

// Succeeds while the stream is the one that `expected` names; waits out what is transient.
Task<void> StreamSource::Shared::check_identity(stream::StreamIdentity expected, std::stop_token stop) {
  Backoff backoff{Backoff::Options(), Random(seed())};
  Patience patience;
  for (;;) {
    auto summary = co_await describe(stop);
    if (summary) {
      if (summary->created != expected.created) {
        co_return refused(
            "StreamRecreated",
            fmt::format("stream {} was created again at {}; what is stored belongs to the one of {}. Its totals "
                        "cannot be continued: keep them and use a new state",
                        stream_name, to_string(summary->created), to_string(expected.created)));
      }
      co_return Result<void>();
    }
    if (summary.error().code == "ResourceNotFoundException") {
      co_return refused("ResourceNotFoundException", fmt::format("stream {} does not exist any more", stream_name));
    }
    if (!patience.lasts(summary.error())) {
      co_return std::move(summary).error();
    }
    WEIR_CO_CHECK(co_await clock.sleep(backoff.next(), stop));
  }
}

// Succeeds once a check that began after this call has succeeded. One check serves all who wait for it: a
// thousand shards that open their iterators together cost a few calls.
Task<void> StreamSource::Shared::check_identity_anew(stream::StreamIdentity expected, std::stop_token stop) {
  std::uint64_t wanted = 0;
  for (;;) {
    const auto ticket = checked.ticket();
    std::uint64_t mine = 0;
    {
      const std::scoped_lock lock(mutex);
      wanted = wanted == 0 ? checks_started + 1 : wanted;
      if (checks_finished >= wanted) {
        co_return Result<void>();
      }
      if (!checking) {
        checking = true;
        mine = ++checks_started;
      }
    }
    if (mine == 0) {
      WEIR_CO_CHECK(co_await checked.wait(ticket, stop));
      continue;
    }
    auto done = co_await check_identity(expected, stop);
    {
      const std::scoped_lock lock(mutex);
      checking = false;
      checks_finished = done ? mine : checks_finished;
    }
    checked.notify();
    WEIR_CO_CHECK(std::move(done));
  }
}

Task<std::vector<stream::Shard>> StreamSource::Shared::children_of(const stream::ShardId& parent,
                                                                   std::stop_token stop) {
  WEIR_CO_TRY(auto listed_shards, co_await list(stop));
  std::erase_if(listed_shards, [&](const stream::Shard& shard) {
    return std::find(shard.parents.begin(), shard.parents.end(), parent) == shard.parents.end();
  });
  if (listed_shards.empty()) {
    co_return Error(Next::retry, std::string(no_children),
                    fmt::format("shard {} gave no next iterator, and no children are listed", parent));
  }
  co_return listed_shards;
}

// When was a shard, seen for the first time now, surely not there yet? At the last listing. For one that came
// while nobody listed: it is younger than what its parents were read up to, or, where they came and went
// unseen, than the same of whichever shard it descends from.
Timestamp StreamSource::Shared::born_after(const stream::Shard& shard, const stream::Positions& positions) const {
  if (listed) {
    return listed_at;
  }
  if (positions.shards.empty()) {
    return positions.start ? positions.start->settled : clock.now();
  }
  std::optional<Timestamp> of_parents;
  for (const auto& parent : shard.parents) {
    if (const auto at = positions.shards.find(parent); at != positions.shards.end()) {
      of_parents = std::max(of_parents.value_or(at->second.read_up_to), at->second.read_up_to);
    }
  }
  std::optional<Timestamp> of_any;
  for (const auto& [id, position] : positions.shards) {
    if (!position.ended) {
      of_any = std::min(of_any.value_or(position.read_up_to), position.read_up_to);
    }
  }
  return of_parents.value_or(of_any.value_or(clock.now()));
}

// The listed shards that were never seen, as positions to start from.
std::vector<ShardMap::Entry> StreamSource::Shared::new_shards(std::vector<stream::Shard> listed_shards,
                                                              const stream::Positions& positions) {
  const bool first_listing = positions.shards.empty() && !listed;
  const bool by_number = positions.start && (positions.start->type == stream::Start::Type::at_sequence_number ||
                                             positions.start->type == stream::Start::Type::after_sequence_number);
  std::vector<ShardMap::Entry> found;
  std::set<stream::ShardId, std::less<>> chosen;
  const auto known = [&](const stream::ShardId& id) { return chosen.contains(id) || shards.knows(id); };
  const auto take = [&](const stream::Shard& shard, bool from_start) {
    stream::ShardPosition position;
    position.parents = shard.parents;
    position.from_start = from_start;
    position.read_up_to = born_after(shard, positions);
    position.hash_range = shard.hash_range;
    found.emplace_back(shard.id, std::move(position));
    chosen.insert(shard.id);
  };
  // With a start by sequence number only that shard's descendants count; the listing has no order, so
  // look until nothing more is found.
  for (bool again = true; again;) {
    again = false;
    for (const auto& shard : listed_shards) {
      if (known(shard.id)) {
        continue;
      }
      const bool descends = std::any_of(shard.parents.begin(), shard.parents.end(), known);
      const bool is_start = by_number && first_listing && shard.id == positions.start->shard;
      if (!by_number || is_start || descends) {
        take(shard, first_listing && (!by_number || is_start));
        again = by_number;
      }
    }
  }
  return found;
}

Task<void> StreamSource::Shared::discover(std::vector<stream::Shard> listed_shards, std::uint64_t listing,
                                          const stream::Positions& positions, stream::Sink& sink) {
  auto found = new_shards(std::move(listed_shards), positions);
  if (!listed && positions.shards.empty() && found.empty()) {
    co_return refused("ResourceNotFoundException", fmt::format("stream {} has no shard {}", stream_name,
                                                               positions.start ? positions.start->shard : ""));
  }
  if (!found.empty()) {
    WEIR_CO_CHECK(co_await sink.discovered(found));
  }
  // Said before any of them is read, so that nobody takes the shards seen so far for all there are.
  for (const auto& [shard, position] : found) {
    say_starting(sink, shard);
  }
  if (!listed) {
    for (const auto& shard : shards.unfinished()) {
      say_starting(sink, shard);
    }
  }
  shards.add_listed(found, listing);
  co_return Result<void>();
}

// Lists the shards now and again: what the ends of shards did not tell is found here, and a stream that
// was deleted or made again is noticed.
Task<void> StreamSource::Shared::follow(const stream::Positions& positions, stream::Sink& sink, std::stop_token stop) {
  Backoff backoff{Backoff::Options(), Random(seed())};
  Patience patience;
  for (;;) {
    Result<void> done;
    const auto began = clock.now();
    const auto listing = shards.begin_listing();
    auto listed_shards = co_await list(stop);
    if (listed_shards) {
      patience.reset();
      done = co_await discover(*std::move(listed_shards), listing, positions, sink);
      listed_at = done ? began : listed_at;
      if (!done && done.error().next != Next::retry) {
        co_return done;
      }
    } else if (patience.lasts(listed_shards.error())) {
      done = std::move(listed_shards).error();
    } else {
      co_return std::move(listed_shards).error();
    }
    if (done) {
      listed = true;
      shards.end_listing(listing);
    }
    for (const auto& [shard, parent] : shards.waiting()) {
      stream::ShardStatus status;
      status.shard = shard;
      status.state = stream::ShardState::waiting_for_parent;
      status.reason = fmt::format("{} is not read to its end yet", parent);
      sink.report(status);
    }
    if (done) {
      backoff.reset();
    }
    WEIR_CO_CHECK(co_await wait_to_list(done ? Duration(config.list_interval) : backoff.next(), stop));
    if (positions.stream) {
      WEIR_CO_CHECK(co_await check_identity(*positions.stream, stop));
    }
  }
}

// Less long when a shard has parents that nobody has told of yet.
Task<void> StreamSource::Shared::wait_to_list(Duration time, std::stop_token stop) {
  std::stop_source nap;
  {
    const std::scoped_lock lock(mutex);
    list_soon = nap;
  }
  const std::stop_callback forward(stop, [&nap] { nap.request_stop(); });
  if (shards.wants_listing()) {
    time = std::min(time, Duration(list_pause));
  }
  // Waking early is what `nap` is for.
  static_cast<void>(co_await clock.sleep(time, nap.get_token()));
  if (stop.stop_requested()) {
    co_return stopped();
  }
  co_return Result<void>();
}

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
      stream::ShardStatus status;
      status.shard = id;
      status.state = stream::ShardState::ended;
      sink.report(status);
      shards.add(children);
      shards.ended(id);
      if (shards.wants_listing()) {
        const std::scoped_lock lock(mutex);
        list_soon.request_stop();
      }
      co_return Result<void>();
    }
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

Result<std::unique_ptr<StreamSource>> StreamSource::make(ReaderConfig config) {
  WEIR_CHECK(validate(config));
  return std::unique_ptr<StreamSource>(new StreamSource(std::move(config)));
}

StreamSource::StreamSource(ReaderConfig config) : shared_(std::make_unique<Shared>(std::move(config))) {}
StreamSource::~StreamSource() = default;

std::string StreamSource::name() const { return "kinesis:" + shared_->stream_name; }

Task<stream::StreamIdentity> StreamSource::identify(std::stop_token stop) {
  WEIR_CO_TRY(auto summary, co_await shared_->describe(stop));
  stream::StreamIdentity identity;
  identity.name = summary.name;
  identity.arn = summary.arn;
  identity.created = summary.created;
  co_return identity;
}

Task<void> StreamSource::Shared::try_start(const stream::Start& start, std::stop_token stop) {
  api::GetShardIteratorRequest request;
  request.stream = stream;
  request.shard_id = start.shard;
  request.type = iterator_type(start.type);
  request.starting_sequence_number = start.sequence_number.text();
  const auto iterator = co_await config.client->get_shard_iterator(request, stop);
  if (iterator || iterator.error().next != Next::refused) {
    co_return iterator ? Result<void>() : Result<void>(iterator.error());
  }
  co_return refused("BadStart", fmt::format("stream {} cannot be read from {} in shard {}: {}", stream_name,
                                            start.sequence_number.text(), start.shard, iterator.error().message));
}

Task<stream::Start> StreamSource::resolve_start(std::stop_token stop) {
  const auto& config = shared_->config;
  stream::Start start;
  switch (config.starting_position) {
    case StartingPosition::trim_horizon:
      break;
    case StartingPosition::latest: {
      WEIR_CO_TRY(auto summary, co_await shared_->describe(stop));
      start.type = stream::Start::Type::at_timestamp;
      start.timestamp = summary.service_time;
      break;
    }
    case StartingPosition::at_timestamp: {
      // What the service will not take must not be stored: it would be refused at every start from then on.
      WEIR_CO_TRY(auto summary, co_await shared_->describe(stop));
      if (*config.start_timestamp > summary.service_time + std::chrono::seconds(1)) {
        co_return refused("BadStart", fmt::format("the start, {}, is in the future: the service's clock says {}",
                                                  to_string(*config.start_timestamp), to_string(summary.service_time)));
      }
      start.type = stream::Start::Type::at_timestamp;
      start.timestamp = *config.start_timestamp;
      break;
    }
    case StartingPosition::at_sequence_number:
    case StartingPosition::after_sequence_number:
      start.type = config.starting_position == StartingPosition::at_sequence_number
                       ? stream::Start::Type::at_sequence_number
                       : stream::Start::Type::after_sequence_number;
      start.shard = config.starting_shard;
      start.sequence_number = stream::SequenceNumber(config.starting_sequence_number);
      WEIR_CO_CHECK(co_await shared_->try_start(start, stop));
      break;
  }
  co_return start;
}

Task<void> StreamSource::read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                              std::stop_token stop) {
  auto& shared = *shared_;
  {
    const std::scoped_lock lock(shared.mutex);
    ++shared.readers;
  }
  Result<void> done;
  std::exception_ptr thrown;
  try {
    done = co_await shared.read(share, positions, sink, stop);
  } catch (...) {
    thrown = std::current_exception();
  }
  {
    const std::scoped_lock lock(shared.mutex);
    if (--shared.readers == 0) {
      shared.listed = false;
    }
  }
  if (thrown != nullptr) {
    std::rethrow_exception(thrown);
  }
  co_return done;
}

namespace detail {
namespace {

// Hands every record on and keeps nothing.
class Passing final : public stream::Sink {
 public:
  Passing(std::string stream, RawHandler each) : stream_(std::move(stream)), each_(std::move(each)) {}

  Task<void> discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> /*shards*/) override {
    co_return Result<void>();
  }
  Task<void> accept(stream::Batch batch) override {
    decode::Scratch scratch;
    stream::EventId id;
    id.stream = stream_;
    id.shard = batch.shard;
    for (const auto& record : batch.records) {
      id.sequence_number = record.sequence_number;
      WEIR_CO_CHECK(co_await each_(id, record, scratch));
    }
    co_return Result<void>();
  }
  Task<void> settled(const stream::ShardId& /*shard*/) override { co_return Result<void>(); }
  Task<void> gap(stream::Gap gap) override { co_return refused("Gap", gap.reason); }
  void report(const stream::ShardStatus& /*status*/) override {}

 private:
  std::string stream_;
  RawHandler each_;
};

}  // namespace

Task<void> read_records(StreamSource& source, RawHandler each, std::stop_token stop) {
  stream::Positions positions;
  WEIR_CO_TRY(positions.stream, co_await source.identify(stop));
  WEIR_CO_TRY(positions.start, co_await source.resolve_start(stop));
  const stream::Share all;
  Passing sink(source.name().substr(std::string_view("kinesis:").size()), std::move(each));
  co_return co_await source.read(all, positions, sink, stop);
}

}  // namespace detail
}  // namespace weir::kinesis
