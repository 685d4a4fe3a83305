// Replies: each call is made and written once, for both formats.

#include <type_traits>

#include "emulator/errors.hpp"
#include "emulator/protocol.hpp"
#include "weir/wire/aws_error.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::emulator {
namespace {

template <class Write>
Result<void> with_writer(wire::Format format, std::string& out, const Write& write) {
  if (format == wire::Format::cbor) {
    wire::CborWriter writer(out);
    return write(static_cast<wire::Writer&>(writer));
  }
  wire::JsonWriter writer(out);
  return write(static_cast<wire::Writer&>(writer));
}

void write_hash_range(wire::Writer& writer, const std::string& start, const std::string& end) {
  writer.begin_map("HashKeyRange");
  writer.text("StartingHashKey", start);
  writer.text("EndingHashKey", end);
  writer.end_map();
}

void write_shard(wire::Writer& writer, const api::Shard& shard) {
  writer.begin_map();
  writer.text("ShardId", shard.id);
  if (!shard.parent.empty()) {
    writer.text("ParentShardId", shard.parent);
  }
  if (!shard.adjacent_parent.empty()) {
    writer.text("AdjacentParentShardId", shard.adjacent_parent);
  }
  write_hash_range(writer, shard.hash_key_start, shard.hash_key_end);
  writer.begin_map("SequenceNumberRange");
  writer.text("StartingSequenceNumber", shard.sequence_number_start);
  if (!shard.sequence_number_end.empty()) {
    writer.text("EndingSequenceNumber", shard.sequence_number_end);
  }
  writer.end_map();
  writer.end_map();
}

void write_summary(wire::Writer& writer, const api::StreamSummary& summary) {
  writer.begin_map();
  writer.begin_map("StreamDescriptionSummary");
  writer.text("StreamName", summary.name);
  writer.text("StreamARN", summary.arn);
  writer.text("StreamStatus", api::to_string(summary.status));
  writer.begin_map("StreamModeDetails");
  writer.text("StreamMode", "PROVISIONED");
  writer.end_map();
  writer.unsigned_integer("RetentionPeriodHours", summary.retention_hours);
  writer.timestamp("StreamCreationTimestamp", summary.created);
  writer.begin_array("EnhancedMonitoring");
  writer.begin_map();
  writer.begin_array("ShardLevelMetrics");
  writer.end_array();
  writer.end_map();
  writer.end_array();
  writer.text("EncryptionType", "NONE");
  writer.unsigned_integer("OpenShardCount", summary.open_shard_count);
  writer.unsigned_integer("ConsumerCount", summary.consumer_count);
  writer.unsigned_integer("MaxRecordSizeInKiB", summary.record_bytes_max / 1024);
  writer.end_map();
  writer.end_map();
}

void write_placed(wire::Writer& writer, const Placed& placed) {
  if (placed.error_code != nullptr) {
    writer.text("ErrorCode", placed.error_code);
    writer.text("ErrorMessage", placed.error_message);
    return;
  }
  writer.text("SequenceNumber", view(placed.sequence_number));
  writer.text("ShardId", view(shard_id_text(placed.shard_index)));
}

void write_put_records(wire::Writer& writer, const std::vector<Placed>& placed) {
  std::uint64_t failed = 0;
  for (const Placed& each : placed) {
    failed += each.error_code != nullptr ? 1 : 0;
  }
  writer.begin_map();
  writer.unsigned_integer("FailedRecordCount", failed);
  writer.begin_array("Records");
  for (const Placed& each : placed) {
    writer.begin_map();
    write_placed(writer, each);
    writer.end_map();
  }
  writer.end_array();
  writer.text("EncryptionType", "NONE");
  writer.end_map();
}

/// Everything of a GetRecords reply before the records.
void begin_records(wire::Writer& writer, const RecordsPage& page) {
  writer.begin_map();
  writer.integer("MillisBehindLatest", page.behind.count());
  if (page.next_iterator) {
    writer.text("NextShardIterator", *page.next_iterator);
  } else {
    writer.begin_array("ChildShards");
    for (const api::ChildShard& child : page.children) {
      writer.begin_map();
      writer.text("ShardId", child.id);
      writer.begin_array("ParentShards");
      for (const std::string& parent : child.parents) {
        writer.text(parent);
      }
      writer.end_array();
      write_hash_range(writer, child.hash_key_start, child.hash_key_end);
      writer.end_map();
    }
    writer.end_array();
  }
  writer.begin_array("Records");
}

void write_record(wire::Writer& writer, const stream::RawRecord& record) {
  writer.begin_map();
  writer.text("SequenceNumber", record.sequence_number);
  writer.timestamp("ApproximateArrivalTimestamp", record.arrival);
  writer.blob("Data", record.data);
  writer.text("PartitionKey", record.partition_key);
  writer.end_map();
}

}  // namespace

Answer error_answer(wire::Format format, const Error& error) {
  Answer answer;
  answer.status = error.http_status == 0 ? 400 : error.http_status;
  answer.content_type = wire::content_type(format);
  static_cast<void>(with_writer(format, answer.head, [&](wire::Writer& writer) {
                      wire::write_aws_error(writer, error.code, error.message);
                      return Result<void>();
                    }).ok());
  return answer;
}

