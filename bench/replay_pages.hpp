#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/random.hpp"

namespace weir::bench {

/// A page view in JSON of about 330 bytes: twelve members, of which a reader wants two.
std::string page_view(std::uint32_t key, Random& random);

/// What the replay server serves: GetRecords replies in CBOR, built once. A reply differs from the next one of
/// its buffer only in digits of fixed width (sequence numbers, iterator, spread keys) and the lag, set in place: a
/// stream of any length comes out of little memory, and its sequence numbers grow as a real one's.
class ReplayPages {
 public:
  struct Options {
    std::uint32_t shards = 4;
    std::uint32_t pages_per_shard = 25;
    std::uint32_t records_per_page = 10'000;
    std::uint32_t keys = 10'000;  // Zipf 1.0
    bool spread = false;          // instead: one key after the other, up to the last and again
    std::uint64_t seed = 1;
  };
  /// Where a reader of a shard stands: before this page.
  struct Place {
    std::uint32_t shard = 0;
    std::uint32_t page = 0;
  };

  explicit ReplayPages(Options options);

  /// The reply for that place; empty pages with no lag follow the last one. Valid until the same shard's page
  /// `buffers_per_shard` later is asked for: a reader fetches one page ahead, so nobody still reads it then.
  std::string_view page(Place place);

  static constexpr std::uint32_t buffers_per_shard = 4;

  std::string iterator(Place place) const;
  std::optional<Place> place_of(std::string_view iterator) const;
  /// The page that holds this sequence number, or the next one if it is the page's last.
  std::uint32_t page_after(std::string_view sequence_number) const;
  std::string shard_name(std::uint32_t shard) const;
  std::optional<std::uint32_t> shard_of(std::string_view name) const;
  const Options& options() const { return options_; }

 private:
  struct Buffer {
    std::string body;
    std::vector<std::size_t> numbers;  // where each record's page digits are
    std::vector<std::size_t> users;    // where each record's user digits are
    std::size_t iterator = 0;
    std::size_t lag = 0;
  };
  Buffer build(std::uint32_t shard, std::uint32_t records, std::uint64_t seed) const;

  Options options_;
  std::vector<Buffer> buffers_;  // by shard, then page modulo buffers_per_shard
  std::vector<Buffer> empty_;    // by shard
};

}  // namespace weir::bench
