#include "emulator/shard_log.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace weir::emulator {
namespace {

// The fixed text of an encoded record. AWS sends indefinite maps, times as tag 1 and a 64-bit integer of
// milliseconds. Data comes first, so that what follows it is the record's own: a decoder may read
// `padding_bytes` past the data without meeting bytes that a writer is appending.
constexpr std::string_view before_data =
    "\xBF\x64"
    "Data";
constexpr std::string_view before_key =
    "\x6C"
    "PartitionKey";
constexpr std::string_view before_sequence =
    "\x6E"
    "SequenceNumber"
    "\x78\x38";
constexpr std::string_view before_arrival =
    "\x78\x1B"
    "ApproximateArrivalTimestamp"
    "\xC1\x1B";
constexpr std::string_view after_arrival = "\xFF";
constexpr std::size_t arrival_bytes = 8;
static_assert(before_key.size() + before_sequence.size() + sequence_digits + before_arrival.size() + arrival_bytes >=
              stream::padding_bytes);

constexpr std::size_t chunk_bytes_min = std::size_t{16} * 1024;
constexpr std::size_t chunk_bytes_max = std::size_t{1024} * 1024;

constexpr std::size_t header_bytes(std::size_t size) noexcept {
  return size < 24 ? 1 : size < 0x100 ? 2 : size < 0x10000 ? 3 : 5;
}

char* write(char* to, std::string_view bytes) noexcept {
  std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

/// CBOR's head of a byte string (major 2) or text (major 3), in its shortest form.
char* write_header(char* to, unsigned major, std::size_t size) noexcept {
  const auto kind = static_cast<unsigned char>(major << 5U);
  const auto byte = [&](std::size_t value) { *to++ = static_cast<char>(static_cast<unsigned char>(value)); };
  if (size < 24) {
    byte(kind | size);
  } else if (size < 0x100) {
    byte(kind | 24U);
    byte(size);
  } else if (size < 0x10000) {
    byte(kind | 25U);
    byte(size >> 8U);
    byte(size & 0xffU);
  } else {
    byte(kind | 26U);
    byte(size >> 24U);
    byte((size >> 16U) & 0xffU);
    byte((size >> 8U) & 0xffU);
    byte(size & 0xffU);
  }
  return to;
}

std::string_view read_string(const char*& from) noexcept {
  const auto byte = [&] { return static_cast<std::size_t>(static_cast<unsigned char>(*from++)); };
  std::size_t size = byte() & 0x1fU;
  if (size >= 24) {
    std::size_t count = std::size_t{1} << (size - 24);
    for (size = 0; count > 0; --count) {
      size = (size << 8U) | byte();
    }
  }
  const std::string_view text(from, size);
  from += size;
  return text;
}

}  // namespace

struct ShardLog::Chunk {
  Chunk(BytesHeld counter, std::size_t size)
      : bytes_held(std::move(counter)), capacity(size), bytes(std::make_unique_for_overwrite<char[]>(size)) {
    bytes_held->fetch_add(capacity, std::memory_order_relaxed);
  }
  ~Chunk() { bytes_held->fetch_sub(capacity, std::memory_order_relaxed); }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  BytesHeld bytes_held;
  std::size_t capacity;
  std::size_t used = 0;
  std::unique_ptr<char[]> bytes;
  std::vector<Index> index;
};

void for_each_record(const Page& page, const std::function<void(const stream::RawRecord&)>& take) {
  for (const Slice& slice : page.slices) {
    const char* from = slice.data;
    const char* const end = slice.data + slice.size;
    while (from < end) {
      stream::RawRecord record;
      from += before_data.size();
      record.data = read_string(from);
      from += before_key.size();
      record.partition_key = read_string(from);
      from += before_sequence.size();
      record.sequence_number = {from, sequence_digits};
      from += sequence_digits + before_arrival.size();
      std::uint64_t ms = 0;
      for (std::size_t i = 0; i < arrival_bytes; ++i) {
        ms = (ms << 8U) | static_cast<unsigned char>(*from++);
      }
      from += after_arrival.size();
      record.arrival = Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
      take(record);
    }
  }
}

bool ShardLog::append(const Entry& entry, std::size_t bytes_max) {
  const std::size_t size = before_data.size() + header_bytes(entry.data.size()) + entry.data.size() +
                           before_key.size() + header_bytes(entry.partition_key.size()) + entry.partition_key.size() +
                           before_sequence.size() + sequence_digits + before_arrival.size() + arrival_bytes +
                           after_arrival.size();
  if (chunks_.empty() || chunks_.back()->capacity - chunks_.back()->used < size) {
    const std::size_t doubled =
        chunks_.empty() ? chunk_bytes_min : std::min(chunks_.back()->capacity * 2, chunk_bytes_max);
    const std::size_t capacity = std::max(doubled, size);
    if (bytes_held_->load(std::memory_order_relaxed) + capacity > bytes_max) {
      return false;
    }
    chunks_.push_back(std::make_shared<Chunk>(bytes_held_, capacity));
  }
  Chunk& chunk = *chunks_.back();
  char* to = chunk.bytes.get() + chunk.used;
  to = write(to, before_data);
  to = write_header(to, 2, entry.data.size());
  to = write(to, entry.data);
  to = write(to, before_key);
  to = write_header(to, 3, entry.partition_key.size());
  to = write(to, entry.partition_key);
  to = write(to, before_sequence);
  to = write(to, view(entry.sequence_number));
  to = write(to, before_arrival);
  const auto ms = static_cast<std::uint64_t>(entry.arrival.time_since_epoch().count());
  for (unsigned shift = 64; shift > 0; shift -= 8) {
    *to++ = static_cast<char>(static_cast<unsigned char>(ms >> (shift - 8)));
  }
  write(to, after_arrival);
  chunk.index.push_back({.counter = entry.counter,
                         .arrival = entry.arrival,
                         .offset = static_cast<std::uint32_t>(chunk.used),
                         .payload_bytes = static_cast<std::uint32_t>(entry.data.size() + entry.partition_key.size())});
  chunk.used += size;
  last_counter_ = entry.counter;
  return true;
}

ShardLog::Place ShardLog::find(std::uint64_t counter) const {
  const auto chunk = std::partition_point(chunks_.begin(), chunks_.end(),
                                          [&](const auto& each) { return each->index.back().counter < counter; });
  if (chunk == chunks_.end()) {
    return {.chunk = chunks_.size(), .index = 0};
  }
  const auto& index = (*chunk)->index;
  const auto entry =
      std::partition_point(index.begin(), index.end(), [&](const Index& each) { return each.counter < counter; });
  return {.chunk = static_cast<std::size_t>(chunk - chunks_.begin()),
          .index = static_cast<std::size_t>(entry - index.begin())};
}

Page ShardLog::gather(Place from, std::size_t records_max, std::size_t bytes_max) const {
  Page page;
  std::size_t bytes = 0;
  for (; from.chunk < chunks_.size(); ++from.chunk, from.index = 0) {
    const auto& chunk = chunks_[from.chunk];
    std::size_t end = from.index;
    while (end < chunk->index.size() && page.records < records_max &&
           (page.records == 0 || bytes + chunk->index[end].payload_bytes <= bytes_max)) {
      bytes += chunk->index[end].payload_bytes;
      ++page.records;
      ++end;
    }
    if (end > from.index) {
      const std::size_t begin_offset = chunk->index[from.index].offset;
      const std::size_t end_offset = end < chunk->index.size() ? chunk->index[end].offset : chunk->used;
      page.slices.push_back({.data = chunk->bytes.get() + begin_offset, .size = end_offset - begin_offset});
      page.chunks.push_back(chunk);
      page.wire_bytes += end_offset - begin_offset;
      page.last_counter = chunk->index[end - 1].counter;
      page.last_arrival = chunk->index[end - 1].arrival;
    }
    if (end < chunk->index.size()) {
      page.at_end = false;
      break;
    }
  }
  return page;
}

Page ShardLog::page(std::uint64_t counter, std::size_t records_max, std::size_t bytes_max) const {
  return gather(find(std::max(counter, horizon_)), records_max, bytes_max);
}

Page ShardLog::everything() const {
  return gather({.chunk = 0, .index = 0}, std::numeric_limits<std::size_t>::max(),
                std::numeric_limits<std::size_t>::max());
}

std::uint64_t ShardLog::counter_at(Timestamp time) const {
  // Arrival times need not be in order, so this is a search, not a bisection.
  for (Place place = find(horizon_); place.chunk < chunks_.size(); ++place.chunk, place.index = 0) {
    const auto& index = chunks_[place.chunk]->index;
    for (; place.index < index.size(); ++place.index) {
      if (index[place.index].arrival >= time) {
        return index[place.index].counter;
      }
    }
  }
  return last_counter_ + 1;
}

std::optional<Timestamp> ShardLog::arrival_at(std::uint64_t counter) const {
  const Place place = find(std::max(counter, horizon_));
  if (place.chunk == chunks_.size()) {
    return std::nullopt;
  }
  return chunks_[place.chunk]->index[place.index].arrival;
}

void ShardLog::trim(std::uint64_t counter) {
  horizon_ = std::max(horizon_, counter);
  drop_trimmed();
}

void ShardLog::trim_before(Timestamp time) {
  for (Place place = find(horizon_); place.chunk < chunks_.size(); ++place.chunk, place.index = 0) {
    const auto& index = chunks_[place.chunk]->index;
    for (; place.index < index.size(); ++place.index) {
      if (index[place.index].arrival >= time) {
        drop_trimmed();
        return;
      }
      horizon_ = index[place.index].counter + 1;
    }
  }
  drop_trimmed();
}

void ShardLog::drop_trimmed() {
  while (!keep_trimmed_ && !chunks_.empty() && chunks_.front()->index.back().counter < horizon_) {
    chunks_.pop_front();
  }
}

}  // namespace weir::emulator