Target Call::target(const Core& core) const {
  return std::visit(
      [&](const auto& request) -> Target {
        using T = std::remove_cvref_t<decltype(request)>;
        if constexpr (std::is_same_v<T, CreateStreamCall>) {
          return {.stream = request.name, .shard = {}};
        } else if constexpr (std::is_same_v<T, api::ListStreamsRequest>) {
          return {};
        } else if constexpr (std::is_same_v<T, api::GetRecordsRequest>) {
          return core.target_of_iterator(request.shard_iterator);
        } else if constexpr (std::is_same_v<T, ListShardsCall>) {
          return core.target_of(request.request.stream);
        } else if constexpr (std::is_same_v<T, api::GetShardIteratorRequest>) {
          return core.target_of(request.stream, request.shard_id);
        } else if constexpr (std::is_same_v<T, api::SplitShardRequest> || std::is_same_v<T, api::MergeShardsRequest>) {
          return core.target_of(request.stream, request.shard);
        } else {
          return core.target_of(request.stream);
        }
      },
      request_);
}

Answer Call::answer(Core& core, const std::optional<Fault>& fault) const {
  Answer answer;
  answer.content_type = wire::content_type(format_);
  auto written =
      with_writer(format_, answer.head, [&](wire::Writer& writer) { return write(core, fault, writer, answer); });
  if (!written) {
    return error_answer(format_, written.error());
  }
  return answer;
}

Result<void> Call::write(Core& core, const std::optional<Fault>& fault, wire::Writer& writer, Answer& answer) const {
  const auto is = [&](Fault::Kind kind) { return fault && fault->kind == kind; };
  return std::visit(
      [&](const auto& request) -> Result<void> {
        using T = std::remove_cvref_t<decltype(request)>;
        if constexpr (std::is_same_v<T, CreateStreamCall>) {
          return core.create_stream(request.name, request.shards, request.record_bytes_max);
        } else if constexpr (std::is_same_v<T, DeleteStreamCall>) {
          return core.delete_stream(request.stream);
        } else if constexpr (std::is_same_v<T, DescribeCall>) {
          WEIR_TRY(const auto summary, core.describe(request.stream));
          write_summary(writer, summary);
        } else if constexpr (std::is_same_v<T, api::ListStreamsRequest>) {
          WEIR_TRY(const auto reply, core.list_streams(request));
          writer.begin_map();
          writer.begin_array("StreamNames");
          for (const std::string& name : reply.names) {
            writer.text(name);
          }
          writer.end_array();
          writer.boolean("HasMoreStreams", reply.has_more);
          if (reply.has_more) {
            writer.text("NextToken", reply.next_token);
          }
          writer.end_map();
        } else if constexpr (std::is_same_v<T, ListShardsCall>) {
          WEIR_TRY(const auto reply, core.list_shards(request.request, request.filter));
          writer.begin_map();
          writer.begin_array("Shards");
          for (const api::Shard& shard : reply.shards) {
            write_shard(writer, shard);
          }
          writer.end_array();
          if (!reply.next_token.empty()) {
            writer.text("NextToken", reply.next_token);
          }
          writer.end_map();
        } else if constexpr (std::is_same_v<T, api::PutRecordRequest>) {
          WEIR_TRY(const Placed placed, core.put_record(request));
          writer.begin_map();
          write_placed(writer, placed);
          writer.text("EncryptionType", "NONE");
          writer.end_map();
        } else if constexpr (std::is_same_v<T, api::PutRecordsRequest>) {
          WEIR_TRY(const auto placed, core.put_records(request.stream, request.records,
                                                       is(Fault::Kind::failed_entries) ? &*fault : nullptr));
          write_put_records(writer, placed);
        } else if constexpr (std::is_same_v<T, api::GetShardIteratorRequest>) {
          WEIR_TRY(const std::string iterator, core.get_shard_iterator(request));
          writer.begin_map();
          writer.text("ShardIterator", iterator);
          writer.end_map();
        } else if constexpr (std::is_same_v<T, api::GetRecordsRequest>) {
          WEIR_TRY(RecordsPage page, core.get_records(request, is(Fault::Kind::empty_reply)));
          begin_records(writer, page);
          if (format_ == wire::Format::cbor) {  // the records are kept as CBOR: they follow as they are
            answer.page = std::move(page.page);
            wire::CborWriter tail(answer.tail);
            tail.end_array();
            tail.end_map();
            return {};
          }
          for_each_record(page.page, [&](const stream::RawRecord& record) { write_record(writer, record); });
          writer.end_array();
          writer.end_map();
        } else if constexpr (std::is_same_v<T, api::SplitShardRequest>) {
          return core.split_shard(request);
        } else if constexpr (std::is_same_v<T, api::MergeShardsRequest>) {
          return core.merge_shards(request);
        } else {
          WEIR_TRY(const auto reply, core.update_shard_count(request));
          writer.begin_map();
          writer.text("StreamName", reply.stream_name);
          writer.unsigned_integer("CurrentShardCount", reply.current);
          writer.unsigned_integer("TargetShardCount", reply.target);
          writer.end_map();
        }
        return {};
      },
      request_);
}

}  // namespace weir::emulator
