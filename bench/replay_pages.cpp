#include "replay_pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "weir/base/random.hpp"
#include "weir/wire/cbor_writer.hpp"

namespace weir::bench {
namespace {

// 56 digits, as the service's are today: 45 of the shard's, then the page, then the record within it.
constexpr std::string_view number_head = "495903382714902566085596925383615710959215759";
constexpr int page_digits = 6;
constexpr int record_digits = 5;
constexpr int user_digits = 7;
constexpr std::string_view user_head = R"("user":"user-)";
constexpr std::string_view iterator_head = "replay-iterator-";
constexpr std::uint32_t lag_when_built = 0x7fffffff;  // five bytes, whatever it becomes

std::vector<std::uint32_t> zipf(std::uint32_t keys, std::size_t draws, Random& random) {
  std::vector<double> upto(keys);
  double sum = 0;
  for (std::uint32_t i = 0; i < keys; ++i) {
    sum += 1.0 / (i + 1.0);
    upto[i] = sum;
  }
  std::vector<std::uint32_t> drawn(draws);
  for (auto& key : drawn) {
    const auto at = std::lower_bound(upto.begin(), upto.end(), random.unit() * sum) - upto.begin();
    key = std::min(static_cast<std::uint32_t>(at), keys - 1);
  }
  return drawn;
}

void put_digits(std::string& body, std::size_t at, std::uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    body[at + static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

template <class Integer>
std::optional<Integer> integer_of(std::string_view text) {
  Integer value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string page_view(std::uint32_t key, Random& random) {
  return fmt::format(
      R"({{"id":"{:012}","time":"2026-11-24T06:05:30.123Z","user":"user-{:07}","session":"0d4f8e12-77aa-4b1e-9d0c-{:012}",)"
      R"("page":"/products/{:06}","referrer":"https://example.com/search?q={:06}","agent":"Mozilla/5.0 X11 Linux x86_64",)"
      R"("status":200,"bytes":{},"millis":{},"cached":false,"geo":{{"country":"US","zip":"{:05}"}}}})",
      random.below(1'000'000'000'000), key, random.below(1'000'000'000'000), random.below(100'000),
      random.below(1'000'000), random.below(100'000), random.below(5'000), random.below(100'000));
}

ReplayPages::ReplayPages(Options options) : options_(options) {
  for (std::uint32_t shard = 0; shard < options_.shards; ++shard) {
    for (std::uint32_t i = 0; i < buffers_per_shard; ++i) {
      buffers_.push_back(build(shard, options_.records_per_page, options_.seed + shard * buffers_per_shard + i));
    }
    empty_.push_back(build(shard, 0, 0));
  }
}

ReplayPages::Buffer ReplayPages::build(std::uint32_t shard, std::uint32_t records, std::uint64_t seed) const {
  Buffer buffer;
  Random random(seed);
  const auto keys = zipf(options_.keys, records, random);
  wire::CborWriter writer(buffer.body);
  writer.begin_map();
  writer.unsigned_integer("MillisBehindLatest", lag_when_built);
  buffer.lag = buffer.body.size() - sizeof(std::uint32_t);
  const auto next = iterator({shard, 0});
  writer.text("NextShardIterator", next);
  buffer.iterator = buffer.body.size() - page_digits;
  writer.begin_array("Records");
  for (std::uint32_t record = 0; record < records; ++record) {
    writer.begin_map();
    const auto number = fmt::format("{}{:06}{:05}", number_head, 0, record);
    writer.text("SequenceNumber", number);
    buffer.numbers.push_back(buffer.body.size() - page_digits - record_digits);
    writer.timestamp("ApproximateArrivalTimestamp", Timestamp(std::chrono::milliseconds(1'764'000'000'000 + record)));
    const auto data = page_view(keys[record], random);
    writer.blob("Data", data);
    buffer.users.push_back(buffer.body.size() - data.size() + data.find(user_head) + user_head.size());
    const auto partition_key = fmt::format("user-{:07}", keys[record]);
    writer.text("PartitionKey", partition_key);
    writer.text("EncryptionType", "NONE");
    writer.end_map();
  }
  writer.end_array();
  writer.end_map();
  return buffer;
}

std::string_view ReplayPages::page(Place place) {
  const bool past = place.page >= options_.pages_per_shard;
  auto& buffer =
      past ? empty_[place.shard] : buffers_[place.shard * buffers_per_shard + place.page % buffers_per_shard];
  const auto next = past ? place.page : place.page + 1;
  for (const auto at : buffer.numbers) {
    put_digits(buffer.body, at, place.page, page_digits);
  }
  if (options_.spread) {
    const std::uint64_t first = std::uint64_t{place.page} * options_.records_per_page;
    for (std::size_t i = 0; i < buffer.users.size(); ++i) {
      const auto user = ((first + i) * options_.shards + place.shard) % options_.keys;
      put_digits(buffer.body, buffer.users[i], static_cast<std::uint32_t>(user), user_digits);
    }
  }
  put_digits(buffer.body, buffer.iterator, next, page_digits);
  const std::uint32_t pages_left = options_.pages_per_shard - std::min(next, options_.pages_per_shard);
  const auto lag = __builtin_bswap32(pages_left * 1000);
  std::memcpy(buffer.body.data() + buffer.lag, &lag, sizeof lag);
  return buffer.body;
}

std::string ReplayPages::iterator(Place place) const {
  return fmt::format("{}{:04}-{:06}", iterator_head, place.shard, place.page);
}

std::optional<ReplayPages::Place> ReplayPages::place_of(std::string_view iterator) const {
  if (!iterator.starts_with(iterator_head) || iterator.size() != iterator_head.size() + 5 + page_digits) {
    return std::nullopt;
  }
  iterator.remove_prefix(iterator_head.size());
  const auto shard = integer_of<std::uint32_t>(iterator.substr(0, 4));
  const auto page = integer_of<std::uint32_t>(iterator.substr(5));
  if (!shard || !page || *shard >= options_.shards) {
    return std::nullopt;
  }
  return Place{*shard, *page};
}

std::uint32_t ReplayPages::page_after(std::string_view sequence_number) const {
  if (sequence_number.size() != number_head.size() + page_digits + record_digits) {
    return 0;
  }
  const auto page = integer_of<std::uint32_t>(sequence_number.substr(number_head.size(), page_digits));
  const auto record = integer_of<std::uint32_t>(sequence_number.substr(number_head.size() + page_digits));
  return page && record ? *page + (*record + 1 == options_.records_per_page ? 1 : 0) : 0;
}

std::string ReplayPages::shard_name(std::uint32_t shard) const { return fmt::format("shardId-{:012}", shard); }

std::optional<std::uint32_t> ReplayPages::shard_of(std::string_view name) const {
  constexpr std::string_view head = "shardId-";
  if (!name.starts_with(head)) {
    return std::nullopt;
  }
  const auto shard = integer_of<std::uint32_t>(name.substr(head.size()));
  return shard && *shard < options_.shards ? shard : std::nullopt;
}

}  // namespace weir::bench
