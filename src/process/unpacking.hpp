#pragma once

#include <cstdint>
#include <optional>
#include <span>
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

/// Turns records into what a pipeline that unpacks is to take: user records as if each had come alone, with the
/// sequence number and arrival of the record that held it. Hands them out in parts, so that its memory does not
/// grow with what a record holds. One thread at a time.
class Unpacking {
 public:
  static constexpr std::size_t part_records = 1024;

  /// The records must live until the last part is used; the parts' views live as long.
  void begin(std::span<const stream::RawRecord> records, const std::optional<stream::HashRange>& range) {
    rest_ = records;
    range_ = range;
    inside_ = false;
    counts_ = UnpackCounts();
  }

  /// Makes the next part; false when there is none.
  bool next() {
    records_.clear();
    origins_.clear();
    while (records_.size() < part_records && (inside_ || !rest_.empty())) {
      inside_ ? take_user_record() : take_record();
    }
    return !records_.empty();
  }
  std::span<const stream::RawRecord> records() const noexcept { return records_; }
  std::span<const Origin> origins() const noexcept { return origins_; }

  /// After the last part.
  const UnpackCounts& counts() const noexcept { return counts_; }

 private:
  void take_record() {
    record_ = rest_.front();
    rest_ = rest_.subspan(1);
    const auto form = unpacker_.open(record_.data, range_);
    inside_ = form == stream::Unpacker::Form::aggregated;
    counts_.broken += form == stream::Unpacker::Form::broken ? 1 : 0;
    if (!inside_) {
      records_.push_back(record_);
      origins_.emplace_back();
    }
  }
  void take_user_record() {
    stream::UserRecord user;
    inside_ = unpacker_.next(user);
    if (!inside_) {
      counts_.misplaced += unpacker_.misplaced();
      return;
    }
    ++counts_.user_records;
    counts_.unfiltered += range_ ? 0 : 1;
    record_.data = user.data;
    record_.partition_key = user.partition_key;
    records_.push_back(record_);
    auto& origin = origins_.emplace_back();
    origin.sub = user.sub;
    origin.unpacked = true;
  }

  stream::Unpacker unpacker_;
  std::span<const stream::RawRecord> rest_;
  std::optional<stream::HashRange> range_;
  bool inside_ = false;  // of the aggregated record that was opened last
  stream::RawRecord record_;
  UnpackCounts counts_;
  std::vector<stream::RawRecord> records_;
  std::vector<Origin> origins_;
};

}  // namespace weir::process
