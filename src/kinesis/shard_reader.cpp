#include "kinesis/shard_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::kinesis {
namespace {

// A page's buffer also holds keys, sequence numbers and the wire's own bytes.
constexpr std::size_t page_bytes_max = api::get_reply_bytes_max + api::get_reply_bytes_max / 4;
constexpr std::size_t page_bytes_min = 64U * 1024;
// Ends in a row without children before they are believed.
constexpr std::uint32_t bare_ends_min = 2;
// Iterators in a row that the service refuses to know, before the shard fails.
constexpr std::uint32_t invalid_iterators_max = 3;
// Empty pages at a stored position before the trim horizon is looked at.
constexpr std::uint32_t empty_pages_max = 10;
// Empty pages at the tip before the position counts as missing.
constexpr std::uint32_t empty_pages_at_tip_max = 3;
// Between empty pages of a shard that is behind: what keeps within five calls a second.
constexpr std::chrono::milliseconds empty_page_pause{200};
// Arrival times are approximate, and clocks differ.
constexpr std::chrono::minutes clock_slack{1};
// Retention goes on taking while an iterator waits for its first use: it lives for five minutes.
constexpr std::chrono::minutes unread_slack = std::chrono::minutes(5) + clock_slack;
// Runs that end as soon as they have caught up still note how far they read so often: else a shard that is read every
// hour, and quiet, would one day look as if nobody had read it for longer than the retention.
constexpr int notes_per_retention = 4;
// What is told of a shard is what was read by the reply before the last.
constexpr std::size_t replies_until_told = 2;

bool is_missing(const Error& error) {
  return error.code == "ResourceNotFoundException" || error.code == "InvalidArgumentException";
}

}  // namespace

api::IteratorType iterator_type(stream::Start::Type type) {
  switch (type) {
    case stream::Start::Type::at_timestamp:
      return api::IteratorType::at_timestamp;
    case stream::Start::Type::at_sequence_number:
      return api::IteratorType::at_sequence_number;
    case stream::Start::Type::after_sequence_number:
      return api::IteratorType::after_sequence_number;
    case stream::Start::Type::trim_horizon:
      break;
  }
  return api::IteratorType::trim_horizon;
}

ShardReader::ShardReader(const Context& context, stream::ShardId shard, const stream::ShardPosition& from,
                         std::uint64_t seed)
    : context_(context),
      shard_(std::move(shard)),
      after_(from.after),
      arrival_(from.arrival),
      read_up_to_(from.read_up_to),
      from_start_(from.from_start),
      hash_range_(from.hash_range),
      limiter_(context.config->keep_quotas ? reads_per_second_max : 0,
               context.config->keep_quotas ? read_bytes_per_second_max : 0),
      backoff_(Backoff::Options(), Random(seed)),
      bytes_expected_(page_bytes_max) {
  read_up_to_before_.fill(read_up_to_);
  const auto retention = std::chrono::milliseconds(context.retention_ms->load(std::memory_order_relaxed));
  if (context.clock->now() - read_up_to_ > retention / notes_per_retention) {
    replies_to_tell_ = replies_until_told;
  }
  position_lost_ = !after_.empty() && std::ranges::any_of(*context.gaps, [this](const stream::Gap& gap) {
    return gap.accepted && gap.shard == shard_ && gap.from == after_ && gap.noticed < read_up_to_;
  });
}

