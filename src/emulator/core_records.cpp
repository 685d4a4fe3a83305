// The calls that list shards and move records.

#include <algorithm>

#include "emulator/core.hpp"
#include "emulator/errors.hpp"
#include "weir/stream/sequence_number.hpp"

namespace weir::emulator {
namespace {

constexpr std::uint32_t list_shards_max = 10'000;     // what a request may ask for (service model)
constexpr std::uint32_t list_shards_page_max = 1000;  // what a page holds at most (service model)
// A Token's flags: which record it was made from, so that one whose record is trimmed can be told.
constexpr std::uint8_t at_record = 1;     // the one with its counter
constexpr std::uint8_t after_record = 2;  // the one before
constexpr std::uint64_t gap_max = 16;                 // between the counters of neighbouring records

std::int64_t ms_of(Timestamp time) noexcept { return time.time_since_epoch().count(); }
std::uint64_t seconds_of(Timestamp time) noexcept {
  return ms_of(time) < 0 ? 0 : static_cast<std::uint64_t>(ms_of(time) / 1000);
}
Timestamp time_of(std::int64_t ms) noexcept { return Timestamp(std::chrono::milliseconds(ms)); }

bool open_at(const ShardState& shard, Timestamp time) {
  return shard.created <= time && (!shard.closed || *shard.closed > time);
}

bool listed(const StreamState& stream, const ShardState& shard, ShardFilter::Type type, Timestamp time, Timestamp now) {
  if (stream.forgotten(shard, now)) {
    return false;
  }
  const Timestamp trim_horizon = std::max(now - stream.retention, stream.created);
  switch (type) {
    case ShardFilter::Type::from_trim_horizon:
    case ShardFilter::Type::after_shard_id:
      return true;
    case ShardFilter::Type::at_trim_horizon:
      return open_at(shard, trim_horizon);
    case ShardFilter::Type::at_latest:
      return shard.open();
    case ShardFilter::Type::at_timestamp:
      return open_at(shard, std::max(time, trim_horizon));
    case ShardFilter::Type::from_timestamp:
      return shard.open() || *shard.closed >= std::max(time, trim_horizon);
  }
  return true;
}

api::Shard describe_shard(const StreamState& stream, const ShardState& shard) {
  api::Shard described;
  described.id = shard.id;
  if (!shard.parents.empty()) {
    described.parent = stream.shards[shard.parents[0]]->id;
  }
  if (shard.parents.size() > 1) {
    described.adjacent_parent = stream.shards[shard.parents[1]]->id;
  }
  described.hash_key_start = to_decimal(shard.start);
  described.hash_key_end = to_decimal(shard.end);
  described.sequence_number_start = view(shard.sequence(0, shard.created_s));
  if (shard.closed) {
    described.sequence_number_end = view(shard.sequence(counter_end, seconds_of(*shard.closed)));
  }
  return described;
}

}  // namespace

std::string Core::token(Token token, Timestamp now) {
  token.issued_ms = ms_of(now);
  token.epoch = epoch_.load();
  return tokens_.write(token, Random(options_.seed + nonce_.fetch_add(1))());
}

std::string Core::iterator(const StreamState& stream, const ShardState& shard, std::uint64_t counter,
                           std::uint8_t flags, Timestamp now) {
  Token made;
  made.kind = Token::Kind::iterator;
  made.flags = flags;
  made.shard_index = shard.index;
  made.stream_id = stream.id;
  made.counter = counter;
  return token(made, now);
}

Result<void> Core::check_iterator_age(const Token& token, Timestamp now) const {
  const std::int64_t life_ms = options_.iterator_life.count();
  if (token.epoch != epoch_.load() || ms_of(now) - token.issued_ms > life_ms) {
    return service_error("ExpiredIteratorException",
                         "Iterator expired. The iterator was created at time " +
                             weir::to_string(time_of(token.issued_ms)) + " while right now it is " +
                             weir::to_string(now) + " which is further in the future than the tolerated delay of " +
                             std::to_string(life_ms) + " milliseconds.");
  }
  return {};
}

Result<api::ListShardsReply> Core::list_shards(const api::ListShardsRequest& request, const ShardFilter& filter) {
  const std::uint32_t wanted = request.results_max.value_or(list_shards_page_max);
  if (wanted < 1 || wanted > list_shards_max) {
    return validation_error("maxResults", "have value between 1 and " + std::to_string(list_shards_max));
  }
  const std::size_t page_max = std::min(wanted, list_shards_page_max);
  const Timestamp now = clock_.now();
  settle(now);

  Token from;
  from.kind = Token::Kind::shards_page;
  std::optional<std::uint32_t> after;
  const StreamState* stream = nullptr;
  const std::shared_lock lock(mutex_);
  if (!request.next_token.empty()) {
    if (!request.stream.name.empty() || !request.stream.arn.empty() || !request.exclusive_start_shard_id.empty() ||
        filter.type != ShardFilter::Type::from_trim_horizon) {
      return invalid_argument(
          "Cannot define ExclusiveStartShardId, ShardFilter, StreamARN, StreamCreationTimestamp or StreamName if "
          "NextToken is defined");
    }
    const std::optional<Token> read = tokens_.read(request.next_token);
    if (!read || read->kind != Token::Kind::shards_page) {
      return invalid_argument("Invalid NextToken.");
    }
    if (ms_of(now) - read->issued_ms > options_.iterator_life.count()) {
      return service_error("ExpiredNextTokenException", "NextToken has expired. List from the first page again.");
    }
    const auto found = by_id_.find(read->stream_id);
    if (found == by_id_.end()) {
      return not_found("The stream of this NextToken is not found.");
    }
    stream = found->second;
    from = *read;
    after = read->shard_index;
  } else {
    WEIR_TRY(stream, find(request.stream));
    from.stream_id = stream->id;
    from.flags = static_cast<std::uint8_t>(filter.type);
    const bool timed =
        filter.type == ShardFilter::Type::at_timestamp || filter.type == ShardFilter::Type::from_timestamp;
    if (timed != filter.timestamp.has_value()) {
      return invalid_argument(
          "ShardFilter needs a Timestamp with AT_TIMESTAMP and FROM_TIMESTAMP, and with those alone.");
    }
    if (filter.timestamp && *filter.timestamp > now) {
      return invalid_argument("The Timestamp of ShardFilter is in the future.");
    }
    from.filter_ms = filter.timestamp ? ms_of(*filter.timestamp) : 0;
    const std::string& start =
        filter.type == ShardFilter::Type::after_shard_id ? filter.shard_id : request.exclusive_start_shard_id;
    if (filter.type == ShardFilter::Type::after_shard_id || !start.empty()) {
      WEIR_CHECK(check_shard_id("exclusiveStartShardId", start));
      after = shard_index_of(start);
      if (!after) {
        return invalid_argument("ExclusiveStartShardId is not the id of a shard of this stream.");
      }
    }
  }

  api::ListShardsReply reply;
  const auto type = static_cast<ShardFilter::Type>(from.flags);
  for (std::size_t i = after ? std::size_t{*after} + 1 : 0; i < stream->shards.size(); ++i) {
    const ShardState& shard = *stream->shards[i];
    if (!listed(*stream, shard, type, time_of(from.filter_ms), now)) {
      continue;
    }
    if (reply.shards.size() == page_max) {
      from.shard_index = *shard_index_of(reply.shards.back().id);
      reply.next_token = token(from, now);
      break;
    }
    reply.shards.push_back(describe_shard(*stream, shard));
  }
  return reply;
}

Placed Core::place(StreamState& stream, const api::PutRecordsEntry& entry, Timestamp now, const Fault* partial) {
  const HashKey key =
      entry.explicit_hash_key.empty() ? hash_of(entry.partition_key) : *parse_hash_key(entry.explicit_hash_key);
  ShardState& shard = stream.owner_of(key);
  Placed placed;
  placed.shard_index = shard.index;
  if (partial != nullptr && faults_.fails_entry(*partial, shard.id)) {
    placed.error_code = "ProvisionedThroughputExceededException";
    placed.error_message = "Rate exceeded for shard " + shard.id + " in stream " + stream.name + " under account " +
                           options_.account_id + ".";
    return placed;
  }
  const std::unique_lock lock(shard.mutex);
  ShardLog::Entry stored;
  stored.counter = shard.log.last_counter() + 1 + shard.gaps.below(gap_max);
  stored.arrival = now;
  stored.data = entry.data;
  stored.partition_key = entry.partition_key;
  stored.sequence_number = shard.sequence(stored.counter, seconds_of(now));
  if (!shard.log.append(stored, options_.bytes_max)) {
    // What retention has taken may make room.
    shard.log.trim_before(now - stream.retention);
    if (!shard.log.append(stored, options_.bytes_max)) {
      placed.error_code = "InternalFailure";
      placed.error_message = "The emulator holds all the records it may, " + std::to_string(options_.bytes_max) +
                             " bytes (bytes_max): raise it, delete a stream or shorten the retention.";
      return placed;
    }
  }
  placed.sequence_number = stored.sequence_number;
  return placed;
}

Result<std::vector<Placed>> Core::put_records(const api::StreamRef& ref, std::span<const api::PutRecordsEntry> entries,
                                              const Fault* partial) {
  if (entries.empty()) {
    return validation_error("records", "have length greater than or equal to 1");
  }
  if (entries.size() > api::put_records_max) {
    return validation_error("records", "have length less than or equal to " + std::to_string(api::put_records_max));
  }
  const Timestamp now = clock_.now();
  settle(now);
  const std::shared_lock lock(mutex_);
  WEIR_TRY(StreamState* const stream, find_readable(ref));
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto checked = check_entry("", entries[i], stream->record_bytes_max);
    if (!checked) {  // the member's place is only spelled out for the one that is wrong
      return check_entry("records." + std::to_string(i + 1) + ".member.", entries[i], stream->record_bytes_max).error();
    }
    bytes += entries[i].data.size() + entries[i].partition_key.size();
  }
  if (bytes > options_.request_bytes_max) {
    return invalid_argument("Records size exceeds " + std::to_string(options_.request_bytes_max) +
                            " bytes: " + std::to_string(bytes) + ".");
  }
  std::vector<Placed> placed;
  placed.reserve(entries.size());
  for (const auto& entry : entries) {
    placed.push_back(place(*stream, entry, now, partial));
  }
  return placed;
}

