#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/api/kinesis_api.hpp"

namespace weir::kinesis::testing {

/// A service between the reader and the one behind, which notes the reader's calls and lets a test change the
/// replies: for what the endpoint never says of itself. Both must outlive it.
class Intercepted final : public api::KinesisApi {
 public:
  Intercepted(api::KinesisApi& behind, Clock& clock) : behind_(behind), clock_(clock) {}

  std::function<void(Result<api::StreamSummary>&)> on_summary;
  std::function<void(const api::ListShardsRequest&, Result<api::ListShardsReply>&)> on_listing;
  std::function<void(const api::GetShardIteratorRequest&, Result<std::string>&)> on_iterator;
  std::function<void(std::string_view shard, Result<api::GetRecordsReply>&)> on_records;
  /// Shards per page of a listing, in place of what the reader asks for.
  std::optional<std::uint32_t> page_max;

  struct Read {
    std::string shard;
    Duration at;
  };
  std::vector<Read> reads;                                      // calls of GetRecords
  std::map<std::string, std::vector<api::IteratorType>> opened;  // calls of GetShardIterator, by shard
  std::size_t listings = 0;                                     // calls of ListShards

  Task<api::StreamSummary> describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) override {
    auto reply = co_await behind_.describe_stream_summary(stream, stop);
    if (on_summary) {
      on_summary(reply);
    }
    co_return reply;
  }
  Task<api::ListShardsReply> list_shards(const api::ListShardsRequest& request, std::stop_token stop) override {
    ++listings;
    auto asked = request;
    if (page_max) {
      asked.results_max = page_max;
    }
    auto reply = co_await behind_.list_shards(asked, stop);
    if (on_listing) {
      on_listing(request, reply);
    }
    co_return reply;
  }
  Task<std::string> get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) override {
    opened[request.shard_id].push_back(request.type);
    auto reply = co_await behind_.get_shard_iterator(request, stop);
    if (on_iterator) {
      on_iterator(request, reply);
    }
    if (reply) {
      shard_of_[*reply] = request.shard_id;
    }
    co_return reply;
  }
  Task<api::GetRecordsReply> get_records(const api::GetRecordsRequest& request, std::stop_token stop) override {
    const auto shard = shard_of_[request.shard_iterator];
    reads.push_back(Read{shard, clock_.elapsed()});
    auto reply = co_await behind_.get_records(request, stop);
    if (reply && reply->next_shard_iterator) {
      shard_of_[*reply->next_shard_iterator] = shard;
    }
    if (on_records) {
      on_records(shard, reply);
    }
    co_return reply;
  }

  Task<void> create_stream(const api::CreateStreamRequest& request, std::stop_token stop) override {
    return behind_.create_stream(request, std::move(stop));
  }
  Task<void> delete_stream(const api::StreamRef& stream, std::stop_token stop) override {
    return behind_.delete_stream(stream, std::move(stop));
  }
  Task<api::ListStreamsReply> list_streams(const api::ListStreamsRequest& request, std::stop_token stop) override {
    return behind_.list_streams(request, std::move(stop));
  }
  Task<api::PutRecordReply> put_record(const api::PutRecordRequest& request, std::stop_token stop) override {
    return behind_.put_record(request, std::move(stop));
  }
  Task<api::PutRecordsReply> put_records(const api::PutRecordsRequest& request, std::stop_token stop) override {
    return behind_.put_records(request, std::move(stop));
  }
  Task<void> split_shard(const api::SplitShardRequest& request, std::stop_token stop) override {
    return behind_.split_shard(request, std::move(stop));
  }
  Task<void> merge_shards(const api::MergeShardsRequest& request, std::stop_token stop) override {
    return behind_.merge_shards(request, std::move(stop));
  }
  Task<api::UpdateShardCountReply> update_shard_count(const api::UpdateShardCountRequest& request,
                                                      std::stop_token stop) override {
    return behind_.update_shard_count(request, std::move(stop));
  }

 private:
  api::KinesisApi& behind_;
  Clock& clock_;
  std::map<std::string, std::string> shard_of_;  // by iterator
};

}  // namespace weir::kinesis::testing