Task<stream::Batch> ShardReader::next(std::stop_token stop) {
  for (;;) {
    if (vanished_) {
      auto children = co_await context_.children_of(shard_, stop);
      if (!children && children.error().code != no_children) {
        WEIR_CO_CHECK(co_await recover(std::move(children).error(), stop));
        continue;
      }
      stream::Batch batch;
      batch.shard = shard_;
      batch.end = born_later(children ? *std::move(children) : std::vector<stream::Shard>());
      co_return batch;
    }
    if (iterator_.empty()) {
      WEIR_CO_CHECK(co_await open(stop));
      continue;
    }
    WEIR_CO_CHECK(co_await wait_for_turn(stop));
    if (retention_is_near()) {
      iterator_.clear();
      WEIR_CO_CHECK(co_await open(stop));
      if (iterator_.empty()) {
        continue;
      }
    }
    WEIR_CO_TRY(auto fetched, co_await fetch(stop));
    if (!fetched) {
      continue;
    }
    auto& reply = *fetched;
    auto taken = take_new_records(reply);
    if (!taken) {
      reply = api::GetRecordsReply();
      WEIR_CO_CHECK(co_await recover(std::move(taken).error(), stop));
      continue;
    }
    if (!reply.records.empty() && !proven_) {
      std::optional<stream::RawRecord> first = reply.records.front();
      WEIR_CO_CHECK(co_await position_missing(first));
    }
    if (!reply.next_shard_iterator && !proven_) {  // an end in place of the position: what was between is gone
      WEIR_CO_CHECK(co_await position_missing(std::nullopt));
    }
    if (proven_) {  // else nobody knows what is missing before it
      if (after_.empty() && !reply.records.empty()) {
        begin_at(reply.records.front().arrival);
      }
      read_up_to_ = std::max(read_up_to_, fetched_up_to_);
      read_up_to_before_ = {read_up_to_before_[1], read_up_to_before_[2], read_up_to_};
      replies_to_tell_ -= std::min<std::size_t>(replies_to_tell_, 1);
    }
    if (!reply.next_shard_iterator) {
      WEIR_CO_TRY(auto batch, co_await end_of_shard(std::move(reply), stop));
      if (batch) {
        co_return *std::move(batch);
      }
      continue;
    }
    iterator_ = *std::move(reply.next_shard_iterator);
    bare_ends_ = 0;
    if (reply.records.empty()) {
      lease_.release();
      WEIR_CO_CHECK(co_await empty_page(reply.behind));
      continue;
    }
    next_poll_ = Duration(0);
    empty_pages_ = 0;
    co_return make_batch(std::move(reply));
  }
}

Task<void> ShardReader::open(std::stop_token stop) {
  api::GetShardIteratorRequest request;
  request.stream = context_.stream;
  request.shard_id = shard_;
  const bool resuming = !after_.empty() && !from_horizon_;
  if (resuming) {
    // AT, not AFTER: the service shows the record again, which proves that it was not trimmed.
    request.type = api::IteratorType::at_sequence_number;
    request.starting_sequence_number = after_.text();
    proven_ = false;
    resumed_at_ = context_.clock->now();
    resumed_read_up_to_ = read_up_to_;
  } else if (!from_horizon_ && from_start_) {
    request.type = iterator_type(context_.start.type);
    request.starting_sequence_number = context_.start.sequence_number.text();
    request.timestamp = context_.start.timestamp;
  } else {
    request.type = api::IteratorType::trim_horizon;
  }
  auto iterator = co_await context_.api->get_shard_iterator(request, stop);
  if (iterator) {
    // An iterator belongs to one making of the stream. It is this one's if the stream is still the same now;
    // opened by name, it could be another's whose shards have the same names.
    WEIR_CO_CHECK(co_await context_.check_identity(stop));
    // Only now: the call may have taken a while, and retention has its own clock.
    WEIR_CO_CHECK(co_await check_unread_too_long());
    iterator_ = *std::move(iterator);
    co_return Result<void>();
  }
  if (!is_missing(iterator.error())) {
    co_return co_await recover(std::move(iterator).error(), stop);
  }
  // Another making of the stream does not know this shard or this number either: that is said by its name.
  WEIR_CO_CHECK(co_await context_.check_identity(stop));
  if (resuming) {
    from_horizon_ = true;
    co_return Result<void>();
  }
  if (iterator.error().code != "ResourceNotFoundException") {
    say(stream::ShardState::failed, iterator.error().message);
    co_return std::move(iterator).error();
  }
  stream::Gap gap;
  gap.from = after_;
  gap.reason = fmt::format("shard {} is no longer there, and was not read to its end", shard_);
  WEIR_CO_CHECK(co_await on_record(std::move(gap)));
  vanished_ = true;
  co_return Result<void>();
}

