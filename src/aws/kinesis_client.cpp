#include "weir/aws/kinesis_client.hpp"

#include <utility>

#include "aws/kinesis_messages.hpp"
#include "weir/aws/errors.hpp"
#include "weir/wire/writer.hpp"

namespace weir::aws {
namespace {

using Kind = RetryPolicy::Kind;

ServiceClient::Options service_options(const Settings& settings, KinesisClient::Options& options) {
  ServiceClient::Options result;
  result.region = settings.region;
  result.endpoint = settings.endpoint;
  result.service = "kinesis";
  result.target_prefix = "Kinesis_20131202.";
  result.content_type = wire::content_type(wire::Format::cbor);
  result.retry = options.retry;
  result.log = std::move(options.log);
  return result;
}

// A reply of another format than asked for is not a Kinesis endpoint that speaks CBOR.
Result<void> check_format(const http::Reply& reply, std::string_view operation) {
  const auto type = reply.headers.find("content-type");
  if (type && type->find("json") != std::string_view::npos) {
    return corrupt("BadReply", "the reply to " + std::string(operation) + " is JSON, not CBOR as asked for");
  }
  return {};
}

// Puts what the person on call needs to find a bad reply again.
template <class T>
Result<T> told_of(Result<T> decoded, const http::Reply& reply) {
  if (decoded) {
    return decoded;
  }
  auto error = std::move(decoded).error();
  error.http_status = reply.status;
  error.may_have_taken_effect = true;
  error.request_id = reply.headers.find("x-amzn-requestid").value_or("").substr(0, 128);
  return error;
}

}  // namespace

KinesisClient::KinesisClient(const Settings& settings, Transport transport, Clock& clock, Options options)
    : service_(service_options(settings, options), settings.credentials, std::move(transport), clock) {}

Task<void> KinesisClient::create_stream(const api::CreateStreamRequest& request, std::stop_token stop) {
  const auto body = encode(request);
  WEIR_CO_CHECK(co_await service_.call("CreateStream", body, Kind::once, stop));
  co_return Result<void>();
}

Task<void> KinesisClient::delete_stream(const api::StreamRef& stream, std::stop_token stop) {
  const auto body = encode(stream);
  WEIR_CO_CHECK(co_await service_.call("DeleteStream", body, Kind::once, stop));
  co_return Result<void>();
}

Task<api::StreamSummary> KinesisClient::describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) {
  constexpr std::string_view operation = "DescribeStreamSummary";
  const auto body = encode(stream);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::repeatable, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  WEIR_CO_TRY(auto summary, told_of(decode_stream_summary(reply.body.bytes()), reply));
  summary.service_time = service_time(reply).value_or(std::chrono::floor<std::chrono::seconds>(service_.now()));
  co_return summary;
}

Task<api::ListStreamsReply> KinesisClient::list_streams(const api::ListStreamsRequest& request, std::stop_token stop) {
  constexpr std::string_view operation = "ListStreams";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::repeatable, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  co_return told_of(decode_list_streams(reply.body.bytes()), reply);
}

Task<api::ListShardsReply> KinesisClient::list_shards(const api::ListShardsRequest& request, std::stop_token stop) {
  constexpr std::string_view operation = "ListShards";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::repeatable, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  co_return told_of(decode_list_shards(reply.body.bytes()), reply);
}

Task<api::PutRecordReply> KinesisClient::put_record(const api::PutRecordRequest& request, std::stop_token stop) {
  constexpr std::string_view operation = "PutRecord";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::repeatable, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  co_return told_of(decode_put_record(reply.body.bytes()), reply);
}

Task<api::PutRecordsReply> KinesisClient::put_records(const api::PutRecordsRequest& request, std::stop_token stop) {
  constexpr std::string_view operation = "PutRecords";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::repeatable, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  auto decoded = told_of(decode_put_records(reply.body.bytes(), request.records.size()), reply);
  if (decoded) {
    decoded->in_doubt = reply.may_repeat_an_effect;
  }
  co_return decoded;
}

Task<std::string> KinesisClient::get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) {
  constexpr std::string_view operation = "GetShardIterator";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::read, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  co_return told_of(decode_shard_iterator(reply.body.bytes()), reply);
}

Task<api::GetRecordsReply> KinesisClient::get_records(const api::GetRecordsRequest& request, std::stop_token stop) {
  constexpr std::string_view operation = "GetRecords";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::read, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  co_return told_of(decode_get_records(reply.body.bytes(), reply.body.owner()), reply);
}

Task<void> KinesisClient::split_shard(const api::SplitShardRequest& request, std::stop_token stop) {
  const auto body = encode(request);
  WEIR_CO_CHECK(co_await service_.call("SplitShard", body, Kind::once, stop));
  co_return Result<void>();
}

Task<void> KinesisClient::merge_shards(const api::MergeShardsRequest& request, std::stop_token stop) {
  const auto body = encode(request);
  WEIR_CO_CHECK(co_await service_.call("MergeShards", body, Kind::once, stop));
  co_return Result<void>();
}

Task<api::UpdateShardCountReply> KinesisClient::update_shard_count(const api::UpdateShardCountRequest& request,
                                                                   std::stop_token stop) {
  constexpr std::string_view operation = "UpdateShardCount";
  const auto body = encode(request);
  WEIR_CO_TRY(const auto reply, co_await service_.call(operation, body, Kind::once, stop));
  WEIR_CO_CHECK(told_of(check_format(reply, operation), reply));
  co_return told_of(decode_update_shard_count(reply.body.bytes()), reply);
}

}  // namespace weir::aws
