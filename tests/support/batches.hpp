#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/stream/batch.hpp"
#include "weir/stream/source.hpp"

namespace weir::testing {

/// Makes batches of short records that point into it.
class Batches {
 public:
  explicit Batches(const Clock& clock) : clock_(clock) {}

  /// Records numbered from `first` on, arrived now.
  stream::Batch make(const std::string& shard, std::uint64_t first, const std::vector<std::string>& words) {
    stream::Batch made;
    made.shard = shard;
    for (const auto& word : words) {
      texts_.push_back(word);
      const auto& text = texts_.back();
      texts_.push_back(std::to_string(first++));
      made.records.push_back({texts_.back(), text, "key", clock_.now()});
      made.bytes += text.size();
    }
    made.read_up_to = clock_.now();
    return made;
  }

 private:
  const Clock& clock_;
  std::list<std::string> texts_;
};

/// What a source reports of a shard that it has read up to this moment.
inline stream::ShardStatus caught_up(std::string shard, Timestamp read_up_to) {
  stream::ShardStatus status;
  status.shard = std::move(shard);
  status.state = stream::ShardState::caught_up;
  status.read_up_to = read_up_to;
  return status;
}

}  // namespace weir::testing
