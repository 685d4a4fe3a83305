#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/base/task.hpp"
#include "weir/stream/record.hpp"

namespace weir::api {

/// Largest record a stream can be set to take: `MaxRecordSizeInKiB` 10240 (service model, 2025).
inline constexpr std::size_t record_bytes_max = 10 * 1024 * 1024;
/// Records per PutRecords call (service model).
inline constexpr std::size_t put_records_max = 500;
/// Bytes of one PutRecords request, data and keys together (service model, 2025).
inline constexpr std::size_t put_request_bytes_max = 10 * 1024 * 1024;
/// Records and bytes of one GetRecords reply, whichever comes first (service model).
inline constexpr std::uint32_t get_records_max = 10'000;
inline constexpr std::size_t get_reply_bytes_max = 10 * 1024 * 1024;

/// Names a stream by name, ARN or both; the ARN wins.
struct StreamRef {
  std::string name;
  std::string arn;
};

enum class StreamStatus : std::uint8_t { creating, deleting, active, updating };
std::string_view to_string(StreamStatus status) noexcept;  // "CREATING" ...

struct CreateStreamRequest {
  std::string name;
  std::uint32_t shard_count = 1;
};

struct StreamSummary {
  std::string name;
  std::string arn;
  StreamStatus status = StreamStatus::active;
  Timestamp created{};
  std::uint32_t retention_hours = 24;
  std::uint32_t open_shard_count = 0;
  std::uint32_t consumer_count = 0;
  /// What the stream takes, data and key together (`MaxRecordSizeInKiB`); 0: the endpoint does not say.
  std::size_t record_bytes_max = 0;
  /// The service's clock when it answered (the reply's Date, whole seconds rounded down).
  Timestamp service_time{};
};

struct ListStreamsRequest {
  std::optional<std::uint32_t> limit;
  std::string exclusive_start_stream_name;
  std::string next_token;
};
struct ListStreamsReply {
  std::vector<std::string> names;
  bool has_more = false;
  std::string next_token;
};

struct Shard {
  std::string id;
  std::string parent;           ///< empty: none, or trimmed away
  std::string adjacent_parent;  ///< a merge's second parent
  std::string hash_key_start;   ///< decimal, inclusive
  std::string hash_key_end;     ///< decimal, inclusive
  std::string sequence_number_start;
  std::string sequence_number_end;  ///< empty: open. Test for presence only; emulators send other values
};
struct ListShardsRequest {
  StreamRef stream;
  std::string next_token;  ///< excludes everything but `results_max`
  std::string exclusive_start_shard_id;
  std::optional<std::uint32_t> results_max;
};
struct ListShardsReply {
  std::vector<Shard> shards;
  std::string next_token;  ///< empty: the last page
};

struct PutRecordsEntry {
  std::string_view data;
  std::string_view partition_key;
  std::string_view explicit_hash_key;  ///< empty: none
};
struct PutRecordsRequest {
  StreamRef stream;
  std::vector<PutRecordsEntry> records;  ///< the views must live until the call completes
};
struct PutRecordsResult {
  std::string shard_id;
  std::string sequence_number;
  std::string error_code;  ///< empty: stored
  std::string error_message;
};
struct PutRecordsReply {
  std::uint32_t failed_count = 0;
  std::vector<PutRecordsResult> results;  ///< in the request's order
  /// The call was sent before, and what came of that is not known: entries that failed now may have been stored then.
  bool in_doubt = false;
};
struct PutRecordRequest {
  StreamRef stream;
  PutRecordsEntry record;
  std::string sequence_number_for_ordering;
};
struct PutRecordReply {
  std::string shard_id;
  std::string sequence_number;
};

enum class IteratorType : std::uint8_t {
  at_sequence_number,
  after_sequence_number,
  at_timestamp,
  trim_horizon,
  latest
};
std::string_view to_string(IteratorType type) noexcept;  // "AT_SEQUENCE_NUMBER" ...
struct GetShardIteratorRequest {
  StreamRef stream;
  std::string shard_id;
  IteratorType type = IteratorType::trim_horizon;
  std::string starting_sequence_number;
  Timestamp timestamp{};
};

struct ChildShard {
  std::string id;
  std::vector<std::string> parents;
  std::string hash_key_start;
  std::string hash_key_end;
};
struct GetRecordsRequest {
  std::string shard_iterator;
  std::uint32_t limit = get_records_max;
  std::string stream_arn;
};
/// A page of records. The records point into `buffer`, which is released with the last copy of it; each
/// record's data is followed by `stream::padding_bytes` readable bytes.
struct GetRecordsReply {
  std::vector<stream::RawRecord> records;
  std::shared_ptr<const void> buffer;
  std::size_t wire_bytes = 0;  ///< what the buffer holds
  std::optional<std::string> next_shard_iterator;  ///< absent: the shard has ended
  std::chrono::milliseconds behind{};
  std::vector<ChildShard> child_shards;
};

struct SplitShardRequest {
  StreamRef stream;
  std::string shard;
  std::string new_starting_hash_key;
};
struct MergeShardsRequest {
  StreamRef stream;
  std::string shard;
  std::string adjacent_shard;
};
struct UpdateShardCountRequest {
  StreamRef stream;
  std::uint32_t target = 1;
};
struct UpdateShardCountReply {
  std::string stream_name;
  std::uint32_t current = 0;
  std::uint32_t target = 0;
};

/// Amazon Kinesis Data Streams as calls, without a transport: over HTTP in `aws`, in this process in
/// `emulator`. Any thread may call it, several at a time; each call runs on the awaiting coroutine's
/// executor. Errors carry the service's error type as `code` ("ProvisionedThroughputExceededException").
/// An implementation may retry what cannot have taken effect or does no harm twice; puts may then be
/// stored twice, as with every client of the service. Name a request before awaiting (see Task).
class KinesisApi {
 public:
  virtual ~KinesisApi() = default;

  virtual Task<void> create_stream(const CreateStreamRequest& request, std::stop_token stop) = 0;
  virtual Task<void> delete_stream(const StreamRef& stream, std::stop_token stop) = 0;
  virtual Task<StreamSummary> describe_stream_summary(const StreamRef& stream, std::stop_token stop) = 0;
  virtual Task<ListStreamsReply> list_streams(const ListStreamsRequest& request, std::stop_token stop) = 0;
  virtual Task<ListShardsReply> list_shards(const ListShardsRequest& request, std::stop_token stop) = 0;
  virtual Task<PutRecordReply> put_record(const PutRecordRequest& request, std::stop_token stop) = 0;
  virtual Task<PutRecordsReply> put_records(const PutRecordsRequest& request, std::stop_token stop) = 0;
  /// The iterator: opaque, 1 to 512 characters, valid for five minutes.
  virtual Task<std::string> get_shard_iterator(const GetShardIteratorRequest& request, std::stop_token stop) = 0;
  virtual Task<GetRecordsReply> get_records(const GetRecordsRequest& request, std::stop_token stop) = 0;
  virtual Task<void> split_shard(const SplitShardRequest& request, std::stop_token stop) = 0;
  virtual Task<void> merge_shards(const MergeShardsRequest& request, std::stop_token stop) = 0;
  virtual Task<UpdateShardCountReply> update_shard_count(const UpdateShardCountRequest& request,
                                                         std::stop_token stop) = 0;
};

}  // namespace weir::api
