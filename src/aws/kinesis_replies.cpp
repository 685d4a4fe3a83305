#include "aws/kinesis_messages.hpp"
#include "aws/read_map.hpp"
#include "weir/stream/sequence_number.hpp"

namespace weir::aws {
namespace {

using wire::CborReader;
using wire::is;

struct HashKeyRange {
  std::string start;
  std::string end;
};

HashKeyRange read_range(CborReader& reader, std::string_view start, std::string_view end) {
  HashKeyRange range;
  read_map(reader, [&](std::string_view key) {
    if (key == start) {
      return range.start = reader.text(), true;
    }
    if (key == end) {
      return range.end = reader.text(), true;
    }
    return false;
  });
  return range;
}

api::Shard read_shard(CborReader& reader) {
  api::Shard shard;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "ShardId")) {
      shard.id = reader.text();
    } else if (is(key, "ParentShardId")) {
      shard.parent = reader.text();
    } else if (is(key, "AdjacentParentShardId")) {
      shard.adjacent_parent = reader.text();
    } else if (is(key, "HashKeyRange")) {
      auto range = read_range(reader, "StartingHashKey", "EndingHashKey");
      shard.hash_key_start = std::move(range.start);
      shard.hash_key_end = std::move(range.end);
    } else if (is(key, "SequenceNumberRange")) {
      auto range = read_range(reader, "StartingSequenceNumber", "EndingSequenceNumber");
      shard.sequence_number_start = std::move(range.start);
      shard.sequence_number_end = std::move(range.end);
    } else {
      return false;
    }
    return true;
  });
  return shard;
}

std::optional<api::StreamStatus> status_of(std::string_view text) {
  for (const auto status : {api::StreamStatus::creating, api::StreamStatus::deleting, api::StreamStatus::active,
                            api::StreamStatus::updating}) {
    if (text == to_string(status)) {
      return status;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<api::StreamSummary> decode_stream_summary(std::string_view body) {
  constexpr std::string_view operation = "DescribeStreamSummary";
  wire::Arena arena;
  CborReader reader(body, arena);
  api::StreamSummary summary;
  std::optional<api::StreamStatus> status;
  read_map(reader, [&](std::string_view outer) {
    if (!is(outer, "StreamDescriptionSummary")) {
      return false;
    }
    read_map(reader, [&](std::string_view key) {
      if (is(key, "StreamName")) {
        summary.name = reader.text();
      } else if (is(key, "StreamARN")) {
        summary.arn = reader.text();
      } else if (is(key, "StreamStatus")) {
        status = status_of(reader.text());
      } else if (is(key, "StreamCreationTimestamp")) {
        summary.created = reader.timestamp();
      } else if (is(key, "RetentionPeriodHours")) {
        summary.retention_hours = read_count(reader);
      } else if (is(key, "OpenShardCount")) {
        summary.open_shard_count = read_count(reader);
      } else if (is(key, "ConsumerCount")) {
        summary.consumer_count = read_count(reader);
      } else if (is(key, "MaxRecordSizeInKiB")) {
        summary.record_bytes_max = std::size_t{read_count(reader)} * 1024;
      } else {
        return false;
      }
      return true;
    });
    return true;
  });
  WEIR_CHECK(finish(reader, operation));
  if (summary.name.empty() || summary.arn.empty()) {
    return bad_reply(operation, "names no stream");
  }
  if (!status) {
    return bad_reply(operation, "has no known StreamStatus");
  }
  summary.status = *status;
  return summary;
}

Result<api::ListStreamsReply> decode_list_streams(std::string_view body) {
  wire::Arena arena;
  CborReader reader(body, arena);
  api::ListStreamsReply reply;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "StreamNames")) {
      read_array(reader, [&] { reply.names.emplace_back(reader.text()); });
    } else if (is(key, "HasMoreStreams")) {
      reply.has_more = reader.boolean();
    } else if (is(key, "NextToken")) {
      reply.next_token = reader.text();
    } else {
      return false;
    }
    return true;
  });
  WEIR_CHECK(finish(reader, "ListStreams"));
  return reply;
}

