// Which stream this is, which shards it has, and what becomes of them.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kinesis/stream_shared.hpp"

namespace weir::kinesis {
namespace {

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

}  // namespace

void say_starting(stream::Sink& sink, const stream::ShardId& shard) {
  stream::ShardStatus status;
  status.shard = shard;
  status.state = stream::ShardState::starting;
  sink.report(status);
}

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

// Ends a check of the identity however it ends, and lets those who wait look again.
struct StreamSource::Shared::Turn {
  explicit Turn(Shared& of) : shared(of) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    {
      const std::scoped_lock lock(shared.mutex);
      shared.checking = false;
    }
    shared.checked.notify();
  }
  Shared& shared;
};

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
    const Turn turn(*this);
    WEIR_CO_CHECK(co_await check_identity(expected, stop));
    const std::scoped_lock lock(mutex);
    checks_finished = mine;
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

}  // namespace weir::kinesis