Result<Placed> Core::put_record(const api::PutRecordRequest& request) {
  if (!request.sequence_number_for_ordering.empty() &&
      !stream::is_sequence_number(request.sequence_number_for_ordering)) {
    return validation_error("sequenceNumberForOrdering", "satisfy regular expression pattern: 0|([1-9]\\d{0,128})");
  }
  const Timestamp now = clock_.now();
  settle(now);
  const std::shared_lock lock(mutex_);
  WEIR_TRY(StreamState* const stream, find_readable(request.stream));
  WEIR_CHECK(check_entry("", request.record, stream->record_bytes_max));
  Placed placed = place(*stream, request.record, now, nullptr);
  if (placed.error_code != nullptr) {
    return service_error(placed.error_code, placed.error_message);
  }
  return placed;
}

Result<std::uint64_t> Core::counter_of(const StreamState& stream, const ShardState& shard,
                                       std::string_view digits) const {
  if (!stream::is_sequence_number(digits)) {
    return invalid_argument("Invalid StartingSequenceNumber: it must be a decimal number of at most 129 digits.");
  }
  const std::optional<SequenceParts> parts = decode_sequence(digits);
  if (parts && parts->shard_index != shard.index && parts->shard_created_s != 0) {
    return invalid_argument("Invalid StartingSequenceNumber. It encodes " + shard_id_of(parts->shard_index) +
                            ", while it was used in a call to a shard with " + shard.id);
  }
  if (!parts || parts->shard_created_s != shard.created_s) {
    return invalid_argument("StartingSequenceNumber " + std::string(digits) + " used in GetShardIterator on shard " +
                            shard.id + " in stream " + stream.name + " under account " + options_.account_id +
                            " is invalid because it did not come from this stream.");
  }
  return parts->counter;
}

