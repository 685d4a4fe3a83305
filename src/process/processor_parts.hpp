#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "weir/process/processor.hpp"

namespace weir::process {

// How far a shard was taken in, and how far of that is durable.
struct Processor::Shard {
  bool known = false;         // one of the pipeline's
  bool before_start = false;  // reading begins before the pipeline's own start
  stream::SequenceNumber accepted;  // the last record taken in
  bool accepted_end = false;
  stream::SequenceNumber durable;  // the last record committed
  Timestamp read_up_to{};
  Timestamp read_up_to_stored{};
  std::uint64_t round = 0;  // the round that holds the last change of this shard
  bool busy = false;        // a batch was read and is not taken in yet
};

// What one commit will hold.
struct Processor::Round {
  std::uint64_t number = 0;
  std::unique_ptr<pipelines::Deltas> deltas;
  std::map<stream::ShardId, state::ShardAdvance, std::less<>> advances;
  std::vector<std::pair<stream::ShardId, stream::ShardPosition>> children;
  std::vector<state::DeadLetter> dead_letters;
  std::size_t dead_letter_bytes = 0;
  Board::Totals totals;
  Duration started{0};  // when its first change came

  bool empty() const noexcept { return advances.empty(); }
  void clear() {
    deltas->clear();
    advances.clear();
    children.clear();
    dead_letters.clear();
    dead_letter_bytes = 0;
    totals = Board::Totals();
  }
};

}  // namespace weir::process
