#include "layout.hpp"

#include "ledger.hpp"

namespace weir::state::layout {
namespace {

constexpr char value_version = 1;

void put_u32_ordered(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xffU));
  }
}

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80U) {
    out.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
    value >>= 7U;
  }
  out.push_back(static_cast<char>(value));
}

void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}

// Zigzag: times before 1970 stay short too.
void put_time(std::string& out, Timestamp time) {
  const auto ms = static_cast<std::int64_t>(time.time_since_epoch().count());
  put_varint(out, (static_cast<std::uint64_t>(ms) << 1U) ^ static_cast<std::uint64_t>(ms >> 63));
}

// A text inside a key, followed by more: zero bytes are escaped, so that the order of the keys is the order
// of the texts and an end is always found.
void put_text_ordered(std::string& out, std::string_view text) {
  for (const char c : text) {
    out.push_back(c);
    if (c == '\0') {
      out.push_back('\xff');
    }
  }
  out.push_back('\0');
  out.push_back('\x01');
}

std::string key_of(char kind, Number first) {
  std::string key(1, kind);
  put_u32_ordered(key, first);
  return key;
}

std::string key_of(char kind, Number first, Number second) {
  auto key = key_of(kind, first);
  put_u32_ordered(key, second);
  return key;
}

void put_event(std::string& key, std::string_view shard, const stream::SequenceNumber& number, bool unpacked,
               std::uint32_t sub) {
  put_text_ordered(key, shard);
  // At most 129 digits (the service's model), so one byte holds the length.
  key.push_back(static_cast<char>(number.text().size()));
  key.append(number.text());
  key.push_back(unpacked ? '\x01' : '\0');
  put_u32_ordered(key, sub);
}

void put_hash_key(std::string& out, stream::HashKey key) {
  for (int shift = 120; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(key >> static_cast<unsigned>(shift))));
  }
}

std::string value_of() { return {value_version}; }

// Takes a value apart. After a failure everything else fails too, so one test at the end is enough.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  static Reader of_value(std::string_view bytes) {
    Reader reader(bytes);
    reader.good_ = reader.byte() == value_version && reader.good_;
    return reader;
  }

  char byte() {
    if (!good_ || rest_.empty()) {
      good_ = false;
      return 0;
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  bool flag() {
    const char c = byte();
    good_ = good_ && (c == 0 || c == 1);
    return c == 1;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto c = static_cast<unsigned char>(byte());
      if (shift == 63 && c > 1) {
        break;
      }
      value |= static_cast<std::uint64_t>(c & 0x7fU) << shift;
      if (c < 0x80U) {
        return value;
      }
    }
    good_ = false;
    return 0;
  }

  std::uint32_t u32() {
    const auto value = varint();
    good_ = good_ && value <= 0xffffffffU;
    return static_cast<std::uint32_t>(value);
  }

  std::uint32_t u32_ordered() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      value = (value << 8U) | static_cast<unsigned char>(byte());
    }
    return value;
  }

  // One more than it is handed out next, so the last one is none.
  Number number() {
    const auto value = u32();
    good_ = good_ && value != 0xffffffffU;
    return value;
  }

  std::string text() { return std::string(view()); }
  std::string_view view() { return take(varint()); }

  std::string_view take(std::uint64_t size) {
    if (!good_ || size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto value = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return value;
  }

  std::string text_ordered() {
    std::string value;
    for (;;) {
      const char c = byte();
      if (!good_) {
        return {};
      }
      if (c == '\0') {
        const char next = byte();
        if (next == '\x01') {
          return value;
        }
        good_ = good_ && next == '\xff';
      }
      value.push_back(c);
    }
  }

  stream::SequenceNumber sequence_number() { return sequence_number(text()); }

  stream::SequenceNumber sequence_number(std::string digits) {
    good_ = good_ && (digits.empty() || stream::is_sequence_number(digits));
    return good_ ? stream::SequenceNumber(std::move(digits)) : stream::SequenceNumber();
  }

  stream::HashKey hash_key() {
    stream::HashKey key = 0;
    for (int i = 0; i < 16; ++i) {
      key = (key << 8U) | static_cast<unsigned char>(byte());
    }
    return key;
  }

  Timestamp time() {
    const auto bits = varint();
    const auto ms = static_cast<std::int64_t>((bits >> 1U) ^ (~(bits & 1U) + 1U));
    return Timestamp(std::chrono::milliseconds(ms));
  }

  void fail() { good_ = false; }
  bool good() const { return good_; }
  bool finished() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

LetterId read_event(Reader& key) {
  LetterId id;
  id.shard = key.text_ordered();
  const auto digits = static_cast<unsigned char>(key.byte());
  id.sequence_number = key.sequence_number(std::string(key.take(digits)));
  id.unpacked = key.flag();
  id.sub = key.u32_ordered();
  return id;
}

template <class T>
std::optional<T> finish(const Reader& reader, T&& value) {
  return reader.finished() ? std::optional<T>(std::forward<T>(value)) : std::nullopt;
}

}  // namespace

