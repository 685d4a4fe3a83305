#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "emulator/sequence.hpp"
#include "weir/base/clock.hpp"
#include "weir/stream/record.hpp"

namespace weir::emulator {

/// Bytes held by all logs of one emulator. Pages handed out may outlive it, so it is shared.
using BytesHeld = std::shared_ptr<std::atomic<std::size_t>>;

/// A run of bytes that belongs to a page.
struct Slice {
  const char* data = nullptr;
  std::size_t size = 0;
};

/// Some records of one shard in order, each encoded as the CBOR map of a GetRecords reply (indefinite
/// length, `Data` first). Owns the bytes it points to; nothing is copied.
struct Page {
  std::vector<Slice> slices;
  std::vector<std::shared_ptr<const void>> chunks;
  std::size_t records = 0;
  std::size_t wire_bytes = 0;
  std::optional<std::uint64_t> last_counter;  ///< absent: no records
  std::optional<Timestamp> last_arrival;
  bool at_end = true;                         ///< the log holds nothing after these
};

/// Calls `take` for each record of the page; the views point into it.
void for_each_record(const Page& page, const std::function<void(const stream::RawRecord&)>& take);

/// What one shard holds: records, appended once and never changed, in chunks of up to 1 MiB. Guarded by
/// its shard's mutex; pages are read without it.
class ShardLog {
 public:
  ShardLog(BytesHeld bytes_held, bool keep_trimmed) : bytes_held_(std::move(bytes_held)), keep_trimmed_(keep_trimmed) {}

  struct Entry {
    std::uint64_t counter = 0;
    Timestamp arrival{};
    std::string_view data;
    std::string_view partition_key;
    SequenceText sequence_number{};
  };
  /// False, with nothing stored, when a new chunk would take all logs past `bytes_max`.
  bool append(const Entry& entry, std::size_t bytes_max);

  /// Up to `records_max` records from the first one at or above `counter`, of at most `bytes_max` bytes
  /// of data and keys (always one, where there is one).
  Page page(std::uint64_t counter, std::size_t records_max, std::size_t bytes_max) const;

  /// The counter of the first kept record that arrived at `time` or later, else of the next to come.
  std::uint64_t counter_at(Timestamp time) const;

  /// Forgets records below `counter`, or those that arrived before `time`.
  void trim(std::uint64_t counter);
  void trim_before(Timestamp time);

  std::uint64_t last_counter() const noexcept { return last_counter_; }  ///< 0: nothing was ever put
  std::uint64_t horizon() const noexcept { return horizon_; }           ///< records below it are trimmed
  /// The arrival of the first record at or above `counter`.
  std::optional<Timestamp> arrival_at(std::uint64_t counter) const;
  /// Everything that is still held, trimmed or not.
  Page everything() const;

 private:
  struct Index {
    std::uint64_t counter;
    Timestamp arrival;
    std::uint32_t offset;
    std::uint32_t payload_bytes;  // data and key: what the service's limits count
  };
  struct Chunk;
  struct Place {
    std::size_t chunk;
    std::size_t index;
  };

  Place find(std::uint64_t counter) const;
  void drop_trimmed();
  Page gather(Place from, std::size_t records_max, std::size_t bytes_max) const;

  BytesHeld bytes_held_;
  bool keep_trimmed_;
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::uint64_t last_counter_ = 0;
  std::uint64_t horizon_ = 0;
};

}  // namespace weir::emulator
