#include <algorithm>
#include <cstring>
#include <utility>

#include "aws/kinesis_messages.hpp"
#include "aws/plain_record.hpp"
#include "aws/read_map.hpp"
#include "weir/stream/sequence_number.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::aws {
namespace {

using wire::CborReader;
using wire::is;

constexpr std::string_view operation = "GetRecords";
constexpr std::size_t partition_key_bytes_max = 256 * 4;  // 256 characters (service model) of UTF-8

// The body, and beside it what could not be shown as a view of it.
struct BodyAndArena {
  std::shared_ptr<const void> body;
  wire::Arena arena;
};

// Whether eight characters are all digits: none lies below '0' or above '9'.
bool are_digits(const char* text) {
  std::uint64_t word;
  std::memcpy(&word, text, 8);
  const auto high = word & 0xf0f0f0f0f0f0f0f0U;
  const auto low = (word + 0x0606060606060606U) & 0xf0f0f0f0f0f0f0f0U;
  return high == 0x3030303030303030U && low == 0x3030303030303030U;
}

// `stream::is_sequence_number` for those of today, 56 digits without a leading zero; else that itself.
bool is_sequence_number(std::string_view text) {
  constexpr std::size_t digits_today = 56;
  if (text.size() != digits_today || text.front() == '0') {
    return stream::is_sequence_number(text);
  }
  bool digits = true;
  for (std::size_t i = 0; i < digits_today; i += 8) {
    digits = digits && are_digits(text.data() + i);
  }
  return digits;
}

// Most keys are short and plain; only the others need the whole check.
bool is_partition_key(std::string_view text) {
  if (text.empty() || text.size() > partition_key_bytes_max) {
    return false;
  }
  unsigned char bits = 0;
  for (const char c : text) {
    bits = static_cast<unsigned char>(bits | static_cast<unsigned char>(c));
  }
  return bits < 0x80 || wire::is_utf8(text);
}

// What is missing from or wrong with a record; null: nothing.
const char* problem_with(const stream::RawRecord& record, bool has_data) {
  if (!is_sequence_number(record.sequence_number)) {
    return "has a record without a well-formed SequenceNumber";
  }
  if (!has_data) {
    return "has a record without Data";
  }
  if (record.data.size() > api::record_bytes_max) {
    return "has a record larger than the service allows";
  }
  if (!is_partition_key(record.partition_key)) {
    return "has a record without a well-formed PartitionKey";
  }
  return nullptr;
}

const char* read_record(CborReader& reader, stream::RawRecord& record) {
  bool has_data = false;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "Data")) {
      record.data = reader.blob();
      has_data = true;
    } else if (is(key, "PartitionKey")) {
      record.partition_key = reader.text();
    } else if (is(key, "SequenceNumber")) {
      record.sequence_number = reader.text();
    } else if (is(key, "ApproximateArrivalTimestamp")) {
      record.arrival = reader.timestamp();
    } else if (is(key, "EncryptionType")) {
      static_cast<void>(reader.text());  // says nothing about the data received
    } else {
      return false;
    }
    return true;
  });
  if (reader.failed()) {
    return nullptr;  // said by finish()
  }
  return problem_with(record, has_data);
}

// The others are probably as long as the first: one allocation of the right size instead of a dozen.
void reserve(std::vector<stream::RawRecord>& records, std::size_t first_bytes, std::size_t bytes_left) {
  records.reserve(std::min<std::size_t>(bytes_left / first_bytes + 1, api::get_records_max));
}

const char* read_records(CborReader& reader, std::size_t body_bytes, std::vector<stream::RawRecord>& records) {
  if (!reader.enter_array()) {
    return nullptr;
  }
  while (reader.next()) {
    if (records.size() == api::get_records_max) {
      return "has more records than the service gives";
    }
    const auto begin = reader.offset();
    if (const char* problem = read_record(reader, records.emplace_back())) {
      return problem;
    }
    if (records.size() == 1 && !reader.failed()) {
      reserve(records, reader.offset() - begin, body_bytes - reader.offset());
    }
  }
  return nullptr;
}

api::ChildShard read_child(CborReader& reader) {
  api::ChildShard child;
  read_map(reader, [&](std::string_view key) {
    if (is(key, "ShardId")) {
      child.id = reader.text();
    } else if (is(key, "ParentShards")) {
      read_array(reader, [&] { child.parents.emplace_back(reader.text()); });
    } else if (is(key, "HashKeyRange")) {
      read_map(reader, [&](std::string_view end) {
        if (is(end, "StartingHashKey")) {
          child.hash_key_start = reader.text();
        } else if (is(end, "EndingHashKey")) {
          child.hash_key_end = reader.text();
        } else {
          return false;
        }
        return true;
      });
    } else {
      return false;
    }
    return true;
  });
  return child;
}

// Reads a member of the reply other than its records.
bool read_member(CborReader& reader, std::string_view key, api::GetRecordsReply& reply) {
  if (is(key, "NextShardIterator")) {
    reply.next_shard_iterator = reader.text();
  } else if (is(key, "MillisBehindLatest")) {
    reply.behind = std::chrono::milliseconds(std::max<std::int64_t>(reader.integer(), 0));
  } else if (is(key, "ChildShards")) {
    read_array(reader, [&] { reply.child_shards.push_back(read_child(reader)); });
  } else {
    return false;
  }
  return true;
}

