#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/stream/hash_range.hpp"

namespace weir::stream {

/// What one aggregated record may hold. The Kinesis Producer Library fills 51,200 bytes by default and at most
/// 1 MiB, into which 174,000 user records fit.
inline constexpr std::size_t user_records_max = 262'144;
/// 256 characters of UTF-8.
inline constexpr std::size_t user_key_bytes_max = 1024;

/// One record out of an aggregated one. Views into the aggregated record's data.
struct UserRecord {
  std::string_view data;
  std::string_view partition_key;
  std::optional<HashKey> explicit_hash_key;
  std::uint32_t sub = 0;  ///< its place among all user records of the aggregated one, from 0
};

/// Takes records apart that the Kinesis Producer Library aggregated: magic, protobuf message, MD5
/// (aggregation-format.md of amazon-kinesis-producer). Keeps its tables' memory between records; allocates
/// nothing for a user record. One thread at a time.
///
///     if (unpacker.open(record.data, range) == Unpacker::Form::aggregated) {
///       for (UserRecord user; unpacker.next(user);) { ... }
///     }
class Unpacker {
 public:
  enum class Form : std::uint8_t {
    plain,       ///< an ordinary record
    aggregated,  ///< `next` gives its user records
    broken,      ///< begins like an aggregated record and is none: to be taken as an ordinary one
  };

  /// Looks at a record's data, all of it: once this says `aggregated`, every user record is sound. Broken are:
  /// a wrong checksum, a message that is none, a required field or a table's entry that is missing, a key that is
  /// no UTF-8, a hash key that is none, and more than the limits above. Where the shard's range is given, what
  /// does not belong there is left out: after a reshard the producer sends it again to where it belongs. The
  /// data must live until the last `next`.
  Form open(std::string_view data, const std::optional<HashRange>& range);

  /// The next user record, in order; false after the last one.
  bool next(UserRecord& record);

  /// How many user records the opened one holds, those that `next` leaves out among them.
  std::size_t size() const noexcept { return size_; }

  /// How many `next` has left out so far.
  std::uint32_t misplaced() const noexcept { return misplaced_; }

 private:
  enum class Place : std::uint8_t { unknown, inside, outside };
  bool read(std::string_view message);
  bool is_inside(const UserRecord& record, std::size_t key);

  std::optional<HashRange> range_;  // where it leaves anything out
  std::vector<std::string_view> keys_;
  std::vector<HashKey> hash_keys_;
  std::vector<Place> places_;  // of the keys, found out when first asked for
  std::string_view rest_;      // of the message, from the next user record on
  std::size_t size_ = 0;
  std::uint32_t sub_ = 0;
  std::uint32_t misplaced_ = 0;
};

}  // namespace weir::stream
