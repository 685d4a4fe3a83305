#include "emulator/core.hpp"

#include <algorithm>

#include "emulator/errors.hpp"

namespace weir::emulator {
namespace {

constexpr std::uint32_t list_streams_default = 100;   // service model
constexpr std::uint32_t list_streams_max = 10'000;    // service model
constexpr std::uint32_t create_shards_max = 100'000;  // service model
constexpr std::size_t scalings_per_day_max = 10;      // UpdateShardCount, per rolling 24 hours (service model)

std::uint64_t secret_of(std::uint64_t seed) { return Random(seed ^ 0x77656972U)(); }

}  // namespace

Core::Core(Clock& clock, Kinesis::Options options)
    : clock_(clock), options_(std::move(options)), faults_(options_.seed), tokens_(secret_of(options_.seed)) {}

void Core::settle(Timestamp now) {
  const auto ms = [](Timestamp time) { return std::int64_t{time.time_since_epoch().count()}; };
  if (ms(now) < next_due_ms_.load(std::memory_order_acquire)) {
    return;
  }
  const std::unique_lock lock(mutex_);
  std::vector<StreamState*> due;
  for (const auto& [name, stream] : streams_) {
    if (stream->change && stream->change->due <= now) {
      due.push_back(stream.get());
    }
  }
  for (StreamState* stream : due) {
    const StreamState::Change over = std::move(*stream->change);
    stream->change.reset();
    stream->status = api::StreamStatus::active;
    over.apply(*stream, over.due);  // may delete the stream
  }
  auto next = std::numeric_limits<std::int64_t>::max();
  for (const auto& [name, stream] : streams_) {
    if (stream->change) {
      next = std::min(next, ms(stream->change->due));
    }
  }
  next_due_ms_.store(next, std::memory_order_release);
}

void Core::change(StreamState& stream, api::StreamStatus status, Timestamp now, bool at_once,
                  std::function<void(StreamState&, Timestamp)> apply) {
  if (at_once || options_.status_change.count() == 0) {
    stream.status = api::StreamStatus::active;
    stream.change.reset();
    apply(stream, now);
    return;
  }
  const Timestamp due = now + options_.status_change;
  stream.status = status;
  stream.change = {.due = due, .apply = std::move(apply)};
  next_due_ms_.store(std::min<std::int64_t>(next_due_ms_.load(), due.time_since_epoch().count()),
                     std::memory_order_release);
}

std::string Core::under_account(std::string_view name) const {
  return std::string("Stream ").append(name).append(" under account ").append(options_.account_id);
}

Error Core::missing(std::string_view name) const { return not_found(under_account(name) + " not found."); }

StreamState* Core::find(std::string_view name) const {
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : found->second.get();
}

Result<StreamState*> Core::find(const api::StreamRef& ref) const {
  WEIR_TRY(const StreamName name, stream_name_of(ref, options_.region, options_.account_id));
  StreamState* const stream = find(name.name);
  if (stream == nullptr) {
    return missing(name.name);
  }
  return stream;
}

Result<StreamState*> Core::find_readable(const api::StreamRef& ref) const {
  WEIR_TRY(StreamState* const stream, find(ref));
  if (stream->status != api::StreamStatus::active && stream->status != api::StreamStatus::updating) {
    return missing(stream->name);
  }
  return stream;
}

Result<StreamState*> Core::find_active(const api::StreamRef& ref) const {
  WEIR_TRY(StreamState* const stream, find(ref));
  if (stream->status != api::StreamStatus::active) {
    return in_use(under_account(stream->name) + " not ACTIVE, instead in state " +
                  std::string(api::to_string(stream->status)));
  }
  return stream;
}

Result<ShardState*> Core::find_shard(const StreamState& stream, std::string_view member, std::string_view shard_id,
                                     Timestamp now) const {
  WEIR_CHECK(check_shard_id(member, shard_id));
  ShardState* const shard = stream.find(shard_id);
  if (shard == nullptr || stream.forgotten(*shard, now)) {
    return not_found("Could not find shard " + std::string(shard_id) + " in stream " + stream.name + " under account " +
                     options_.account_id + ".");
  }
  return shard;
}

Result<ShardState*> Core::find_open(const StreamState& stream, std::string_view member, std::string_view shard_id,
                                    Timestamp now) const {
  WEIR_TRY(ShardState* const shard, find_shard(stream, member, shard_id, now));
  if (!shard->open()) {
    return invalid_argument("Shard " + shard->id + " in stream " + stream.name + " under account " +
                            options_.account_id +
                            " has already been merged or split, and thus is not eligible for merging or splitting.");
  }
  return shard;
}

std::uint32_t Core::open_shards() const {
  std::uint32_t count = 0;
  for (const auto& [name, stream] : streams_) {
    count += stream->open_count();
  }
  return count;
}

StreamState& Core::add_stream(std::string_view name, std::uint32_t shards, Timestamp now) {
  const std::uint64_t id = next_id_++;
  const auto past = past_.find(name);
  // The same seed for each making, so that numbers repeat where they are asked to.
  const std::uint64_t seed = options_.seed ^ std::hash<std::string_view>{}(name);
  auto stream = std::make_unique<StreamState>(std::string(name), id, bytes_held_, options_.keep_trimmed, seed);
  stream->arn = "arn:aws:kinesis:" + options_.region + ":" + options_.account_id + ":stream/" + stream->name;
  stream->created = now;
  stream->retention = options_.retention;
  stream->record_bytes_max = options_.record_bytes_max;
  if (past == past_.end()) {
    past_[stream->name].first_created = now;
    stream->open_shards(shards, now, 0);
  } else if (options_.numbers_grow_when_made_again) {
    stream->open_shards(shards, now, past->second.created_s_max + 1);
  } else {
    stream->open_shards(shards, now, 0);
    for (const auto& shard : stream->shards) {
      shard->created_s =
          static_cast<std::uint64_t>(past->second.first_created.time_since_epoch() / std::chrono::seconds(1));
    }
  }
  StreamState& added = *stream;
  by_id_[id] = &added;
  streams_[added.name] = std::move(stream);
  return added;
}

void Core::remove_stream(const StreamState& stream) {
  Past& past = past_[stream.name];
  past.created_s_max = std::max(past.created_s_max, stream.created_s_max());
  by_id_.erase(stream.id);
  streams_.erase(streams_.find(stream.name));
}

Result<void> Core::create_stream(std::string_view name, std::uint32_t shards,
                                 std::optional<std::size_t> record_bytes_max) {
  WEIR_CHECK(check_stream_name(name));
  if (shards < 1) {
    return validation_error("shardCount", "have value greater than or equal to 1");
  }
  if (shards > create_shards_max) {
    return validation_error("shardCount", "have value less than or equal to " + std::to_string(create_shards_max));
  }
  if (record_bytes_max && (*record_bytes_max < std::size_t{1024} * 1024 || *record_bytes_max > api::record_bytes_max)) {
    return validation_error("maxRecordSizeInKiB", "have value between 1024 and 10240");
  }
  const Timestamp now = clock_.now();
  settle(now);
  const std::unique_lock lock(mutex_);
  if (find(name) != nullptr) {
    return in_use(under_account(name) + " already exists.");
  }
  if (streams_.size() >= options_.streams_max) {
    return limit_exceeded("This request would exceed the stream limit for the account " + options_.account_id + ": " +
                          std::to_string(options_.streams_max) + ".");
  }
  const std::uint32_t open = open_shards();
  if (shards > options_.shards_max - std::min(open, options_.shards_max)) {
    return limit_exceeded(
        "This request would exceed the shard limit for the account " + options_.account_id + " in " + options_.region +
        ". Current shard count for the account: " + std::to_string(open) +
        ". Limit: " + std::to_string(options_.shards_max) +
        ". Number of additional shards that would have resulted from this request: " + std::to_string(shards) + ".");
  }
  StreamState& stream = add_stream(name, shards, now);
  if (record_bytes_max) {
    stream.record_bytes_max = *record_bytes_max;
  }
  change(stream, api::StreamStatus::creating, now, false, [](StreamState&, Timestamp) {});
  return {};
}

Result<void> Core::delete_stream(const api::StreamRef& ref) {
  const Timestamp now = clock_.now();
  settle(now);
  const std::unique_lock lock(mutex_);
  WEIR_TRY(StreamState* const stream, find(ref));
  if (stream->status == api::StreamStatus::deleting) {
    return {};
  }
  change(*stream, api::StreamStatus::deleting, now, false,
         [this](StreamState& deleted, Timestamp) { remove_stream(deleted); });
  return {};
}

Result<api::StreamSummary> Core::describe(const api::StreamRef& ref) {
  const Timestamp now = clock_.now();
  settle(now);
  const std::shared_lock lock(mutex_);
  WEIR_TRY(const StreamState* const stream, find(ref));
  api::StreamSummary summary;
  summary.name = stream->name;
  summary.arn = stream->arn;
  summary.status = stream->status;
  summary.created = stream->created;
  summary.retention_hours = static_cast<std::uint32_t>(stream->retention.count());
  summary.open_shard_count = stream->open_count();
  summary.record_bytes_max = stream->record_bytes_max;
  summary.service_time = std::chrono::floor<std::chrono::seconds>(now);
  return summary;
}

Result<api::ListStreamsReply> Core::list_streams(const api::ListStreamsRequest& request) {
  const std::uint32_t limit = request.limit.value_or(list_streams_default);
  if (limit < 1 || limit > list_streams_max) {
    return validation_error("limit", "have value between 1 and " + std::to_string(list_streams_max));
  }
  const Timestamp now = clock_.now();
  settle(now);
  const std::string& after = request.next_token.empty() ? request.exclusive_start_stream_name : request.next_token;
  if (!after.empty()) {
    WEIR_CHECK(check_stream_name(after));
  }
  const std::shared_lock lock(mutex_);
  api::ListStreamsReply reply;
  for (auto each = streams_.upper_bound(after); each != streams_.end(); ++each) {
    if (reply.names.size() == limit) {
      reply.has_more = true;
      reply.next_token = reply.names.back();
      break;
    }
    reply.names.push_back(each->first);
  }
  return reply;
}

Result<void> Core::split_shard(const api::SplitShardRequest& request, bool at_once) {
  WEIR_CHECK(check_hash_key("newStartingHashKey", request.new_starting_hash_key));
  const Timestamp now = clock_.now();
  settle(now);
  const std::unique_lock lock(mutex_);
  WEIR_TRY(StreamState* const stream, find_active(request.stream));
  WEIR_TRY(ShardState* const shard, find_open(*stream, "shardToSplit", request.shard, now));
  const HashKey key = *parse_hash_key(request.new_starting_hash_key);
  if (key <= shard->start || key > shard->end) {
    return invalid_argument("NewStartingHashKey " + request.new_starting_hash_key + " used in SplitShard() on shard " +
                            shard->id + " in " + under_account(stream->name) +
                            " is not both greater than the shard's StartingHashKey " + to_decimal(shard->start) +
                            " and at most its EndingHashKey " + to_decimal(shard->end) + ".");
  }
  if (open_shards() >= options_.shards_max) {
    return limit_exceeded("This request would exceed the shard limit for the account " + options_.account_id + ": " +
                          std::to_string(options_.shards_max) + ".");
  }
  change(*stream, api::StreamStatus::updating, now, at_once,
         [shard, key](StreamState& changed, Timestamp time) { changed.split(*shard, key, time); });
  return {};
}

Result<void> Core::merge_shards(const api::MergeShardsRequest& request, bool at_once) {
  const Timestamp now = clock_.now();
  settle(now);
  const std::unique_lock lock(mutex_);
  WEIR_TRY(StreamState* const stream, find_active(request.stream));
  WEIR_TRY(ShardState* const shard, find_open(*stream, "shardToMerge", request.shard, now));
  WEIR_TRY(ShardState* const adjacent, find_open(*stream, "adjacentShardToMerge", request.adjacent_shard, now));
  const bool neighbours = shard != adjacent && (shard->start > adjacent->start ? adjacent->end + 1 == shard->start
                                                                               : shard->end + 1 == adjacent->start);
  if (!neighbours) {
    return invalid_argument("Shards " + shard->id + " and " + adjacent->id + " in " + under_account(stream->name) +
                            " are not an adjacent pair of shards eligible for merging.");
  }
  change(*stream, api::StreamStatus::updating, now, at_once,
         [shard, adjacent](StreamState& changed, Timestamp time) { changed.merge(*shard, *adjacent, time); });
  return {};
}

Result<api::UpdateShardCountReply> Core::update_shard_count(const api::UpdateShardCountRequest& request) {
  if (request.target < 1) {
    return validation_error("targetShardCount", "have value greater than or equal to 1");
  }
  const Timestamp now = clock_.now();
  settle(now);
  const std::unique_lock lock(mutex_);
  WEIR_TRY(StreamState* const stream, find_active(request.stream));
  api::UpdateShardCountReply reply;
  reply.stream_name = stream->name;
  reply.current = stream->open_count();
  reply.target = request.target;
  const std::string counts = " Current open shard count: " + std::to_string(reply.current) +
                             " Target shard count: " + std::to_string(reply.target);
  if (request.target > std::uint64_t{reply.current} * 2) {
    return invalid_argument("UpdateShardCount cannot scale up over double your current open shard count." + counts);
  }
  if (std::uint64_t{request.target} * 2 < reply.current) {
    return invalid_argument("UpdateShardCount cannot scale down below half your current open shard count." + counts);
  }
  if (request.target > reply.current &&
      request.target - reply.current > options_.shards_max - std::min(open_shards(), options_.shards_max)) {
    return limit_exceeded("This request would exceed the shard limit for the account " + options_.account_id + ": " +
                          std::to_string(options_.shards_max) + ".");
  }
  std::erase_if(stream->scalings, [&](Timestamp time) { return time + std::chrono::hours(24) <= now; });
  if (stream->scalings.size() >= scalings_per_day_max) {
    return limit_exceeded("UpdateShardCount may be called " + std::to_string(scalings_per_day_max) +
                          " times in 24 hours for a stream.");
  }
  stream->scalings.push_back(now);
  change(*stream, api::StreamStatus::updating, now, false,
         [target = request.target](StreamState& changed, Timestamp time) { changed.scale(target, time); });
  return reply;
}

void Core::expire_iterators() { ++epoch_; }

Result<void> Core::trim(std::string_view stream_name, std::string_view shard_id, std::string_view up_to) {
  const Timestamp now = clock_.now();
  settle(now);
  const std::shared_lock lock(mutex_);
  const StreamState* const stream = find(stream_name);
  if (stream == nullptr) {
    return missing(stream_name);
  }
  WEIR_TRY(ShardState* const shard, find_shard(*stream, "shardId", shard_id, now));
  const std::unique_lock shard_lock(shard->mutex);
  std::uint64_t counter = shard->log.last_counter();
  if (!up_to.empty()) {
    WEIR_TRY(counter, counter_of(*stream, *shard, up_to));
  }
  shard->log.trim(std::min(counter, shard->log.last_counter()) + 1);
  return {};
}

Result<void> Core::answer_trimmed(std::string_view stream_name, std::string_view shard_id, TrimmedAnswer answer) {
  const std::shared_lock lock(mutex_);
  const StreamState* const stream = find(stream_name);
  if (stream == nullptr) {
    return missing(stream_name);
  }
  WEIR_TRY(ShardState* const shard, find_shard(*stream, "shardId", shard_id, clock_.now()));
  const std::unique_lock shard_lock(shard->mutex);
  shard->trimmed_answer = answer;
  return {};
}

Result<void> Core::recreate(std::string_view stream_name) {
  const Timestamp now = clock_.now();
  settle(now);
  const std::unique_lock lock(mutex_);
  const StreamState* const stream = find(stream_name);
  if (stream == nullptr) {
    return missing(stream_name);
  }
  const std::string name = stream->name;
  const std::uint32_t shards = stream->open_count();
  const std::size_t record_bytes_max = stream->record_bytes_max;
  // Creation times tell the makings apart, so they differ even where the clock stood still.
  const Timestamp created = std::max(now, stream->created + std::chrono::milliseconds(1));
  remove_stream(*stream);
  add_stream(name, shards, created).record_bytes_max = record_bytes_max;
  return {};
}

Result<void> Core::look(std::string_view stream_name, const std::function<void(const StreamState&)>& look) const {
  const std::shared_lock lock(mutex_);
  const StreamState* const stream = find(stream_name);
  if (stream == nullptr) {
    return missing(stream_name);
  }
  look(*stream);
  return {};
}

Target Core::target_of(const api::StreamRef& ref, std::string_view shard) const {
  const std::string_view arn = ref.arn;
  const std::size_t slash = arn.rfind('/');
  return {.stream = arn.empty() || slash == std::string_view::npos ? ref.name : std::string(arn.substr(slash + 1)),
          .shard = std::string(shard)};
}

Target Core::target_of_iterator(std::string_view text) const {
  const std::optional<Token> token = tokens_.read(text);
  if (!token || token->kind != Token::Kind::iterator) {
    return {};
  }
  const std::shared_lock lock(mutex_);
  const auto found = by_id_.find(token->stream_id);
  return {.stream = found == by_id_.end() ? std::string() : found->second->name,
          .shard = shard_id_of(token->shard_index)};
}

}  // namespace weir::emulator
