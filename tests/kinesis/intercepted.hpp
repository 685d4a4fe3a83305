#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/passing.hpp"

namespace weir::kinesis::testing {

/// A service between the reader and the one behind, which notes the reader's calls and lets a test change the
/// replies: for what the endpoint never says of itself. Both must outlive it.
class Intercepted final : public weir::testing::PassingService {
 public:
  Intercepted(api::KinesisApi& behind, Clock& clock) : PassingService(behind), clock_(clock) {}

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
    auto reply = co_await inner.describe_stream_summary(stream, stop);
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
    auto reply = co_await inner.list_shards(asked, stop);
    if (on_listing) {
      on_listing(request, reply);
    }
    co_return reply;
  }
  Task<std::string> get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) override {
    opened[request.shard_id].push_back(request.type);
    auto reply = co_await inner.get_shard_iterator(request, stop);
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
    auto reply = co_await inner.get_records(request, stop);
    if (reply && reply->next_shard_iterator) {
      shard_of_[*reply->next_shard_iterator] = shard;
    }
    if (on_records) {
      on_records(shard, reply);
    }
    co_return reply;
  }

 private:
  Clock& clock_;
  std::map<std::string, std::string> shard_of_;  // by iterator
};

}  // namespace weir::kinesis::testing
