#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/result.hpp"

namespace weir::aws {

// Requests as AWS and its SDKs write them in CBOR: maps of indefinite length, byte strings, times as tag
// 1 with integer milliseconds. Empty members are left out.
std::string encode(const api::CreateStreamRequest& request);
std::string encode(const api::StreamRef& stream);  // DeleteStream, DescribeStreamSummary
std::string encode(const api::ListStreamsRequest& request);
std::string encode(const api::ListShardsRequest& request);
std::string encode(const api::PutRecordRequest& request);
std::string encode(const api::PutRecordsRequest& request);
std::string encode(const api::GetShardIteratorRequest& request);
std::string encode(const api::GetRecordsRequest& request);
std::string encode(const api::SplitShardRequest& request);
std::string encode(const api::MergeShardsRequest& request);
std::string encode(const api::UpdateShardCountRequest& request);

// Replies, from AWS or an emulator: a null member is an absent one, members not known here are passed
// over, and what is wrong is `corrupt`. `service_time` of a summary is left to the caller.
Result<api::StreamSummary> decode_stream_summary(std::string_view body);
Result<api::ListStreamsReply> decode_list_streams(std::string_view body);
Result<api::ListShardsReply> decode_list_shards(std::string_view body);
Result<api::PutRecordReply> decode_put_record(std::string_view body);
/// `records` of the request: the reply must answer each.
Result<api::PutRecordsReply> decode_put_records(std::string_view body, std::size_t records);
Result<std::string> decode_shard_iterator(std::string_view body);
Result<api::UpdateShardCountReply> decode_update_shard_count(std::string_view body);

/// One pass over the body; the records point into it. `owner` keeps the body alive, and
/// `stream::padding_bytes` readable bytes must follow the body.
Result<api::GetRecordsReply> decode_get_records(std::string_view body, std::shared_ptr<const void> owner);
/// The same without the shortcut for replies as AWS writes them; tests compare the two.
Result<api::GetRecordsReply> decode_get_records_in_general(std::string_view body, std::shared_ptr<const void> owner);

}  // namespace weir::aws
