#include <algorithm>
#include <cstring>
#include <utility>

#include "aws/kinesis_messages.hpp"
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
    // The others are probably as long as the first: one allocation of the right size instead of a dozen.
    if (records.size() == 1 && !reader.failed()) {
      const auto record_bytes = reader.offset() - begin;
      const auto more = (body_bytes - reader.offset()) / record_bytes;
      records.reserve(std::min<std::size_t>(more + 1, api::get_records_max));
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

}  // namespace

Result<api::GetRecordsReply> decode_get_records(std::string_view body, std::shared_ptr<const void> owner) {
  wire::Arena arena;
  CborReader reader(body, arena);
  api::GetRecordsReply reply;
  const char* problem = nullptr;
  bool has_records = false;
  read_map(reader, [&](std::string_view key) {
    if (problem != nullptr) {
      return false;
    }
    if (is(key, "Records") && !has_records) {
      has_records = true;
      problem = read_records(reader, body.size(), reply.records);
    } else if (is(key, "NextShardIterator")) {
      reply.next_shard_iterator = reader.text();
    } else if (is(key, "MillisBehindLatest")) {
      reply.behind = std::chrono::milliseconds(std::max<std::int64_t>(reader.integer(), 0));
    } else if (is(key, "ChildShards")) {
      read_array(reader, [&] { reply.child_shards.push_back(read_child(reader)); });
    } else {
      return false;
    }
    return true;
  });
  if (problem != nullptr) {
    return bad_reply(operation, problem);
  }
  WEIR_CHECK(finish(reader, operation));
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

}  // namespace weir::aws
