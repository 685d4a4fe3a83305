#include "weir/emulator/faults.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <numeric>

#include "emulator/fault_rules.hpp"
#include "weir/base/random.hpp"

namespace weir::emulator {
namespace {

constexpr std::array<std::string_view, operations_count> operation_names = {
    "CreateStream", "DeleteStream",    "DescribeStreamSummary", "ListStreams", "ListShards",
    "PutRecord",    "PutRecords",      "GetShardIterator",      "GetRecords",  "SplitShard",
    "MergeShards",  "UpdateShardCount"};

}  // namespace

std::string_view to_string(Operation operation) noexcept {
  return operation_names[static_cast<std::size_t>(operation)];
}

std::optional<Operation> operation_of(std::string_view name) noexcept {
  const auto found = std::find(operation_names.begin(), operation_names.end(), name);
  if (found == operation_names.end()) {
    return std::nullopt;
  }
  return static_cast<Operation>(found - operation_names.begin());
}

std::string_view to_string(Fault::Kind kind) noexcept {
  switch (kind) {
    case Fault::Kind::throttle:
      return "throttle";
    case Fault::Kind::internal_failure:
      return "internal-failure";
    case Fault::Kind::unavailable:
      return "unavailable";
    case Fault::Kind::cut:
      return "cut";
    case Fault::Kind::lost_reply:
      return "lost-reply";
    case Fault::Kind::truncated:
      return "truncated";
    case Fault::Kind::slow:
      return "slow";
    case Fault::Kind::expired_iterator:
      return "expired-iterator";
    case Fault::Kind::empty_reply:
      return "empty-reply";
    case Fault::Kind::failed_entries:
      return "failed-entries";
    case Fault::Kind::trim:
      return "trim";
    case Fault::Kind::made_again:
      return "made-again";
  }
  return "throttle";
}

bool makes_sense(Fault::Kind kind, Operation operation) noexcept {
  switch (kind) {
    case Fault::Kind::expired_iterator:
    case Fault::Kind::empty_reply:
      return operation == Operation::get_records;
    case Fault::Kind::failed_entries:
      return operation == Operation::put_records;
    case Fault::Kind::trim:
      return operation == Operation::get_records || operation == Operation::get_shard_iterator;
    case Fault::Kind::made_again:
      return operation != Operation::create_stream && operation != Operation::list_streams;
    default:
      return true;
  }
}

bool names_stream(Operation operation) noexcept { return operation != Operation::list_streams; }

bool names_shard(Operation operation) noexcept {
  return operation == Operation::get_shard_iterator || operation == Operation::get_records ||
         operation == Operation::split_shard || operation == Operation::merge_shards;
}

struct Faults::State {
  explicit State(std::uint64_t seed) : random(seed) {}

  struct Scripted {
    Fault fault;
    std::uint64_t met = 0;     // calls that matched
    std::uint64_t struck = 0;  // of them, those it struck
  };

  std::mutex mutex;
  Random random;
  std::vector<Scripted> faults;
};

Faults::Faults(std::uint64_t seed) : state_(std::make_unique<State>(seed)) {}
Faults::~Faults() = default;

void Faults::add(Fault fault) {
  const std::scoped_lock lock(state_->mutex);
  state_->faults.push_back({.fault = std::move(fault)});
  any_ = true;
}

void Faults::clear() {
  const std::scoped_lock lock(state_->mutex);
  state_->faults.clear();
  any_ = false;
}

void Faults::reseed(std::uint64_t seed) {
  const std::scoped_lock lock(state_->mutex);
  state_->random = Random(seed);
}

std::uint64_t Faults::struck() const noexcept {
  return std::accumulate(struck_.begin(), struck_.end(), std::uint64_t{0});
}

std::uint64_t Faults::struck(Fault::Kind kind) const noexcept { return struck_[static_cast<std::size_t>(kind)]; }

Faults::Strike Faults::strike(Operation operation, std::string_view stream, std::string_view shard) {
  Strike strike;
  if (!any_.load(std::memory_order_acquire)) {
    return strike;
  }
  const std::scoped_lock lock(state_->mutex);
  for (State::Scripted& scripted : state_->faults) {
    const Fault& fault = scripted.fault;
    // Entries of a PutRecords call each have their own shard; `fails_entry` looks at it.
    const bool shard_matches = fault.shard.empty() || fault.shard == shard || fault.kind == Fault::Kind::failed_entries;
    const bool matches =
        makes_sense(fault.kind, operation) && (fault.stream.empty() || fault.stream == stream) && shard_matches &&
        (fault.calls.empty() || std::find(fault.calls.begin(), fault.calls.end(), operation) != fault.calls.end());
    if (!matches || scripted.met++ < fault.after || scripted.struck >= fault.times.value_or(scripted.struck + 1)) {
      continue;
    }
    const bool per_entry = fault.kind == Fault::Kind::failed_entries;
    if (!per_entry && fault.probability < 1 && state_->random.unit() >= fault.probability) {
      continue;
    }
    ++scripted.struck;
    ++struck_[static_cast<std::size_t>(fault.kind)];
    if (fault.kind == Fault::Kind::slow) {
      strike.delay += fault.delay;
      continue;
    }
    strike.fault = fault;
    break;
  }
  return strike;
}

bool Faults::fails_entry(const Fault& fault, std::string_view shard) {
  if (!fault.shard.empty() && fault.shard != shard) {
    return false;
  }
  if (fault.probability >= 1) {
    return true;
  }
  const std::scoped_lock lock(state_->mutex);
  return state_->random.unit() < fault.probability;
}

}  // namespace weir::emulator
