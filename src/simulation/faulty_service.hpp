#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"

namespace weir::simulation {

/// The service as one process sees it: each call takes a while, there and back. Once cut off (the process is
/// dead), nothing gets through either way.
class FaultyService final : public api::KinesisApi {
 public:
  /// `on_read` hears of each read of a shard that reaches the service.
  FaultyService(api::KinesisApi& service, Clock& clock, std::uint64_t seed,
                std::function<void(const std::string& shard)> on_read)
      : service_(service), clock_(clock), random_(seed), on_read_(std::move(on_read)) {}

  void cut_off() { cut_off_.request_stop(); }
  /// The stream is another now: iterators given out so far read nothing of it.
  void forget_iterators() { shard_of_.clear(); }

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
  Task<void> travel(const std::stop_token& stop);
  template <class Reply, class Request>
  Task<Reply> call(Task<Reply> (api::KinesisApi::*operation)(const Request&, std::stop_token), const Request& request,
                   std::stop_token stop);

  api::KinesisApi& service_;
  Clock& clock_;
  Random random_;
  std::function<void(const std::string&)> on_read_;
  std::stop_source cut_off_;
  std::map<std::string, std::string> shard_of_;  // by iterator, of the present making
};

}  // namespace weir::simulation
