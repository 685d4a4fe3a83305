#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/clock.hpp"

namespace weir::stream {

/// Readable bytes that follow every record's data in its batch's buffer, so that a decoder may read ahead
/// without a copy (simdjson's SIMDJSON_PADDING is 64 at most).
inline constexpr std::size_t padding_bytes = 64;

/// One record as the service sent it; the views point into the batch's buffer.
struct RawRecord {
  std::string_view sequence_number;  ///< decimal, well formed
  std::string_view data;             ///< at most 10 MiB; followed by `padding_bytes` readable bytes
  std::string_view partition_key;    ///< 1 to 256 characters of UTF-8
  Timestamp arrival{};               ///< the service's approximate arrival time; not monotonic within a shard
};

/// Names one record, for people, dead letters and foreign effects. Views into the batch.
struct EventId {
  std::string_view stream;
  std::string_view shard;
  std::string_view sequence_number;
  std::uint32_t sub = 0;     ///< the place of a record unpacked from an aggregated one
  bool unpacked = false;

  /// `<stream>/<shard>/<sequence>`, and `/<sub>` for an unpacked record.
  std::string text() const;
};

/// What a pipeline sees of a record. Views live until the batch is released.
template <class T>
struct Record {
  EventId event_id;
  Timestamp event_time{};  ///< the arrival time unless the pipeline names a field
  std::string_view partition_key;
  T value{};
};

}  // namespace weir::stream