// What was said of the shard before its first record, that nothing is missing up to the start, holds up to that record:
// the next one may be taken by retention at once.
void ShardReader::begin_at(Timestamp first) {
  read_up_to_ = std::min(read_up_to_, first);
  for (auto& before : read_up_to_before_) {
    before = std::min(before, first);
  }
}

// An iterator goes on over what retention takes before it, and does not say so. Where that could be, each page is asked
// for from the last record on, which is there, or is not. A page of that record alone is followed by one more.
bool ShardReader::retention_is_near() const {
  const auto retention = std::chrono::milliseconds(context_.retention_ms->load(std::memory_order_relaxed));
  const auto kept_since = context_.clock->now() + clock_slack - retention;
  return !after_.empty() && proven_ && !position_lost_ && !seen_alone_ && arrival_ <= kept_since &&
         read_up_to_ <= kept_since;
}

Task<void> ShardReader::wait_for_turn(std::stop_token stop) {
  const auto now = context_.clock->elapsed();
  const auto at = std::max(limiter_.next_call(now), next_poll_);
  if (at <= now) {
    co_return Result<void>();
  }
  co_return co_await context_.clock->sleep(at - now, stop);
}

Task<std::optional<api::GetRecordsReply>> ShardReader::fetch(std::stop_token stop) {
  WEIR_CO_TRY(lease_, co_await context_.budget->acquire(bytes_expected_, stop));
  const auto called_at = context_.clock->now();
  limiter_.called(context_.clock->elapsed());
  api::GetRecordsRequest request;
  request.shard_iterator = iterator_;
  request.limit = context_.config->records_per_call;
  request.stream_arn = context_.stream.arn;
  auto reply = co_await context_.api->get_records(request, stop);
  if (!reply) {
    WEIR_CO_CHECK(co_await recover(std::move(reply).error(), stop));
    co_return std::optional<api::GetRecordsReply>();
  }
  lease_.resize(reply->wire_bytes);
  limiter_.received(context_.clock->elapsed(), reply->wire_bytes);
  behind_ = reply->behind;
  bytes_expected_ = std::clamp(reply->wire_bytes * 2, page_bytes_min, page_bytes_max);
  fetched_up_to_ = called_at - behind_;
  backoff_.reset();
  co_return std::optional<api::GetRecordsReply>(*std::move(reply));
}

// Children are younger than the last moment at which the shard was surely open.
std::vector<stream::Shard> ShardReader::born_later(std::vector<stream::Shard> children) const {
  for (auto& child : children) {
    child.born_after = read_up_to_before_.front();
  }
  return children;
}

// Decides what an error means for this shard: wait and go on, reopen, or fail.
Task<void> ShardReader::recover(Error error, std::stop_token stop) {
  // Whatever was received is of no use. Kept, it could be what the next fetch waits for.
  lease_.release();
  if (error.is_stopped() || stop.stop_requested()) {
    co_return stopped();
  }
  if (context_.config->on_get_records_error) {
    context_.config->on_get_records_error(context_.stream.name, shard_, error);
  }
  if (error.next == Next::reopen) {
    // The same position, a fresh iterator. A spent one costs nothing; one that is spent at once, again and
    // again, is paced like any failure.
    iterator_.clear();
    if (backoff_.failures() == 0) {
      static_cast<void>(backoff_.next());
      co_return Result<void>();
    }
  } else if (error.next == Next::corrupt) {
    if (++corrupt_replies_ >= corrupt_replies_max) {
      say(stream::ShardState::failed, error.message);
      co_return error;
    }
    iterator_.clear();
  } else if (error.next == Next::refused) {
    const bool known = is_missing(error) && !iterator_.empty();
    if (!known || ++invalid_iterators_ >= invalid_iterators_max) {
      say(stream::ShardState::failed, error.message);
      co_return error;
    }
    WEIR_CO_CHECK(co_await context_.check_identity(stop));
    iterator_.clear();
  }
  say(error.throttled ? stream::ShardState::throttled : stream::ShardState::retrying, to_string(error));
  auto wait = backoff_.next();
  if (error.retry_after) {
    wait = std::max<Duration>(wait, *error.retry_after);
  }
  co_return co_await context_.clock->sleep(wait, stop);
}

