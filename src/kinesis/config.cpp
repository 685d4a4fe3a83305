#include "weir/kinesis/config.hpp"

#include <fmt/format.h>

#include "weir/stream/sequence_number.hpp"
#include "weir/stream/stream_name.hpp"

namespace weir::kinesis {
namespace {

Error bad(std::string_view field, std::string_view must) {
  return refused("BadConfig", fmt::format("{}: {}", field, must));
}

Result<void> validate_start(const ReaderConfig& config) {
  const bool by_time = config.starting_position == StartingPosition::at_timestamp;
  const bool by_number = config.starting_position == StartingPosition::at_sequence_number ||
                         config.starting_position == StartingPosition::after_sequence_number;
  if (by_time && !config.start_timestamp) {
    return bad("start_timestamp", "required with starting position AT_TIMESTAMP");
  }
  if (!by_time && config.start_timestamp) {
    return bad("start_timestamp", "only with starting position AT_TIMESTAMP");
  }
  if (!by_number && (!config.starting_sequence_number.empty() || !config.starting_shard.empty())) {
    return bad("starting_sequence_number", "only with starting position AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER");
  }
  if (by_number && !stream::is_sequence_number(config.starting_sequence_number)) {
    return bad("starting_sequence_number", "required here: a decimal number of up to 129 digits");
  }
  if (by_number && config.starting_shard.empty()) {
    return bad("starting_shard", "required with a sequence number: the shard it belongs to");
  }
  return {};
}

}  // namespace

Result<void> validate(const ReaderConfig& config) {
  if (config.client == nullptr) {
    return bad("client", "must be set, and outlive the source");
  }
  if (config.stream_name.empty() && config.stream_arn.empty()) {
    return bad("stream_name", "a stream name or stream_arn is required");
  }
  if (!config.stream_name.empty() && !stream::is_stream_name(config.stream_name)) {
    return bad("stream_name", fmt::format("\"{}\" is no stream name: {}", config.stream_name.substr(0, 140),
                                          stream::stream_name_rule));
  }
  if (!config.stream_arn.empty() && !stream::is_stream_arn(config.stream_arn)) {
    return bad("stream_arn", "must look like arn:aws:kinesis:<region>:<account>:stream/<name>");
  }
  if (config.records_per_call < 1 || config.records_per_call > api::get_records_max) {
    return bad("records_per_call",
               fmt::format("{} is not within 1 and {}", config.records_per_call, api::get_records_max));
  }
  if (config.poll_interval.count() < 1) {
    return bad("poll_interval", "must be at least 1 ms");
  }
  if (config.list_interval.count() < 1) {
    return bad("list_interval", "must be at least 1 ms");
  }
  if (config.buffer_bytes_max < api::get_reply_bytes_max) {
    return bad("buffer_bytes_max", "must be at least 10 MiB: the largest page");
  }
  return validate_start(config);
}

}  // namespace weir::kinesis