std::string pipelines_prefix() { return "p"; }
std::string pipeline_key(std::string_view name) { return std::string("p").append(name); }
std::string letter_sum_key(Number pipeline) { return key_of('c', pipeline); }
std::string streams_prefix(Number pipeline) { return key_of('s', pipeline); }
std::string stream_key(Number pipeline, std::string_view name) { return key_of('s', pipeline).append(name); }
std::string shards_prefix(Number pipeline, Number stream) { return key_of('h', pipeline, stream); }
std::string shard_key(Number pipeline, Number stream, std::string_view shard) {
  return key_of('h', pipeline, stream).append(shard);
}
std::string gaps_prefix(Number pipeline, Number stream) { return key_of('g', pipeline, stream); }
std::string gap_key(Number pipeline, Number stream, std::uint32_t index) {
  auto key = key_of('g', pipeline, stream);
  put_u32_ordered(key, index);
  return key;
}
std::string dead_letters_prefix(Number pipeline, Number stream) { return key_of('d', pipeline, stream); }

std::string dead_letter_key(Number pipeline, Number stream, const LetterId& id) {
  auto key = key_of('d', pipeline, stream);
  put_event(key, id.shard, id.sequence_number, id.unpacked, id.sub);
  return key;
}

std::string claims_prefix(Number pipeline, Number stream) { return key_of('e', pipeline, stream); }

std::string claim_key(Number pipeline, Number stream, std::string_view shard, const ShardEvent& event) {
  auto key = key_of('e', pipeline, stream);
  put_event(key, shard, event.sequence_number, event.unpacked, event.sub);
  return key;
}

std::string after_claims_key(Number pipeline, Number stream, std::string_view shard,
                             const stream::SequenceNumber& last) {
  return claim_key(pipeline, stream, shard, {last, true, 0xffffffffU}) + '\0';
}

std::string rows_prefix(Number pipeline) { return key_of('r', pipeline); }

std::string journal_prefix() { return "j"; }
std::string journal_key(std::uint32_t index) { return key_of('j', index); }

std::string writes_key() { return "n"; }
std::string writes_added_key() { return "m"; }

std::vector<std::string> prefixes_of(Number pipeline) {
  std::vector<std::string> prefixes;
  for (const char kind : {'c', 's', 'h', 'g', 'd', 'e', 'r'}) {
    prefixes.push_back(key_of(kind, pipeline));
  }
  return prefixes;
}

std::string after_prefix(std::string prefix) {
  while (static_cast<unsigned char>(prefix.back()) == 0xffU) {
    prefix.pop_back();
  }
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1U);
  return prefix;
}

std::string encode(const PipelineValue& value) {
  auto out = value_of();
  put_varint(out, value.number);
  out.push_back(value.definition ? 1 : 0);
  if (value.definition) {
    put_text(out, *value.definition);
  }
  return out;
}

std::optional<PipelineValue> decode_pipeline(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  PipelineValue value;
  value.number = reader.number();
  if (reader.flag()) {
    value.definition = reader.text();
  }
  return finish(reader, std::move(value));
}

std::string encode(const StreamValue& value) {
  auto out = value_of();
  put_varint(out, value.number);
  out.push_back(value.identity ? 1 : 0);
  if (value.identity) {
    put_text(out, value.identity->name);
    put_text(out, value.identity->arn);
    put_time(out, value.identity->created);
  }
  out.push_back(value.start ? 1 : 0);
  if (value.start) {
    out.push_back(static_cast<char>(value.start->type));
    put_time(out, value.start->settled);
    put_time(out, value.start->timestamp);
    put_text(out, value.start->shard);
    put_text(out, value.start->sequence_number.text());
  }
  return out;
}

std::optional<StreamValue> decode_stream(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  StreamValue value;
  value.number = reader.number();
  if (reader.flag()) {
    auto& identity = value.identity.emplace();
    identity.name = reader.text();
    identity.arn = reader.text();
    identity.created = reader.time();
  }
  if (reader.flag()) {
    auto& start = value.start.emplace();
    const auto type = static_cast<unsigned char>(reader.byte());
    if (type > static_cast<unsigned char>(stream::Start::Type::after_sequence_number)) {
      reader.fail();
    } else {
      start.type = static_cast<stream::Start::Type>(type);
    }
    start.settled = reader.time();
    start.timestamp = reader.time();
    start.shard = reader.text();
    start.sequence_number = reader.sequence_number();
  }
  return finish(reader, std::move(value));
}