// The iterator was opened at the stored position, and the service showed a later record (or nothing at
// all) instead: the position has been trimmed. Were records lost with it? Not if it simply grew older than
// the retention while everything up to a younger moment had been read.
Task<void> ShardReader::position_missing(std::optional<stream::RawRecord> first) {
  const auto retention = std::chrono::milliseconds(context_.retention_ms->load(std::memory_order_relaxed));
  const bool aged_out = arrival_ + retention < resumed_at_ + clock_slack;
  const auto lost_before = context_.clock->now() + unread_slack - retention;
  const bool all_read = resumed_read_up_to_ > lost_before;
  proven_ = true;
  from_horizon_ = false;
  if (all_read && (aged_out || position_lost_)) {
    co_return Result<void>();
  }
  stream::Gap gap;
  gap.from = after_;
  gap.to = first ? stream::SequenceNumber(first->sequence_number) : stream::SequenceNumber();
  gap.lost_before = all_read ? Timestamp() : lost_before;  // where retention does not explain it, nothing does
  gap.reason = fmt::format("records of shard {} after {}{} were trimmed before they were read", shard_, after_.text(),
                           gap.to.empty() ? "" : fmt::format(" and before {}", gap.to.text()));
  WEIR_CO_CHECK(co_await on_record(std::move(gap)));
  position_lost_ = true;
  co_return Result<void>();
}

// Without a position nothing proves that the oldest record is the first one. Where all that can be said of a
// shard is older than the retention (its parent took its time, nobody was running), records may be gone.
Task<void> ShardReader::check_unread_too_long() {
  const auto retention = std::chrono::milliseconds(context_.retention_ms->load(std::memory_order_relaxed));
  const auto lost_before = context_.clock->now() + unread_slack - retention;
  if (!after_.empty() || read_up_to_ == Timestamp() || read_up_to_ > lost_before) {
    co_return Result<void>();
  }
  stream::Gap gap;
  gap.lost_before = lost_before;
  gap.reason = fmt::format("shard {} was not looked at for longer than the stream keeps records (since {})", shard_,
                           to_string(read_up_to_));
  co_return co_await on_record(std::move(gap));
}

Task<void> ShardReader::on_record(stream::Gap gap) {
  gap.shard = shard_;
  gap.noticed = context_.clock->now();
  say(stream::ShardState::gap, gap.reason);
  replies_to_tell_ = read_up_to_before_.size();
  co_return co_await context_.gap(std::move(gap));
}

Task<void> ShardReader::empty_page(std::chrono::milliseconds behind) {
  const bool at_tip = behind.count() == 0;
  ++empty_pages_;
  // A shard whose position has not come back may have lost records: it is not caught up before that is known. Nor is
  // one before a restart can know how far it was read, after a loss or a long time: a run that ended here would halt a
  // later one.
  const bool caught_up = at_tip && proven_ && replies_to_tell_ == 0;
  next_poll_ = context_.clock->elapsed() + (caught_up ? context_.config->poll_interval : empty_page_pause);
  say(caught_up ? stream::ShardState::caught_up : stream::ShardState::reading,
      proven_ ? std::string() : "the record at the stored position has not come back", behind);
  if (proven_) {
    co_return Result<void>();
  }
  if (at_tip && empty_pages_ >= empty_pages_at_tip_max) {
    empty_pages_ = 0;
    co_return co_await position_missing(std::nullopt);
  }
  if (!at_tip && empty_pages_ >= empty_pages_max && !from_horizon_) {
    // Some services answer a trimmed position with empty pages for ever: look from the horizon.
    empty_pages_ = 0;
    from_horizon_ = true;
    iterator_.clear();
  }
  co_return Result<void>();
}

