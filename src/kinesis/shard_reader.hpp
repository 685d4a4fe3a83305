#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kinesis/limiter.hpp"
#include "weir/api/kinesis_api.hpp"
#include "weir/base/backoff.hpp"
#include "weir/base/byte_budget.hpp"
#include "weir/base/clock.hpp"
#include "weir/kinesis/config.hpp"
#include "weir/stream/source.hpp"

namespace weir::kinesis {

/// Replies in a row that are not what the protocol says, before the shard fails, or the stream when they are
/// about its shards or itself.
inline constexpr std::uint32_t corrupt_replies_max = 5;
/// The code of the error that says that no listing shows a shard's children (yet).
inline constexpr std::string_view no_children = "NoChildren";

/// How a start is asked for.
api::IteratorType iterator_type(stream::Start::Type type);

/// Reads one shard in order: gets iterators and reopens spent ones after the last record handed out, paces
/// itself, waits out throttling and outages, and notices when records were trimmed before they were read.
/// Says what it does and why. Runs on the caller's loop and owns no thread; one `next()` at a time.
/// Everything in `Context` must outlive it.
class ShardReader {
 public:
  struct Context {
    api::KinesisApi* api = nullptr;
    Clock* clock = nullptr;
    ByteBudget* budget = nullptr;
    const ReaderConfig* config = nullptr;
    api::StreamRef stream;
    stream::Start start;
    /// The stream's retention, as last seen.
    const std::atomic<std::int64_t>* retention_ms = nullptr;
    /// On record when reading began.
    const std::vector<stream::Gap>* gaps = nullptr;
    /// Succeeds while the stream is the one the positions belong to.
    std::function<Task<void>(std::stop_token)> check_identity;
    /// The shard's children by listing; fails with `no_children` when none are to be seen.
    std::function<Task<std::vector<stream::Shard>>(const stream::ShardId&, std::stop_token)> children_of;
    /// Puts a gap on record; fails when the policy is to halt.
    std::function<Task<void>(stream::Gap)> gap;
    std::function<void(const stream::ShardStatus&)> report;
  };

  ShardReader(const Context& context, stream::ShardId shard, const stream::ShardPosition& from, std::uint64_t seed);

  /// The records after the last ones handed out; waits until there are some. The last batch has `end` set.
  /// Fails with `refused` or `corrupt` when the shard cannot be read on, and with `stopped`.
  Task<stream::Batch> next(std::stop_token stop);

 private:
  Task<void> open(std::stop_token stop);
  void begin_at(Timestamp first);
  bool retention_is_near() const;
  Task<void> wait_for_turn(std::stop_token stop);
  Task<std::optional<api::GetRecordsReply>> fetch(std::stop_token stop);
  Task<void> recover(Error error, std::stop_token stop);
  Task<void> position_missing(std::optional<stream::RawRecord> first);
  Task<void> check_unread_too_long();
  Task<void> on_record(stream::Gap gap);
  Task<void> empty_page(std::chrono::milliseconds behind);
  Task<std::optional<stream::Batch>> end_of_shard(api::GetRecordsReply reply, std::stop_token stop);
  std::vector<stream::Shard> born_later(std::vector<stream::Shard> children) const;
  Result<void> take_new_records(api::GetRecordsReply& reply);
  stream::Batch make_batch(api::GetRecordsReply reply);
  void say(stream::ShardState state, std::string reason, std::optional<std::chrono::milliseconds> behind = {});

  const Context& context_;
  stream::ShardId shard_;
  stream::SequenceNumber after_;
  Timestamp arrival_;
  Timestamp read_up_to_;
  Timestamp fetched_up_to_{};  // by the last reply, if nothing is missing before it
  bool from_start_;
  std::optional<stream::HashRange> hash_range_;
  bool vanished_ = false;
  bool position_lost_ = false;  // that `after_` is gone is on record, and was accepted and read over
  // Replies until what is told of `read_up_to_` is all from after the last gap, and from this run where what is stored
  // is old.
  std::size_t replies_to_tell_ = 0;
  // What `read_up_to_` was after each of the last three replies, the newest last. When the last one is the end,
  // the shard was surely open at the first: a closed one may send an iterator once more, with its last records.
  // For the same reason what is told to others, and may be all that a restart knows, is the one before the last.
  std::array<Timestamp, 3> read_up_to_before_{};

  std::string iterator_;
  // The record `after_` has been seen again, or something older, since the iterator was opened at it: so
  // nothing between it and the next record was trimmed.
  bool proven_ = true;
  bool seen_alone_ = false;  // by the last reply, without a new one
  Timestamp resumed_at_{};  // when the iterator was opened at `after_`, and what was read by then
  Timestamp resumed_read_up_to_{};
  bool from_horizon_ = false;
  std::uint32_t empty_pages_ = 0;
  std::chrono::milliseconds behind_{0};

  Limiter limiter_;
  Backoff backoff_;
  Duration next_poll_{0};
  std::size_t bytes_expected_;
  ByteBudget::Lease lease_;
  std::uint32_t corrupt_replies_ = 0;
  std::uint32_t bare_ends_ = 0;
  std::uint32_t invalid_iterators_ = 0;
};

}  // namespace weir::kinesis