std::string encode(const stream::ShardPosition& value) {
  auto out = value_of();
  put_text(out, value.after.text());
  out.push_back(value.ended ? 1 : 0);
  out.push_back(value.from_start ? 1 : 0);
  put_time(out, value.arrival);
  put_time(out, value.read_up_to);
  put_varint(out, value.parents.size());
  for (const auto& parent : value.parents) {
    put_text(out, parent);
  }
  out.push_back(value.hash_range ? 1 : 0);
  if (value.hash_range) {
    put_hash_key(out, value.hash_range->first);
    put_hash_key(out, value.hash_range->last);
  }
  return out;
}

std::optional<stream::ShardPosition> decode_shard(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  stream::ShardPosition value;
  value.after = reader.sequence_number();
  value.ended = reader.flag();
  value.from_start = reader.flag();
  value.arrival = reader.time();
  value.read_up_to = reader.time();
  const auto parents = reader.varint();
  if (parents > parents_max) {
    reader.fail();
  }
  for (std::uint64_t i = 0; i < parents && reader.good(); ++i) {
    value.parents.push_back(reader.text());
  }
  if (reader.flag()) {
    stream::HashRange range;
    range.first = reader.hash_key();
    range.last = reader.hash_key();
    if (range.first > range.last) {
      reader.fail();
    }
    value.hash_range = range;
  }
  return finish(reader, std::move(value));
}

std::string encode(const stream::Gap& value) {
  auto out = value_of();
  put_text(out, value.shard);
  put_text(out, value.from.text());
  put_text(out, value.to.text());
  put_text(out, value.reason);
  put_time(out, value.noticed);
  out.push_back(value.accepted ? 1 : 0);
  return out;
}

std::optional<stream::Gap> decode_gap(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  stream::Gap value;
  value.shard = reader.text();
  value.from = reader.sequence_number();
  value.to = reader.sequence_number();
  value.reason = reader.text();
  value.noticed = reader.time();
  value.accepted = reader.flag();
  return finish(reader, std::move(value));
}

std::string encode(const DeadLetter& value) {
  auto out = value_of();
  put_time(out, value.arrival);
  put_text(out, value.partition_key);
  put_text(out, value.code);
  put_text(out, value.reason);
  put_text(out, value.payload);
  put_varint(out, value.attempts);
  return out;
}

std::optional<DeadLetter> decode_dead_letter(std::string_view key, std::string_view bytes) {
  DeadLetter value;
  Reader name(key);
  auto id = read_event(name);
  value.shard = std::move(id.shard);
  value.sequence_number = std::move(id.sequence_number);
  value.unpacked = id.unpacked;
  value.sub = id.sub;
  auto reader = Reader::of_value(bytes);
  value.arrival = reader.time();
  value.partition_key = reader.text();
  value.code = reader.text();
  value.reason = reader.text();
  value.payload = reader.text();
  value.attempts = reader.u32();
  return name.finished() ? finish(reader, std::move(value)) : std::nullopt;
}

std::string encode(const LetterSum& value) {
  auto out = value_of();
  put_varint(out, value.letters);
  put_varint(out, value.bytes);
  return out;
}

std::optional<LetterSum> decode_letter_sum(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  const auto letters = reader.varint();
  const auto payload_bytes = reader.varint();
  return finish(reader, LetterSum{letters, payload_bytes});
}

std::string encode_writes(std::uint64_t number) {
  auto out = value_of();
  put_varint(out, number);
  return out;
}

std::optional<std::uint64_t> decode_writes(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  const std::uint64_t number = reader.varint();
  return finish(reader, std::uint64_t{number});
}

std::string add_writes(std::string_view left, std::string_view right) {
  const auto first = decode_writes(left);
  const auto second = decode_writes(right);
  return first && second ? encode_writes(*first + *second) : std::string();
}

std::string encode_claim(bool confirmed) {
  auto out = value_of();
  out.push_back(confirmed ? 1 : 0);
  return out;
}

std::optional<stream::ShardId> decode_claim_key(std::string_view key) {
  Reader name(key);
  auto id = read_event(name);
  return finish(name, std::move(id.shard));
}

std::optional<bool> decode_claim(std::string_view bytes) {
  auto reader = Reader::of_value(bytes);
  return finish(reader, reader.flag());
}

std::string begin_journal_entry() { return value_of(); }

void append_change(std::string& entry, std::string_view row_key, std::string_view delta) {
  put_text(entry, row_key);
  put_text(entry, delta);
}

bool read_journal_entry(std::string_view bytes, const std::function<void(std::string_view, std::string_view)>& change) {
  auto reader = Reader::of_value(bytes);
  while (reader.good() && !reader.finished()) {
    const auto key = reader.view();
    const auto delta = reader.view();
    if (reader.good()) {
      change(key, delta);
    }
  }
  return reader.finished();
}

}  // namespace weir::state::layout
