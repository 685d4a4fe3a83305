// Requests: from bytes to the arguments of a call, for both formats.

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "emulator/errors.hpp"
#include "emulator/protocol.hpp"
#include "weir/wire/cbor_reader.hpp"

namespace weir::emulator {
namespace {

constexpr std::string_view target_prefix = "Kinesis_20131202.";

Error serialization_error(const Error& error) { return service_error("SerializationException", error.message); }

Error missing_member(std::string_view member) { return validation_error(std::string(member), "not be null"); }

/// The service's answer where it has not read the body yet.
Answer plain_answer(int status, std::string body) {
  Answer answer;
  answer.status = status;
  answer.content_type = "text/plain";
  answer.head = std::move(body);
  return answer;
}

std::optional<wire::Format> format_of(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) {
    content_type.remove_suffix(1);
  }
  for (const wire::Format format : {wire::Format::cbor, wire::Format::json}) {
    if (content_type == wire::content_type(format)) {
      return format;
    }
  }
  return std::nullopt;
}

/// Fails with ValidationException when a member is absent.
Result<void> require(wire::Value root, std::initializer_list<std::string_view> members) {
  for (const std::string_view member : members) {
    if (!root[member].exists()) {
      return missing_member(member);
    }
  }
  return {};
}

Result<std::optional<std::uint32_t>> optional_count(wire::Value root, std::string_view member) {
  const std::optional<std::int64_t> value = root[member].integer();
  if (!value) {
    return std::optional<std::uint32_t>();
  }
  if (*value < 0 || *value > std::numeric_limits<std::int32_t>::max()) {
    return validation_error(std::string(member), "have value between 0 and 2147483647");
  }
  return std::optional<std::uint32_t>(static_cast<std::uint32_t>(*value));
}

Result<std::uint32_t> count(wire::Value root, std::string_view member) {
  WEIR_TRY(const std::optional<std::uint32_t> value, optional_count(root, member));
  if (!value) {
    return missing_member(member);
  }
  return *value;
}

std::string text(wire::Value root, std::string_view member) { return std::string(root.text(member)); }

api::StreamRef stream_of(wire::Value root) {
  api::StreamRef ref;
  ref.name = root.text("StreamName");
  ref.arn = root.text("StreamARN");
  return ref;
}

api::PutRecordsEntry entry_of(wire::Value value) {
  api::PutRecordsEntry entry;
  entry.data = value.blob("Data");
  entry.partition_key = value.text("PartitionKey");
  entry.explicit_hash_key = value.text("ExplicitHashKey");
  return entry;
}

Result<api::IteratorType> iterator_type_of(std::string_view name) {
  for (const auto type :
       {api::IteratorType::at_sequence_number, api::IteratorType::after_sequence_number,
        api::IteratorType::at_timestamp, api::IteratorType::trim_horizon, api::IteratorType::latest}) {
    if (name == api::to_string(type)) {
      return type;
    }
  }
  return validation_error("shardIteratorType",
                          "satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, "
                          "TRIM_HORIZON]");
}

Result<ShardFilter> filter_of(wire::Value value) {
  using Type = ShardFilter::Type;
  constexpr std::array<std::pair<std::string_view, Type>, 6> types = {{{"AFTER_SHARD_ID", Type::after_shard_id},
                                                                       {"AT_TRIM_HORIZON", Type::at_trim_horizon},
                                                                       {"FROM_TRIM_HORIZON", Type::from_trim_horizon},
                                                                       {"AT_LATEST", Type::at_latest},
                                                                       {"AT_TIMESTAMP", Type::at_timestamp},
                                                                       {"FROM_TIMESTAMP", Type::from_timestamp}}};
  ShardFilter filter;
  if (!value.exists()) {
    return filter;
  }
  WEIR_CHECK(require(value, {"Type"}));
  const std::string_view name = value.text("Type");
  for (const auto& [known, type] : types) {
    if (name == known) {
      filter.type = type;
      filter.shard_id = value.text("ShardId");
      filter.timestamp = value["Timestamp"].timestamp();
      return filter;
    }
  }
  return validation_error("shardFilter.type",
                          "satisfy enum value set: [AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, "
                          "AT_TIMESTAMP, FROM_TIMESTAMP]");
}

Error unknown_operation(std::string_view target) {
  constexpr std::size_t shown_max = 128;
  std::string name(target.substr(target.find('.') + 1).substr(0, shown_max));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return service_error("UnknownOperationException", name.empty()
                                                        ? "The request names no operation: X-Amz-Target is missing."
                                                        : "This endpoint does not know the operation " + name + ".");
}

}  // namespace

