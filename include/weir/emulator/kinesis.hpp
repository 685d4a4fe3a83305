#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/clock.hpp"
#include "weir/emulator/faults.hpp"

namespace weir::emulator {

class Core;

/// A Kinesis in this process, for tests and for trying things out: the whole of `api::KinesisApi` in
/// memory, answering as AWS documents it, errors included. Time is the given clock's, so retention,
/// iterator expiry and slow status changes can be moved through at will; with one seed and one order of
/// calls the answers are the same. The per-shard and per-account rates are not enforced. Any thread may
/// call it, several at a time. Replies to get_records share the memory the records are kept in; they may
/// outlive it.
class Kinesis : public api::KinesisApi {
 public:
  struct Options {
    std::string region = "us-east-1";
    std::string account_id = "000000000000";
    std::uint64_t seed = 1;
    /// What a new stream keeps (the service's default).
    std::chrono::hours retention{24};
    /// How long an iterator and a page token of ListShards live (service model).
    std::chrono::milliseconds iterator_life{std::chrono::minutes{5}};
    /// How long a stream is CREATING, UPDATING or DELETING before the change takes effect.
    std::chrono::milliseconds status_change{0};
    /// Data and key of one record (the service's default; a stream may be made with up to 10 MiB).
    std::size_t record_bytes_max = std::size_t{1024} * 1024;
    std::size_t request_bytes_max = api::put_request_bytes_max;
    std::size_t reply_bytes_max = api::get_reply_bytes_max;
    /// Open shards of all streams together (the service's largest default quota).
    std::uint32_t shards_max = 20'000;
    std::uint32_t streams_max = 10'000;
    /// Memory for records. Puts beyond it fail with InternalFailure and a sentence that says so.
    std::size_t bytes_max = std::size_t{4} * 1024 * 1024 * 1024;
    /// Keeps what retention or `trim` took away, for `log()` alone; readers never see it.
    bool keep_trimmed = false;
    /// Sends the end of a shard in a reply of its own instead of with the last records. AWS may do either.
    bool end_comes_alone = false;
    /// A stream made again gives out greater sequence numbers than before, as on AWS. When false it gives
    /// out the same ones again, as some emulators do.
    bool numbers_grow_when_made_again = true;

    Options() {}  // so that users may write `Options{}` beside co_await (GCC 12)
  };

  explicit Kinesis(Options options = Options());
  /// `clock` must outlive it.
  explicit Kinesis(Clock& clock, Options options = Options());
  ~Kinesis() override;
  Kinesis(const Kinesis&) = delete;
  Kinesis& operator=(const Kinesis&) = delete;

  Task<void> create_stream(const api::CreateStreamRequest& request, std::stop_token stop) override;
  Task<void> delete_stream(const api::StreamRef& stream, std::stop_token stop) override;
  Task<api::StreamSummary> describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) override;
  Task<api::ListStreamsReply> list_streams(const api::ListStreamsRequest& request, std::stop_token stop) override;
  Task<api::ListShardsReply> list_shards(const api::ListShardsRequest& request, std::stop_token stop) override;
  Task<api::PutRecordReply> put_record(const api::PutRecordRequest& request, std::stop_token stop) override;
  Task<api::PutRecordsReply> put_records(const api::PutRecordsRequest& request, std::stop_token stop) override;
  Task<std::string> get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) override;
  Task<api::GetRecordsReply> get_records(const api::GetRecordsRequest& request, std::stop_token stop) override;
  Task<void> split_shard(const api::SplitShardRequest& request, std::stop_token stop) override;
  Task<void> merge_shards(const api::MergeShardsRequest& request, std::stop_token stop) override;
  Task<api::UpdateShardCountReply> update_shard_count(const api::UpdateShardCountRequest& request,
                                                      std::stop_token stop) override;

  // What a test does to the stream and asks of it. These never meet a fault, are not counted as calls,
  // take effect at once, and return the service's errors.

  Result<void> create(std::string_view stream, std::uint32_t shards = 1);
  /// Puts each text as a record and returns the sequence numbers. Without a key, each text is its own
  /// (an empty text has the key "-").
  Result<std::vector<std::string>> put(std::string_view stream, const std::vector<std::string>& texts,
                                       std::string_view partition_key = {});
  /// Splits the shard in the middle; its children's ids.
  Result<std::vector<std::string>> split(std::string_view stream, std::string_view shard);
  /// Merges two neighbours; the child's id.
  Result<std::string> merge(std::string_view stream, std::string_view shard, std::string_view adjacent);
  /// Every iterator given out so far has expired.
  void expire_iterators();
  /// Takes away the shard's records up to this one, as retention would; all there are when it is empty.
  Result<void> trim(std::string_view stream, std::string_view shard, std::string_view up_to = {});
  /// From now on the shard answers positions that were trimmed, also by retention, like this.
  Result<void> answer_trimmed(std::string_view stream, std::string_view shard, TrimmedAnswer answer);
  /// Deletes the stream and makes it again, empty, with as many shards as were open.
  Result<void> recreate(std::string_view stream);

  struct LoggedRecord {
    std::string sequence_number;
    std::string data;
    std::string partition_key;
    Timestamp arrival{};
  };
  struct LoggedShard {
    std::string id;
    std::vector<LoggedRecord> records;
  };
  /// Every record of every shard, closed ones too, in order: what exactness is checked against. Trimmed
  /// ones only with `keep_trimmed`; those of a stream deleted before are gone.
  Result<std::vector<LoggedShard>> log(std::string_view stream) const;

  /// How often an operation was called, faults included.
  std::uint64_t calls(Operation operation) const noexcept;
  /// The faults that calls meet. Add and clear at any time.
  Faults& faults() noexcept;
  std::size_t bytes_held() const noexcept;

  /// For the HTTP server, which answers from the same streams.
  Core& core() noexcept { return *core_; }

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace weir::emulator