Task<std::optional<stream::Batch>> ShardReader::end_of_shard(api::GetRecordsReply reply, std::stop_token stop) {
  std::vector<stream::Shard> children;
  for (auto& child : reply.child_shards) {
    stream::Shard born;
    born.id = std::move(child.id);
    born.parents = std::move(child.parents);
    born.hash_range = stream::parse_hash_range(child.hash_key_start, child.hash_key_end);
    children.push_back(std::move(born));
  }
  iterator_.clear();
  if (children.empty()) {
    // An end without children is no valid answer. Another iterator tells whether it was one bad reply; then the
    // listing knows them, or the shard has not ended.
    if (++bare_ends_ < bare_ends_min) {
      if (reply.records.empty()) {
        lease_.release();
        co_return std::optional<stream::Batch>();
      }
      co_return std::optional<stream::Batch>(make_batch(std::move(reply)));
    }
    auto listed = co_await context_.children_of(shard_, stop);
    if (listed) {
      children = *std::move(listed);
    } else if (listed.error().next != Next::retry || reply.records.empty()) {
      WEIR_CO_CHECK(co_await recover(std::move(listed).error(), stop));
      co_return std::optional<stream::Batch>();
    } else {
      co_return std::optional<stream::Batch>(make_batch(std::move(reply)));
    }
  }
  auto batch = make_batch(std::move(reply));
  batch.end = born_later(std::move(children));
  co_return std::optional<stream::Batch>(std::move(batch));
}

// Drops what was handed out before and checks that the rest grows, as the service promises.
Result<void> ShardReader::take_new_records(api::GetRecordsReply& reply) {
  auto& records = reply.records;
  std::size_t seen = 0;
  std::string_view last = after_.text();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto order = stream::compare_sequence_numbers(records[i].sequence_number, last);
    if (order > 0) {
      last = records[i].sequence_number;
    } else if (i == seen) {
      ++seen;
    } else {
      return corrupt("BadSequence", fmt::format("shard {} sent its records out of order", shard_));
    }
  }
  if (seen > 0) {
    // The position, or something older, is still there: nothing between it and the next record is missing.
    proven_ = true;
    from_horizon_ = false;
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(seen));
  }
  seen_alone_ = seen > 0 && records.empty();
  corrupt_replies_ = 0;
  invalid_iterators_ = 0;
  return {};
}

stream::Batch ShardReader::make_batch(api::GetRecordsReply reply) {
  stream::Batch batch;
  batch.shard = shard_;
  batch.records = std::move(reply.records);
  batch.buffer = std::move(reply.buffer);
  if (replies_to_tell_ == 0) {  // else it could end a run; see empty_page
    batch.behind = reply.behind;
  }
  batch.read_up_to = read_up_to_before_[1];
  batch.hash_range = hash_range_;
  batch.lease = std::move(lease_);
  for (const auto& record : batch.records) {
    batch.bytes += record.data.size();
  }
  if (!batch.records.empty()) {
    after_ = stream::SequenceNumber(batch.records.back().sequence_number);
    position_lost_ = false;
    arrival_ = batch.records.back().arrival;
  }
  say(stream::ShardState::reading, std::string(), reply.behind);
  return batch;
}

void ShardReader::say(stream::ShardState state, std::string reason, std::optional<std::chrono::milliseconds> behind) {
  stream::ShardStatus status;
  status.shard = shard_;
  status.state = state;
  status.reason = std::move(reason);
  status.behind = behind;
  if (state == stream::ShardState::caught_up) {
    status.read_up_to = read_up_to_before_[1];
  }
  context_.report(status);
}

}  // namespace weir::kinesis
