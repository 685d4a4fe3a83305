#include "weir/stream/unpack.hpp"

#include <algorithm>

#include "stream/md5.hpp"
#include "stream/protobuf.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::stream {
namespace {

using Field = ProtobufReader::Field;

// aggregation-format.md and messages.proto of amazon-kinesis-producer.
constexpr std::string_view magic = "\xf3\x89\x9a\xc2";
constexpr std::size_t checksum_bytes = 16;
namespace message_field {
constexpr std::uint64_t partition_key = 1;
constexpr std::uint64_t explicit_hash_key = 2;
constexpr std::uint64_t record = 3;
}  // namespace message_field
namespace record_field {
constexpr std::uint64_t partition_key_index = 1;
constexpr std::uint64_t explicit_hash_key_index = 2;
constexpr std::uint64_t data = 3;
}  // namespace record_field

// A user record as the message has it. Where a field is there twice the last one counts, as in all protobuf.
struct Packed {
  std::optional<std::uint64_t> key;
  std::optional<std::uint64_t> hash_key;
  std::optional<std::string_view> data;
};

bool read_packed(std::string_view message, Packed& packed) noexcept {
  ProtobufReader reader(message);
  for (Field field; reader.next(field);) {
    if (field.is(record_field::partition_key_index, ProtobufReader::varint)) {
      packed.key = field.value;
    } else if (field.is(record_field::explicit_hash_key_index, ProtobufReader::varint)) {
      packed.hash_key = field.value;
    } else if (field.is(record_field::data, ProtobufReader::bytes)) {
      packed.data = field.text;
    }
  }
  return reader.ok() && packed.key && packed.data;
}

}  // namespace

Unpacker::Form Unpacker::open(std::string_view data, const std::optional<HashRange>& range) {
  rest_ = {};
  if (data.size() <= magic.size() + checksum_bytes || !data.starts_with(magic)) {
    return Form::plain;
  }
  const auto message = data.substr(magic.size(), data.size() - magic.size() - checksum_bytes);
  const auto sum = md5(message);
  const auto expected = data.substr(data.size() - checksum_bytes);
  if (std::string_view(reinterpret_cast<const char*>(sum.data()), sum.size()) != expected || !read(message)) {
    return Form::broken;
  }
  range_ = range && !range->is_all() ? range : std::nullopt;
  places_.assign(range_ ? keys_.size() : 0, Place::unknown);
  rest_ = message;
  sub_ = 0;
  misplaced_ = 0;
  return Form::aggregated;
}

// Reads the tables, and all user records for their soundness: tables may follow what refers to them.
bool Unpacker::read(std::string_view message) {
  keys_.clear();
  hash_keys_.clear();
  size_ = 0;
  std::optional<std::uint64_t> key_last;  // referred to
  std::optional<std::uint64_t> hash_key_last;
  ProtobufReader reader(message);
  for (Field field; reader.next(field);) {
    if (field.is(message_field::record, ProtobufReader::bytes)) {
      Packed packed;
      if (!read_packed(field.text, packed) || ++size_ > user_records_max) {
        return false;
      }
      key_last = std::max(key_last, packed.key);
      hash_key_last = std::max(hash_key_last, packed.hash_key);  // none is less than any
    } else if (field.is(message_field::partition_key, ProtobufReader::bytes)) {
      if (keys_.size() == user_records_max || field.text.size() > user_key_bytes_max || !wire::is_utf8(field.text)) {
        return false;
      }
      keys_.push_back(field.text);
    } else if (field.is(message_field::explicit_hash_key, ProtobufReader::bytes)) {
      const auto hash_key = parse_hash_key(field.text);
      if (hash_keys_.size() == user_records_max || !hash_key) {
        return false;
      }
      hash_keys_.push_back(*hash_key);
    }
  }
  return reader.ok() && (!key_last || *key_last < keys_.size()) &&
         (!hash_key_last || *hash_key_last < hash_keys_.size());
}

bool Unpacker::next(UserRecord& record) {
  ProtobufReader reader(rest_);
  for (Field field; reader.next(field);) {
    if (!field.is(message_field::record, ProtobufReader::bytes)) {
      continue;
    }
    Packed packed;
    read_packed(field.text, packed);
    const auto key = static_cast<std::size_t>(*packed.key);
    record.data = *packed.data;
    record.partition_key = keys_[key];
    record.explicit_hash_key.reset();
    if (packed.hash_key) {
      record.explicit_hash_key = hash_keys_[static_cast<std::size_t>(*packed.hash_key)];
    }
    record.sub = sub_++;
    if (range_ && !is_inside(record, key)) {
      ++misplaced_;
      continue;
    }
    rest_ = reader.rest();
    return true;
  }
  rest_ = {};
  return false;
}

bool Unpacker::is_inside(const UserRecord& record, std::size_t key) {
  if (record.explicit_hash_key) {
    return range_->contains(*record.explicit_hash_key);
  }
  auto& place = places_[key];
  if (place == Place::unknown) {
    place = range_->contains(hash_key_of(record.partition_key)) ? Place::inside : Place::outside;
  }
  return place == Place::inside;
}

}  // namespace weir::stream
