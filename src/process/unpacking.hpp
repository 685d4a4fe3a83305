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
/// grow with what a record holds: several whole records, or a piece of one. One thread at a time.
class Unpacking {
 public:
  static constexpr std::size_t part_records = 1024;

  /// The records must live until the last part is used; the parts' views live as long.
  void begin(std::span<const stream::RawRecord> records, const std::optional<stream::HashRange>& range) {
    all_ = records;
    opened_ = 0;
    range_ = range;
    left_inside_ = 0;
    inside_ = false;
    counts_ = UnpackCounts();
  }

  /// Makes the next part; false when there is none.
  bool next() {
    records_.clear();
    origins_.clear();
    part_begins_ = opened_ - (inside_ ? 1 : 0);
    is_piece_ = inside_ && is_begun_;
    while (records_.size() < part_records) {
      if (!inside_ && !open_next()) {
        break;
      }
      if (inside_ && !is_begun_ && !records_.empty() && records_.size() + unpacker_.size() > part_records) {
        break;
      }
      if (inside_) {
        take_user_record();
        if (!inside_ && is_piece_) {
          if (!records_.empty()) {
            break;
          }
          is_piece_ = false;  // the part before had its last user record
          part_begins_ = opened_;
        }
      }
    }
    return !records_.empty();
  }
  std::span<const stream::RawRecord> records() const noexcept { return records_; }
  std::span<const Origin> origins() const noexcept { return origins_; }

  /// Of the records given to `begin`, the first that the part is out of.
  std::size_t part_begins() const noexcept { return part_begins_; }
  /// The part goes on within a record that the one before it began.
  bool is_piece() const noexcept { return is_piece_; }
  /// As many records can fail of what the part is out of, or fewer: its own, and the rest of a record it begins.
  std::size_t failures_max() const noexcept { return records_.size() + (is_begun_ ? left_inside_ : 0); }

  /// Of the parts so far.
  const UnpackCounts& counts() const noexcept { return counts_; }

 private:
  // False after the last one.
  bool open_next() {
    if (opened_ == all_.size()) {
      return false;
    }
    record_ = all_[opened_++];
    const auto form = unpacker_.open(record_.data, range_);
    inside_ = form == stream::Unpacker::Form::aggregated;
    is_begun_ = false;
    left_inside_ = inside_ ? unpacker_.size() : 0;
    if (!inside_) {
      counts_.broken += form == stream::Unpacker::Form::broken ? 1 : 0;
      records_.push_back(record_);
      origins_.emplace_back();
    }
    return true;
  }
  void take_user_record() {
    is_begun_ = true;
    stream::UserRecord user;
    inside_ = unpacker_.next(user);
    if (!inside_) {
      left_inside_ = 0;
      counts_.misplaced += unpacker_.misplaced();
      return;
    }
    --left_inside_;
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
  std::span<const stream::RawRecord> all_;
  std::size_t opened_ = 0;
  std::optional<stream::HashRange> range_;
  bool inside_ = false;           // of the aggregated record that was opened last
  bool is_begun_ = false;         // a user record of it was asked for
  std::size_t left_inside_ = 0;   // of its user records, or fewer
  std::size_t part_begins_ = 0;
  bool is_piece_ = false;
  stream::RawRecord record_;
  UnpackCounts counts_;
  std::vector<stream::RawRecord> records_;
  std::vector<Origin> origins_;
};

}  // namespace weir::process