Result<std::string> Core::get_shard_iterator(const api::GetShardIteratorRequest& request) {
  const bool at_number =
      request.type == api::IteratorType::at_sequence_number || request.type == api::IteratorType::after_sequence_number;
  if (at_number && request.starting_sequence_number.empty()) {
    return invalid_argument("StartingSequenceNumber must be provided for ShardIteratorType " +
                            std::string(api::to_string(request.type)));
  }
  if (!at_number && !request.starting_sequence_number.empty()) {
    return invalid_argument("StartingSequenceNumber cannot be provided for ShardIteratorType " +
                            std::string(api::to_string(request.type)));
  }
  const Timestamp now = clock_.now();
  settle(now);
  const std::shared_lock lock(mutex_);
  WEIR_TRY(const StreamState* const stream, find_readable(request.stream));
  WEIR_TRY(ShardState* const shard, find_shard(*stream, "shardId", request.shard_id, now));
  const std::unique_lock shard_lock(shard->mutex);
  shard->log.trim_before(now - stream->retention);
  switch (request.type) {
    case api::IteratorType::trim_horizon:
      return iterator(*stream, *shard, 0, 0, now);
    case api::IteratorType::latest:
      return iterator(*stream, *shard, shard->log.last_counter() + 1, 0, now);
    case api::IteratorType::at_timestamp:
      if (request.timestamp > now) {
        return invalid_argument(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: " +
            std::to_string(ms_of(request.timestamp)) + ", currentTimestampInMillis: " + std::to_string(ms_of(now)));
      }
      return iterator(*stream, *shard, shard->log.counter_at(request.timestamp), 0, now);
    case api::IteratorType::at_sequence_number:
    case api::IteratorType::after_sequence_number:
      break;
  }
  WEIR_TRY(const std::uint64_t counter, counter_of(*stream, *shard, request.starting_sequence_number));
  if (counter < shard->log.horizon() && shard->trimmed_answer == TrimmedAnswer::error) {
    return invalid_argument("StartingSequenceNumber " + request.starting_sequence_number +
                            " used in GetShardIterator on shard " + shard->id + " in stream " + stream->name +
                            " under account " + options_.account_id + " is invalid because it is no longer kept.");
  }
  if (request.type == api::IteratorType::after_sequence_number && counter < counter_end) {
    return iterator(*stream, *shard, counter + 1, after_record, now);
  }
  return iterator(*stream, *shard, counter, at_record, now);
}

