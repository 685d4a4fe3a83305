#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "weir/api/kinesis_api.hpp"
#include "weir/aws/service_client.hpp"
#include "weir/aws/settings.hpp"
#include "weir/http/client.hpp"

namespace weir::aws {

/// Amazon Kinesis Data Streams over HTTP, in CBOR. Any thread may call it, several at a time, each call on
/// the awaiting coroutine's executor; it owns no thread. Requests go to the regional host.
///
/// Errors: as `service_error` and `http::Client::send` say, and `corrupt` for a reply that cannot be read.
/// Control and put calls are retried inside (a put whose reply was lost may then be stored twice);
/// CreateStream, DeleteStream and resharding only after failures that cannot have had an effect;
/// GetRecords and GetShardIterator not at all, unless `retry.retry_reads` is set.
class KinesisClient final : public api::KinesisApi {
 public:
  struct Options {
    RetryPolicy::Options retry;
    http::Client::Options http;  ///< for `connect`
    Log log;                     ///< retries (debug), renewed credentials (info), a corrected clock (warning)
    Options() {}
  };

  /// With an HTTP client of its own. Nothing is sent before the first call. `clock` must outlive it.
  static std::unique_ptr<KinesisClient> connect(const Settings& settings, Clock& clock, Options options = Options());

  /// The same, with settings looked up as the AWS CLI does (see `resolve_settings`) and the machine's clock.
  static Result<std::unique_ptr<KinesisClient>> connect(const SettingsOptions& where, Options options = Options());

  /// Over any transport.
  KinesisClient(const Settings& settings, Transport transport, Clock& clock, Options options = Options());

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

 private:
  ServiceClient service_;
};

}  // namespace weir::aws