Result<api::ListShardsReply> decode_list_shards(std::string_view body) {
  constexpr std::string_view operation = "ListShards";
  wire::Arena arena;
  CborReader reader(body, arena);
  api::ListShardsReply reply;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "Shards")) {
      read_array(reader, [&] { reply.shards.push_back(read_shard(reader)); });
    } else if (is(key, "NextToken")) {
      reply.next_token = reader.text();
    } else {
      return false;
    }
    return true;
  });
  WEIR_CHECK(finish(reader, operation));
  for (const auto& shard : reply.shards) {
    if (shard.id.empty()) {
      return bad_reply(operation, "has a shard without ShardId");
    }
  }
  return reply;
}

Result<api::PutRecordReply> decode_put_record(std::string_view body) {
  wire::Arena arena;
  CborReader reader(body, arena);
  api::PutRecordReply reply;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "ShardId")) {
      reply.shard_id = reader.text();
    } else if (is(key, "SequenceNumber")) {
      reply.sequence_number = reader.text();
    } else {
      return false;
    }
    return true;
  });
  WEIR_CHECK(finish(reader, "PutRecord"));
  if (reply.shard_id.empty() || !stream::is_sequence_number(reply.sequence_number)) {
    return bad_reply("PutRecord", "does not say where the record went");
  }
  return reply;
}

Result<api::PutRecordsReply> decode_put_records(std::string_view body, std::size_t records) {
  constexpr std::string_view operation = "PutRecords";
  wire::Arena arena;
  CborReader reader(body, arena);
  api::PutRecordsReply reply;
  reply.results.reserve(records);
  const auto read_result = [&reader] {
    api::PutRecordsResult result;
    read_map(reader, [&](std::string_view key) {
      if (is(key, "SequenceNumber")) {
        result.sequence_number = reader.text();
      } else if (is(key, "ShardId")) {
        result.shard_id = reader.text();
      } else if (is(key, "ErrorCode")) {
        result.error_code = reader.text();
      } else if (is(key, "ErrorMessage")) {
        result.error_message = reader.text();
      } else {
        return false;
      }
      return true;
    });
    return result;
  };
  read_map(reader, [&](std::string_view key) {
    if (is(key, "Records")) {
      read_array(reader, [&] { reply.results.push_back(read_result()); });
      return true;
    }
    return false;  // FailedRecordCount too: the entries say it, and cannot disagree with themselves
  });
  WEIR_CHECK(finish(reader, operation));
  if (reply.results.size() != records) {
    return bad_reply(operation,
                     "answers " + std::to_string(reply.results.size()) + " records of " + std::to_string(records));
  }
  for (const auto& result : reply.results) {
    if (!result.error_code.empty()) {
      ++reply.failed_count;
    } else if (result.shard_id.empty() || !stream::is_sequence_number(result.sequence_number)) {
      return bad_reply(operation, "does not say where a record went");
    }
  }
  return reply;
}

Result<std::string> decode_shard_iterator(std::string_view body) {
  constexpr std::string_view operation = "GetShardIterator";
  wire::Arena arena;
  CborReader reader(body, arena);
  std::string iterator;
  read_map(reader, [&](std::string_view key) {
    if (!is(key, "ShardIterator")) {
      return false;
    }
    iterator = reader.text();
    return true;
  });
  WEIR_CHECK(finish(reader, operation));
  if (iterator.empty()) {
    return bad_reply(operation, "has no ShardIterator");
  }
  return iterator;
}

Result<api::UpdateShardCountReply> decode_update_shard_count(std::string_view body) {
  wire::Arena arena;
  CborReader reader(body, arena);
  api::UpdateShardCountReply reply;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "StreamName")) {
      reply.stream_name = reader.text();
    } else if (is(key, "CurrentShardCount")) {
      reply.current = read_count(reader);
    } else if (is(key, "TargetShardCount")) {
      reply.target = read_count(reader);
    } else {
      return false;
    }
    return true;
  });
  WEIR_CHECK(finish(reader, "UpdateShardCount"));
  return reply;
}

}  // namespace weir::aws
