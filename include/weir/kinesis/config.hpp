#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/clock.hpp"
#include "weir/stream/record.hpp"

namespace weir::kinesis {

/// Where reading begins when nothing is stored yet. LATEST is turned into a moment of the service's clock
/// on the very first start, so that a restart before the first commit skips nothing.
enum class StartingPosition : std::uint8_t {
  latest,
  trim_horizon,
  at_timestamp,
  at_sequence_number,
  after_sequence_number
};

/// The service's shares of one shard for all who poll it (service model: 5 calls and 2 MiB a second).
inline constexpr double reads_per_second_max = 5;
inline constexpr double read_bytes_per_second_max = 2.0 * 1024 * 1024;

/// What a reader of one stream needs to know. `client` must outlive the source.
struct ReaderConfig {
  api::KinesisApi* client = nullptr;
  std::string stream_name;
  std::string stream_arn;  ///< instead of, or beside, the name
  StartingPosition starting_position = StartingPosition::latest;
  std::optional<Timestamp> start_timestamp;  ///< required with at_timestamp
  /// Required with at/after_sequence_number; `starting_shard` is the shard it belongs to, and only that
  /// shard and its descendants are read.
  std::string starting_sequence_number;
  std::string starting_shard;

  /// Between two reads of a shard that had nothing new.
  std::chrono::milliseconds poll_interval{1000};
  /// Per call; the service's maximum and default.
  std::uint32_t records_per_call = api::get_records_max;
  /// Keep within the service's shares of a shard. False for endpoints without quotas.
  bool keep_quotas = true;
  /// Between two listings of the shards and two looks at the stream's creation time.
  std::chrono::milliseconds list_interval{30'000};
  /// Memory for fetched pages, over all shards and loops.
  std::size_t buffer_bytes_max = 256U * 1024 * 1024;

  Clock* clock = nullptr;  ///< the machine's when null
  std::uint64_t seed = 0;  ///< of the jitter in waits; 0: from the machine
  /// A GetRecords call failed; reading goes on or stops as the error says. Called on the shard's loop.
  std::function<void(std::string_view stream, std::string_view shard_id, const Error&)> on_get_records_error;
};

/// The same, with how to decode: what `Source<T>` is made of.
template <class T>
struct Config : ReaderConfig {
  Config() = default;
  Config(api::KinesisApi& kinesis_client, std::string stream, std::function<Result<T>(std::string_view)> decoder)
      : decode(std::move(decoder)) {
    client = &kinesis_client;
    stream_name = std::move(stream);
  }

  /// Any callable bytes -> Result<T>; json_decoder<T>() is the ready one. Required.
  std::function<Result<T>(std::string_view)> decode;
  /// A record did not decode (or, in a pipeline, could not be taken for another reason). The typed reader
  /// skips it; a pipeline keeps it as a dead letter.
  std::function<void(std::string_view raw, std::string_view shard_id, std::string_view sequence_number, const Error&)>
      on_decode_error;
};

/// Refuses a wrong configuration, naming the field and what it must be.
Result<void> validate(const ReaderConfig& config);

}  // namespace weir::kinesis