Result<RecordsPage> Core::get_records(const api::GetRecordsRequest& request, bool answer_empty) {
  if (request.limit < 1) {
    return validation_error("limit", "have value greater than or equal to 1");
  }
  if (request.limit > api::get_records_max) {
    return invalid_argument("Limit must be between 1 and " + std::to_string(api::get_records_max));
  }
  const std::optional<Token> token = tokens_.read(request.shard_iterator);
  if (!token || token->kind != Token::Kind::iterator) {
    return invalid_argument("Invalid ShardIterator.");
  }
  const Timestamp now = clock_.now();
  settle(now);
  WEIR_CHECK(check_iterator_age(*token, now));
  const std::shared_lock lock(mutex_);
  const auto found = by_id_.find(token->stream_id);
  if (found == by_id_.end()) {
    return not_found("The stream of this ShardIterator is not found.");
  }
  const StreamState& stream = *found->second;
  if (!request.stream_arn.empty() && request.stream_arn != stream.arn) {
    return invalid_argument("StreamARN names another stream than the ShardIterator.");
  }
  ShardState& shard = *stream.shards[token->shard_index];
  if (stream.forgotten(shard, now) || stream.status == api::StreamStatus::deleting) {
    return not_found("Could not find shard " + shard.id + " in stream " + stream.name + " under account " +
                     options_.account_id + ".");
  }

  RecordsPage reply;
  const std::unique_lock shard_lock(shard.mutex);
  shard.log.trim_before(now - stream.retention);
  std::uint64_t next = token->counter;
  std::uint8_t flags = token->flags;
  const bool lost = (flags == at_record && next < shard.log.horizon()) ||
                    (flags == after_record && next <= shard.log.horizon() && shard.log.horizon() > 0);
  if (answer_empty || (lost && shard.trimmed_answer == TrimmedAnswer::empty)) {
    const std::optional<Timestamp> first = shard.log.arrival_at(next);
    reply.behind = lost    ? std::chrono::milliseconds(stream.retention)
                   : first ? now - *first
                           : std::chrono::milliseconds(0);
    reply.next_iterator = iterator(stream, shard, next, flags, now);
    return reply;
  }
  reply.page = shard.log.page(next, request.limit, options_.reply_bytes_max);
  if (reply.page.last_counter) {
    next = *reply.page.last_counter + 1;
    flags = after_record;
  }
  if (!reply.page.at_end) {
    // "Zero" says caught up (service model), so whoever is behind is so by a millisecond at least.
    reply.behind = std::max(now - *reply.page.last_arrival, std::chrono::milliseconds(1));
  }
  const bool ended = shard.closed && reply.page.at_end && (!options_.end_comes_alone || reply.page.records == 0);
  if (!ended) {
    reply.next_iterator = iterator(stream, shard, next, flags, now);
    return reply;
  }
  for (const std::uint32_t index : shard.children) {
    const ShardState& child = *stream.shards[index];
    api::ChildShard described;
    described.id = child.id;
    for (const std::uint32_t parent : child.parents) {
      described.parents.push_back(stream.shards[parent]->id);
    }
    described.hash_key_start = to_decimal(child.start);
    described.hash_key_end = to_decimal(child.end);
    reply.children.push_back(std::move(described));
  }
  return reply;
}

}  // namespace weir::emulator
