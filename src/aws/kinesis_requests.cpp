#include "aws/kinesis_messages.hpp"
#include "weir/wire/cbor_writer.hpp"

namespace weir::aws {
namespace {

// One request's map, begun and ended.
class Message {
 public:
  explicit Message(std::size_t bytes = 256) : writer_(body_) {
    body_.reserve(bytes);
    writer_.begin_map();
  }
  // The ARN says all that the name does, and which account; AWS recommends it.
  void stream(const api::StreamRef& stream) {
    if (!stream.arn.empty()) {
      writer_.text("StreamARN", stream.arn);
    } else {
      writer_.text("StreamName", stream.name);
    }
  }
  void text_unless_empty(std::string_view name, std::string_view value) {
    if (!value.empty()) {
      writer_.text(name, value);
    }
  }
  void entry(const api::PutRecordsEntry& entry) {
    writer_.blob("Data", entry.data);
    writer_.text("PartitionKey", entry.partition_key);
    text_unless_empty("ExplicitHashKey", entry.explicit_hash_key);
  }
  wire::CborWriter& writer() { return writer_; }
  std::string finish() && {
    writer_.end_map();
    return std::move(body_);
  }

 private:
  std::string body_;
  wire::CborWriter writer_;
};

// Names, lengths and a break around one record's own bytes.
constexpr std::size_t entry_overhead_bytes = 64;

std::size_t size_of(const api::PutRecordsEntry& entry) {
  return entry.data.size() + entry.partition_key.size() + entry.explicit_hash_key.size() + entry_overhead_bytes;
}

}  // namespace

std::string encode(const api::CreateStreamRequest& request) {
  Message message;
  message.writer().text("StreamName", request.name);
  message.writer().unsigned_integer("ShardCount", request.shard_count);
  return std::move(message).finish();
}

std::string encode(const api::StreamRef& stream) {
  Message message;
  message.stream(stream);
  return std::move(message).finish();
}

std::string encode(const api::ListStreamsRequest& request) {
  Message message;
  if (request.limit) {
    message.writer().unsigned_integer("Limit", *request.limit);
  }
  message.text_unless_empty("ExclusiveStartStreamName", request.exclusive_start_stream_name);
  message.text_unless_empty("NextToken", request.next_token);
  return std::move(message).finish();
}

std::string encode(const api::ListShardsRequest& request) {
  Message message;
  // The token stands for the stream and the start; naming them too is refused.
  if (!request.next_token.empty()) {
    message.writer().text("NextToken", request.next_token);
  } else {
    message.stream(request.stream);
    message.text_unless_empty("ExclusiveStartShardId", request.exclusive_start_shard_id);
  }
  if (request.results_max) {
    message.writer().unsigned_integer("MaxResults", *request.results_max);
  }
  return std::move(message).finish();
}

std::string encode(const api::PutRecordRequest& request) {
  Message message(256 + size_of(request.record));
  message.stream(request.stream);
  message.entry(request.record);
  message.text_unless_empty("SequenceNumberForOrdering", request.sequence_number_for_ordering);
  return std::move(message).finish();
}

std::string encode(const api::PutRecordsRequest& request) {
  std::size_t bytes = 256;
  for (const auto& record : request.records) {
    bytes += size_of(record);
  }
  Message message(bytes);
  message.stream(request.stream);
  auto& writer = message.writer();
  writer.begin_array("Records");
  for (const auto& record : request.records) {
    writer.begin_map();
    message.entry(record);
    writer.end_map();
  }
  writer.end_array();
  return std::move(message).finish();
}

std::string encode(const api::GetShardIteratorRequest& request) {
  Message message;
  message.stream(request.stream);
  auto& writer = message.writer();
  writer.text("ShardId", request.shard_id);
  writer.text("ShardIteratorType", to_string(request.type));
  switch (request.type) {
    case api::IteratorType::at_sequence_number:
    case api::IteratorType::after_sequence_number:
      writer.text("StartingSequenceNumber", request.starting_sequence_number);
      break;
    case api::IteratorType::at_timestamp:
      writer.timestamp("Timestamp", request.timestamp);
      break;
    case api::IteratorType::trim_horizon:
    case api::IteratorType::latest:
      break;  // a sequence number beside these is refused
  }
  return std::move(message).finish();
}

std::string encode(const api::GetRecordsRequest& request) {
  Message message(512);
  message.writer().text("ShardIterator", request.shard_iterator);
  message.writer().unsigned_integer("Limit", request.limit);
  message.text_unless_empty("StreamARN", request.stream_arn);
  return std::move(message).finish();
}

std::string encode(const api::SplitShardRequest& request) {
  Message message;
  message.stream(request.stream);
  message.writer().text("ShardToSplit", request.shard);
  message.writer().text("NewStartingHashKey", request.new_starting_hash_key);
  return std::move(message).finish();
}

std::string encode(const api::MergeShardsRequest& request) {
  Message message;
  message.stream(request.stream);
  message.writer().text("ShardToMerge", request.shard);
  message.writer().text("AdjacentShardToMerge", request.adjacent_shard);
  return std::move(message).finish();
}

std::string encode(const api::UpdateShardCountRequest& request) {
  Message message;
  message.stream(request.stream);
  message.writer().unsigned_integer("TargetShardCount", request.target);
  message.writer().text("ScalingType", "UNIFORM_SCALING");
  return std::move(message).finish();
}

}  // namespace weir::aws