// The reply as the general reader reads it: any CBOR. What is wrong is said here.
Result<void> read_reply(std::string_view body, wire::Arena& arena, api::GetRecordsReply& reply) {
  CborReader reader(body, arena);
  const char* problem = nullptr;
  bool has_records = false;
  read_map(reader, [&](std::string_view key) {
    if (problem != nullptr) {
      return false;
    }
    if (is(key, "Records") && !has_records) {
      has_records = true;
      problem = read_records(reader, body.size(), reply.records);
      return true;
    }
    return read_member(reader, key, reply);
  });
  if (problem != nullptr) {
    return bad_reply(operation, problem);
  }
  WEIR_CHECK(finish(reader, operation));
  if (!has_records) {
    // Without an iterator either it would pass for the end of a shard.
    return bad_reply(operation, "has no Records");
  }
  return {};
}

// The shortcut: walks the reply's map and its array of records itself, takes plain records as such, and
// hands every other value to the general reader. Succeeds on well-formed replies of the usual shape only;
// whatever else it meets, the whole reply is read again by `read_reply`, whose word counts.
class QuickReply {
 public:
  QuickReply(std::string_view body, wire::Arena& arena, api::GetRecordsReply& reply)
      : at_(body.data()), end_(body.data() + body.size()), arena_(arena), reply_(reply) {}

  bool read() {
    bool has_records = false;
    std::size_t left = 0;
    if (!enter(0xa0, left)) {
      return false;
    }
    while (more(left)) {
      std::string_view key;
      if (!read_key(key)) {
        return false;
      }
      if (is(key, "Records")) {
        if (has_records || !read_records()) {
          return false;
        }
        has_records = true;
        continue;
      }
      CborReader reader({at_, bytes_left()}, arena_);
      if (!reader.null() && !read_member(reader, key, reply_)) {
        reader.skip();
      }
      if (reader.failed()) {
        return false;
      }
      at_ += reader.offset();
    }
    return !failed_ && has_records && at_ == end_;
  }

 private:
  static constexpr std::size_t open = SIZE_MAX;  // of indefinite length, up to a break

  std::size_t bytes_left() const { return static_cast<std::size_t>(end_ - at_); }

  // A container's head; `major` is that of an empty one.
  bool enter(unsigned major, std::size_t& left) {
    if (bytes_left() < 3) {
      return false;
    }
    const unsigned info = static_cast<unsigned char>(*at_++) - major;
    const auto byte = [this] { return std::size_t{static_cast<unsigned char>(*at_++)}; };
    if (info < 24) {
      left = info;
    } else if (info == 24) {
      left = byte();
    } else if (info == 25) {
      left = byte() << 8U;
      left |= byte();
    } else if (info == 31) {
      left = open;
    }
    return info <= 25 || info == 31;
  }
  bool more(std::size_t& left) {
    if (left != open) {
      return left-- != 0;
    }
    if (at_ == end_) {
      failed_ = true;
      return false;
    }
    if (static_cast<unsigned char>(*at_) == 0xff) {
      ++at_;
      return false;
    }
    return true;
  }
  bool read_key(std::string_view& key) {
    const std::size_t size = at_ == end_ ? SIZE_MAX : static_cast<unsigned char>(*at_) - std::size_t{0x60};
    if (size > 23 || bytes_left() < size + 1) {
      return false;
    }
    key = {at_ + 1, size};
    at_ += size + 1;
    return true;
  }
  bool read_records() {
    auto& records = reply_.records;
    std::size_t left = 0;
    if (!enter(0x80, left)) {
      return false;
    }
    while (more(left)) {
      if (records.size() == api::get_records_max) {
        return false;
      }
      const char* const begin = at_;
      if (!read_one(records.emplace_back())) {
        return false;
      }
      if (records.size() == 1) {
        reserve(records, static_cast<std::size_t>(at_ - begin), bytes_left());
      }
    }
    return !failed_;
  }
  bool read_one(stream::RawRecord& record) {
    if (const char* after = PlainRecord::read(at_, end_, record)) {
      at_ = after;
      return problem_with(record, true) == nullptr;
    }
    record = stream::RawRecord();
    CborReader reader({at_, bytes_left()}, arena_);
    if (read_record(reader, record) != nullptr || reader.failed()) {
      return false;
    }
    at_ += reader.offset();
    return true;
  }

  const char* at_;
  const char* const end_;
  wire::Arena& arena_;
  api::GetRecordsReply& reply_;
  bool failed_ = false;
};

Result<api::GetRecordsReply> decode(std::string_view body, std::shared_ptr<const void> owner, bool shortcut) {
  wire::Arena arena;
  api::GetRecordsReply reply;
  if (!shortcut || !QuickReply(body, arena, reply).read()) {
    arena = wire::Arena();
    reply = api::GetRecordsReply();
    WEIR_CHECK(read_reply(body, arena, reply));
  }
  if (reply.next_shard_iterator && reply.next_shard_iterator->empty()) {
    return bad_reply(operation, "has an empty NextShardIterator");
  }
  for (const auto& child : reply.child_shards) {
    if (child.id.empty()) {
      return bad_reply(operation, "has a child shard without ShardId");
    }
  }
  reply.wire_bytes = body.size();
  if (arena.bytes() > 0) {
    reply.wire_bytes += arena.bytes();
    auto both = std::make_shared<BodyAndArena>();
    both->body = std::move(owner);
    both->arena = std::move(arena);
    reply.buffer = std::move(both);
  } else {
    reply.buffer = std::move(owner);
  }
  return reply;
}

}  // namespace

Result<api::GetRecordsReply> decode_get_records(std::string_view body, std::shared_ptr<const void> owner) {
  return decode(body, std::move(owner), true);
}

Result<api::GetRecordsReply> decode_get_records_in_general(std::string_view body, std::shared_ptr<const void> owner) {
  return decode(body, std::move(owner), false);
}

}  // namespace weir::aws