std::variant<Call, Answer> Call::read(const RequestHead& head, std::string_view body) {
  if (!head.is_post) {
    return plain_answer(404, "<UnknownOperationException/>\n");
  }
  const std::optional<wire::Format> format = format_of(head.content_type);
  if (!format) {
    return plain_answer(404, "<UnknownOperationException/>\n");
  }
  std::optional<Operation> operation;
  if (head.target.starts_with(target_prefix)) {
    operation = operation_of(head.target.substr(target_prefix.size()));
  }
  if (!operation) {
    return error_answer(*format, unknown_operation(head.target));
  }
  if (!head.has_authorization) {
    return error_answer(*format, service_error("MissingAuthenticationTokenException", "Missing Authentication Token"));
  }
  Call call(*operation, *format);
  if (auto read = call.read_body(body); !read) {
    return error_answer(*format, read.error());
  }
  return call;
}

Result<void> Call::read_body(std::string_view body) {
  if (operation_ == Operation::put_records && format_ == wire::Format::cbor) {
    return read_put_records_cbor(body);
  }
  auto parsed = wire::Document::parse(format_, body);
  if (!parsed) {
    return serialization_error(parsed.error());
  }
  document_ = *std::move(parsed);
  const wire::Value root = document_->root();
  if (!root.is_map()) {
    return service_error("SerializationException", "The message is no map.");
  }
  auto read = read_members(root);
  // A member of the wrong type reads as absent: say that it is there, but wrong.
  if (auto checked = document_->check(); !checked) {
    return serialization_error(checked.error());
  }
  return read;
}

Result<void> Call::read_members(wire::Value root) {
  switch (operation_) {
    case Operation::create_stream: {
      WEIR_CHECK(require(root, {"StreamName"}));
      if (root["StreamModeDetails"].exists() && root["StreamModeDetails"].text("StreamMode") != "PROVISIONED") {
        return validation_error("streamModeDetails.streamMode", "be PROVISIONED: this endpoint has no other mode");
      }
      CreateStreamCall create;
      create.name = text(root, "StreamName");
      WEIR_TRY(create.shards, count(root, "ShardCount"));
      WEIR_TRY(const std::optional<std::uint32_t> kib, optional_count(root, "MaxRecordSizeInKiB"));
      if (kib) {
        create.record_bytes_max = std::size_t{*kib} * 1024;
      }
      request_ = std::move(create);
      return {};
    }
    case Operation::delete_stream:
      request_ = DeleteStreamCall{stream_of(root)};
      return {};
    case Operation::describe_stream_summary:
      request_ = DescribeCall{stream_of(root)};
      return {};
    case Operation::list_streams: {
      api::ListStreamsRequest list;
      WEIR_TRY(list.limit, optional_count(root, "Limit"));
      list.exclusive_start_stream_name = text(root, "ExclusiveStartStreamName");
      list.next_token = text(root, "NextToken");
      request_ = std::move(list);
      return {};
    }
    case Operation::list_shards: {
      ListShardsCall list;
      list.request.stream = stream_of(root);
      list.request.next_token = text(root, "NextToken");
      list.request.exclusive_start_shard_id = text(root, "ExclusiveStartShardId");
      WEIR_TRY(list.request.results_max, optional_count(root, "MaxResults"));
      WEIR_TRY(list.filter, filter_of(root["ShardFilter"]));
      request_ = std::move(list);
      return {};
    }
    case Operation::put_record: {
      WEIR_CHECK(require(root, {"Data", "PartitionKey"}));
      api::PutRecordRequest put;
      put.stream = stream_of(root);
      put.record = entry_of(root);
      put.sequence_number_for_ordering = text(root, "SequenceNumberForOrdering");
      request_ = std::move(put);
      return {};
    }
    case Operation::put_records: {
      WEIR_CHECK(require(root, {"Records"}));
      api::PutRecordsRequest put;
      put.stream = stream_of(root);
      for (const wire::Value record : root["Records"]) {
        WEIR_CHECK(require(record, {"Data", "PartitionKey"}));
        put.records.push_back(entry_of(record));
      }
      request_ = std::move(put);
      return {};
    }
    case Operation::get_shard_iterator: {
      WEIR_CHECK(require(root, {"ShardId", "ShardIteratorType"}));
      api::GetShardIteratorRequest get;
      get.stream = stream_of(root);
      get.shard_id = text(root, "ShardId");
      WEIR_TRY(get.type, iterator_type_of(root.text("ShardIteratorType")));
      get.starting_sequence_number = text(root, "StartingSequenceNumber");
      const std::optional<Timestamp> time = root["Timestamp"].timestamp();
      if ((get.type == api::IteratorType::at_timestamp) != time.has_value()) {
        return invalid_argument("Timestamp must be provided with ShardIteratorType AT_TIMESTAMP, and with no other.");
      }
      get.timestamp = time.value_or(Timestamp());
      request_ = std::move(get);
      return {};
    }
    case Operation::get_records: {
      WEIR_CHECK(require(root, {"ShardIterator"}));
      api::GetRecordsRequest get;
      get.shard_iterator = text(root, "ShardIterator");
      WEIR_TRY(const std::optional<std::uint32_t> limit, optional_count(root, "Limit"));
      get.limit = limit.value_or(api::get_records_max);
      get.stream_arn = text(root, "StreamARN");
      request_ = std::move(get);
      return {};
    }
    case Operation::split_shard: {
      WEIR_CHECK(require(root, {"ShardToSplit", "NewStartingHashKey"}));
      api::SplitShardRequest split;
      split.stream = stream_of(root);
      split.shard = text(root, "ShardToSplit");
      split.new_starting_hash_key = text(root, "NewStartingHashKey");
      request_ = std::move(split);
      return {};
    }
    case Operation::merge_shards: {
      WEIR_CHECK(require(root, {"ShardToMerge", "AdjacentShardToMerge"}));
      api::MergeShardsRequest merge;
      merge.stream = stream_of(root);
      merge.shard = text(root, "ShardToMerge");
      merge.adjacent_shard = text(root, "AdjacentShardToMerge");
      request_ = std::move(merge);
      return {};
    }
    case Operation::update_shard_count: {
      WEIR_CHECK(require(root, {"TargetShardCount", "ScalingType"}));
      if (root.text("ScalingType") != "UNIFORM_SCALING") {
        return validation_error("scalingType", "satisfy enum value set: [UNIFORM_SCALING]");
      }
      api::UpdateShardCountRequest update;
      update.stream = stream_of(root);
      WEIR_TRY(update.target, count(root, "TargetShardCount"));
      request_ = std::move(update);
      return {};
    }
  }
  return {};
}

