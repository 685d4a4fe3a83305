#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "weir/stream/record.hpp"
#include "weir/stream/unpack.hpp"

namespace weir::process {

/// Which record a user record came out of, and where in it.
struct Origin {
  std::uint32_t sub = 0;
  bool unpacked = false;  ///< false: an ordinary record, as it came
};

/// What unpacking met.
struct UnpackCounts {
  std::uint64_t user_records = 0;  ///< that came out of aggregated records
  std::uint64_t misplaced = 0;     ///< left out: not in the shard's hash range
  std::uint64_t unfiltered = 0;    ///< of `user_records`: the shard's range was not known
  std::uint64_t broken = 0;        ///< ordinary records that begin like aggregated ones
};

/// Turns records into what a pipeline that unpacks is to fold: user records as if each had come alone, with the
/// sequence number and arrival of the record that held it. Hands them out in parts, so that its memory does not
/// grow with what a record holds. One thread at a time.
class Unpacking {
 public:
  static constexpr std::size_t part_records = 1024;

  /// `take(std::span<const RawRecord>, std::span<const Origin>)` for each part, in order. The views live as long
  /// as the records.
  template <class Take>
  UnpackCounts each_part(std::span<const stream::RawRecord> records, const std::optional<stream::HashRange>& range,
                         Take take) {
    UnpackCounts counts;
    records_.clear();
    origins_.clear();
    for (const auto& record : records) {
      const auto form = unpacker_.open(record.data, range);
      if (form != stream::Unpacker::Form::aggregated) {
        counts.broken += form == stream::Unpacker::Form::broken ? 1 : 0;
        add(record, Origin(), take);
        continue;
      }
      auto user_record = record;
      for (stream::UserRecord user; unpacker_.next(user);) {
        user_record.data = user.data;
        user_record.partition_key = user.partition_key;
        Origin origin;
        origin.sub = user.sub;
        origin.unpacked = true;
        ++counts.user_records;
        add(user_record, origin, take);
      }
      counts.misplaced += unpacker_.misplaced();
    }
    counts.unfiltered = range ? 0 : counts.user_records;
    flush(take);
    return counts;
  }

 private:
  template <class Take>
  void add(const stream::RawRecord& record, Origin origin, Take& take) {
    records_.push_back(record);
    origins_.push_back(origin);
    if (records_.size() == part_records) {
      flush(take);
    }
  }
  template <class Take>
  void flush(Take& take) {
    if (!records_.empty()) {
      take(std::span<const stream::RawRecord>(records_), std::span<const Origin>(origins_));
      records_.clear();
      origins_.clear();
    }
  }

  stream::Unpacker unpacker_;
  std::vector<stream::RawRecord> records_;
  std::vector<Origin> origins_;
};

}  // namespace weir::process
