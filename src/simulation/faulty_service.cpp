#include "simulation/faulty_service.hpp"

namespace weir::simulation {

// Mostly milliseconds, now and then most of a second: so that calls overtake each other.
Task<void> FaultyService::travel(const std::stop_token& stop) {
  const auto long_way = random_.below(20) == 0;
  const Duration time = std::chrono::microseconds(random_.below(long_way ? 800'000 : 8'000));
  std::stop_source either;
  const std::stop_callback forward_stop(stop, [&either] { either.request_stop(); });
  const std::stop_callback forward_cut(cut_off_.get_token(), [&either] { either.request_stop(); });
  co_return co_await clock_.sleep(time, either.get_token());
}

template <class Reply, class Request>
Task<Reply> FaultyService::call(Task<Reply> (api::KinesisApi::*operation)(const Request&, std::stop_token),
                                const Request& request, std::stop_token stop) {
  WEIR_CO_CHECK(co_await travel(stop));
  auto reply = co_await (service_.*operation)(request, cut_off_.get_token());
  WEIR_CO_CHECK(co_await travel(stop));
  co_return reply;
}

Task<void> FaultyService::create_stream(const api::CreateStreamRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::create_stream, request, std::move(stop));
}
Task<void> FaultyService::delete_stream(const api::StreamRef& stream, std::stop_token stop) {
  return call(&api::KinesisApi::delete_stream, stream, std::move(stop));
}
Task<api::StreamSummary> FaultyService::describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) {
  return call(&api::KinesisApi::describe_stream_summary, stream, std::move(stop));
}
Task<api::ListStreamsReply> FaultyService::list_streams(const api::ListStreamsRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::list_streams, request, std::move(stop));
}
Task<api::ListShardsReply> FaultyService::list_shards(const api::ListShardsRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::list_shards, request, std::move(stop));
}
Task<api::PutRecordReply> FaultyService::put_record(const api::PutRecordRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::put_record, request, std::move(stop));
}
Task<api::PutRecordsReply> FaultyService::put_records(const api::PutRecordsRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::put_records, request, std::move(stop));
}
Task<std::string> FaultyService::get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) {
  WEIR_CO_CHECK(co_await travel(stop));
  auto iterator = co_await service_.get_shard_iterator(request, cut_off_.get_token());
  if (iterator) {
    shard_of_[*iterator] = request.shard_id;
  }
  WEIR_CO_CHECK(co_await travel(stop));
  co_return iterator;
}
Task<api::GetRecordsReply> FaultyService::get_records(const api::GetRecordsRequest& request, std::stop_token stop) {
  WEIR_CO_CHECK(co_await travel(stop));
  if (const auto shard = shard_of_.find(request.shard_iterator); shard != shard_of_.end()) {
    on_read_(shard->second);
  }
  auto reply = co_await service_.get_records(request, cut_off_.get_token());
  auto known = shard_of_.extract(request.shard_iterator);
  if (!known.empty() && reply && reply->next_shard_iterator) {
    known.key() = *reply->next_shard_iterator;
    shard_of_.insert(std::move(known));
  }
  WEIR_CO_CHECK(co_await travel(stop));
  co_return reply;
}
Task<void> FaultyService::split_shard(const api::SplitShardRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::split_shard, request, std::move(stop));
}
Task<void> FaultyService::merge_shards(const api::MergeShardsRequest& request, std::stop_token stop) {
  return call(&api::KinesisApi::merge_shards, request, std::move(stop));
}
Task<api::UpdateShardCountReply> FaultyService::update_shard_count(const api::UpdateShardCountRequest& request,
                                                                   std::stop_token stop) {
  return call(&api::KinesisApi::update_shard_count, request, std::move(stop));
}

}  // namespace weir::simulation
