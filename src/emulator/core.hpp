#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/stream.hpp"
#include "emulator/token.hpp"
#include "emulator/validation.hpp"
#include "weir/emulator/kinesis.hpp"

namespace weir::emulator {

/// Where a put record went, or why it did not.
struct Placed {
  std::uint32_t shard_index = 0;
  SequenceText sequence_number{};
  const char* error_code = nullptr;  ///< null: stored
  std::string error_message;
};

/// The shards ListShards lists (service model). Calls without a filter list all within retention.
struct ShardFilter {
  enum class Type : std::uint8_t {
    from_trim_horizon = 0,
    after_shard_id,
    at_trim_horizon,
    at_latest,
    at_timestamp,
    from_timestamp
  };
  Type type = Type::from_trim_horizon;
  std::string shard_id;
  std::optional<Timestamp> timestamp;
};

struct RecordsPage {
  Page page;
  std::optional<std::string> next_iterator;
  std::chrono::milliseconds behind{};
  std::vector<api::ChildShard> children;
};

/// What a fault is matched against. Empty: the call names none.
struct Target {
  std::string stream;
  std::string shard;
};

/// The streams and what may be done to them, without coroutines, faults or formats: both the in-process
/// interface and the HTTP server answer from here. Any thread may call it. Streams are changed under the
/// exclusive lock; records go in and out under the shared one and their shard's mutex.
class Core {
 public:
  Core(Clock& clock, Kinesis::Options options);

  Result<void> create_stream(std::string_view name, std::uint32_t shards,
                             std::optional<std::size_t> record_bytes_max = {});
  Result<void> delete_stream(const api::StreamRef& ref);
  Result<api::StreamSummary> describe(const api::StreamRef& ref);
  Result<api::ListStreamsReply> list_streams(const api::ListStreamsRequest& request);
  Result<api::ListShardsReply> list_shards(const api::ListShardsRequest& request, const ShardFilter& filter = {});
  Result<Placed> put_record(const api::PutRecordRequest& request);
  /// `partial`: the fault that fails single entries, if one struck this call.
  Result<std::vector<Placed>> put_records(const api::StreamRef& ref, std::span<const api::PutRecordsEntry> entries,
                                          const Fault* partial);
  Result<std::string> get_shard_iterator(const api::GetShardIteratorRequest& request);
  Result<RecordsPage> get_records(const api::GetRecordsRequest& request, bool answer_empty = false);
  Result<void> split_shard(const api::SplitShardRequest& request, bool at_once = false);
  Result<void> merge_shards(const api::MergeShardsRequest& request, bool at_once = false);
  Result<api::UpdateShardCountReply> update_shard_count(const api::UpdateShardCountRequest& request);

  void expire_iterators();
  Result<void> trim(std::string_view stream, std::string_view shard, std::string_view up_to);
  Result<void> answer_trimmed(std::string_view stream, std::string_view shard, TrimmedAnswer answer);
  Result<void> recreate(std::string_view stream);
  /// Runs `look` on the stream under the shared lock.
  Result<void> look(std::string_view stream, const std::function<void(const StreamState&)>& look) const;

  Target target_of(const api::StreamRef& ref, std::string_view shard = {}) const;
  Target target_of_iterator(std::string_view iterator) const;

  /// Counts the call and says what goes wrong with it.
  Faults::Strike begin(Operation operation, const Target& target);
  /// What a fault does to the streams before the call, and the error of one that keeps it from happening.
  Result<void> before(const Fault& fault, Operation operation, const Target& target);
  /// The error a client sees when the reply to a call that took effect is lost; none for other faults.
  Result<void> after(const Fault& fault) const;

  Clock& clock() noexcept { return clock_; }
  Faults& faults() noexcept { return faults_; }
  const Kinesis::Options& options() const noexcept { return options_; }
  std::uint64_t calls(Operation operation) const noexcept { return calls_[static_cast<std::size_t>(operation)]; }
  std::size_t bytes_held() const noexcept { return bytes_held_->load(); }

 private:
  using Streams = std::map<std::string, std::unique_ptr<StreamState>, std::less<>>;

  /// Applies the status changes that are due. First in every call.
  void settle(Timestamp now);
  StreamState* find(std::string_view name) const;
  Result<StreamState*> find(const api::StreamRef& ref) const;
  Result<StreamState*> find_active(const api::StreamRef& ref) const;
  /// ACTIVE or UPDATING: what reads and writes need.
  Result<StreamState*> find_readable(const api::StreamRef& ref) const;
  Result<ShardState*> find_shard(const StreamState& stream, std::string_view member, std::string_view shard_id,
                                 Timestamp now) const;
  Result<ShardState*> find_open(const StreamState& stream, std::string_view member, std::string_view shard_id,
                                Timestamp now) const;
  Error missing(std::string_view name) const;
  std::string under_account(std::string_view name) const;
  std::uint32_t open_shards() const;
  /// Applies the change once `status_change` is over, or at once.
  void change(StreamState& stream, api::StreamStatus status, Timestamp now, bool at_once,
              std::function<void(StreamState&, Timestamp)> apply);
  StreamState& add_stream(std::string_view name, std::uint32_t shards, Timestamp now);
  void remove_stream(const StreamState& stream);
  Placed place(StreamState& stream, const api::PutRecordsEntry& entry, Timestamp now, const Fault* partial);
  std::string token(Token token, Timestamp now);
  std::string iterator(const StreamState& stream, const ShardState& shard, std::uint64_t counter, std::uint8_t flags,
                       Timestamp now);
  Result<std::uint64_t> counter_of(const StreamState& stream, const ShardState& shard, std::string_view digits) const;
  Result<void> check_iterator_age(const Token& token, Timestamp now) const;

  Clock& clock_;
  const Kinesis::Options options_;
  Faults faults_;
  const Tokens tokens_;
  BytesHeld bytes_held_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::array<std::atomic<std::uint64_t>, operations_count> calls_{};
  std::atomic<std::uint64_t> nonce_{0};
  std::atomic<std::uint32_t> epoch_{0};
  /// The earliest moment a status change is due, in ms: spares the usual call the exclusive lock.
  std::atomic<std::int64_t> next_due_ms_{std::numeric_limits<std::int64_t>::max()};

  mutable std::shared_mutex mutex_;
  Streams streams_;
  std::map<std::uint64_t, StreamState*> by_id_;
  /// For streams made again: the second their newest shard carried, and the first making's.
  struct Past {
    std::uint64_t created_s_max = 0;
    Timestamp first_created{};
  };
  std::map<std::string, Past, std::less<>> past_;
  std::uint64_t next_id_ = 1;
};

}  // namespace weir::emulator