/// The one request that is large and frequent: read straight from the bytes, without a tree.
Result<void> Call::read_put_records_cbor(std::string_view body) {
  wire::CborReader reader(body, arena_);
  api::PutRecordsRequest put;
  bool has_records = false;
  const char* missing = nullptr;
  if (!reader.enter_map()) {
    return service_error("SerializationException", "The message is no map.");
  }
  while (reader.next()) {
    const std::string_view key = reader.key();
    if (wire::is(key, "StreamName")) {
      put.stream.name = reader.text();
    } else if (wire::is(key, "StreamARN")) {
      put.stream.arn = reader.text();
    } else if (wire::is(key, "Records") && !has_records && !reader.null()) {
      has_records = true;
      if (!reader.enter_array()) {
        break;
      }
      while (reader.next() && put.records.size() <= api::put_records_max) {
        api::PutRecordsEntry entry;
        bool has_data = false;
        bool has_key = false;
        if (!reader.enter_map()) {
          return service_error("SerializationException", "A record is no map.");
        }
        while (reader.next()) {
          const std::string_view member = reader.key();
          if (wire::is(member, "Data")) {
            has_data = !reader.null();
            entry.data = has_data ? reader.blob() : std::string_view();
          } else if (wire::is(member, "PartitionKey")) {
            has_key = !reader.null();
            entry.partition_key = has_key ? reader.text() : std::string_view();
          } else if (wire::is(member, "ExplicitHashKey")) {
            entry.explicit_hash_key = reader.text();
          } else {
            reader.skip();
          }
        }
        if (!has_data || !has_key) {
          missing = has_data ? "PartitionKey" : "Data";
        }
        put.records.push_back(entry);
      }
      if (put.records.size() > api::put_records_max) {  // refused with the count, whatever follows
        request_ = std::move(put);
        return {};
      }
    } else {
      reader.skip();
    }
  }
  if (auto finished = reader.finish(); !finished) {
    return serialization_error(finished.error());
  }
  if (!has_records || missing != nullptr) {
    return missing_member(has_records ? missing : "Records");
  }
  request_ = std::move(put);
  return {};
}

}  // namespace weir::emulator
