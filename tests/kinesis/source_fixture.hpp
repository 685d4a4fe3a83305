#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/kinesis/intercepted.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/simulation/virtual_time.hpp"

namespace weir::kinesis::testing {

using emulator::Fault;
using emulator::Operation;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using stream::ShardState;
using Texts = std::vector<std::string>;

// Keeps what a source hands out, and plays the store: positions move when a batch is accepted.
class Keeping final : public stream::Sink {
 public:
  explicit Keeping(stream::Positions& stored) : stored_(stored) {}

  Task<void> discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards) override {
    for (auto& [id, position] : shards) {
      stored_.shards.try_emplace(id, position);
    }
    co_return Result<void>();
  }
  Task<void> accept(stream::Batch batch) override {
    if (before_accepting) {
      WEIR_CO_CHECK(co_await before_accepting(batch));
    }
    if (!stored_.shards.contains(batch.shard)) {
      ADD_FAILURE() << batch.shard << " was read before it was stored as seen";
    }
    auto& position = stored_.shards[batch.shard];
    for (const auto& parent : position.parents) {
      if (stored_.shards.contains(parent) && !stored_.shards[parent].ended) {
        ADD_FAILURE() << batch.shard << " was read before the end of " << parent << " was committed";
      }
    }
    for (const auto& record : batch.records) {
      texts.emplace_back(record.data);
      by_shard[batch.shard].emplace_back(record.data);
      position.after = stream::SequenceNumber(record.sequence_number);
      position.arrival = record.arrival;
    }
    position.read_up_to = batch.read_up_to;
    if (!batch.records.empty()) {
      ranges[batch.shard] = batch.hash_range;
    }
    lease_bytes.push_back(batch.lease.bytes());
    if (batch.end) {
      pending_end_ = batch.shard;
      for (const auto& child : *batch.end) {
        stream::ShardPosition born;
        born.parents = child.parents;
        born.hash_range = child.hash_range;
        stored_.shards.try_emplace(child.id, born);
        children[batch.shard].push_back(child.id);
      }
    }
    co_return Result<void>();
  }
  Task<void> settled(const stream::ShardId& shard) override {
    if (pending_end_ == shard) {
      stored_.shards[shard].ended = true;
    }
    co_return Result<void>();
  }
  Task<void> gap(stream::Gap gap) override {
    gaps.push_back(gap);
    if (halt_on_gap) {
      co_return refused("Gap", gap.reason);
    }
    co_return Result<void>();
  }
  void report(const stream::ShardStatus& status) override {
    states[status.shard].push_back(status.state);
    reasons.push_back(status.reason);
    said.push_back(status);
    if (status.read_up_to != Timestamp()) {
      stored_.shards[status.shard].read_up_to = status.read_up_to;
    }
  }
  bool saw(const stream::ShardId& shard, ShardState state) const {
    const auto found = states.find(shard);
    return found != states.end() && std::find(found->second.begin(), found->second.end(), state) != found->second.end();
  }

  // What was said with a state of a shard, the first time.
  std::string reason_of(const stream::ShardId& shard, ShardState state) const {
    const auto found = std::find_if(said.begin(), said.end(), [&](const stream::ShardStatus& status) {
      return status.shard == shard && status.state == state;
    });
    return found == said.end() ? "(never said)" : found->reason;
  }

  // Runs first in each accept, while the next page is being fetched.
  std::function<Task<void>(const stream::Batch&)> before_accepting;
  Texts texts;
  std::map<std::string, Texts> by_shard;
  std::map<std::string, std::optional<stream::HashRange>> ranges;  // as the last batch with records said
  std::vector<stream::Gap> gaps;
  std::map<std::string, std::vector<ShardState>> states;
  Texts reasons;
  std::vector<stream::ShardStatus> said;
  std::map<std::string, Texts> children;  // as the ends of shards named them
  std::vector<std::size_t> lease_bytes;   // of each batch
  bool halt_on_gap = true;

 private:
  stream::Positions& stored_;
  std::string pending_end_;
};

// A stream "s" in an endpoint in this process, virtual time, and what is stored between runs of a reader.
class SourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config.client = &api;
    config.stream_name = "s";
    config.starting_position = StartingPosition::trim_horizon;
    config.clock = &time;
    config.seed = 1;
  }

  // Begins reading as a host does: identity and start are resolved once, and stored.
  void start() {
    auto made = StreamSource::make(config);
    ASSERT_TRUE(made) << to_string(made.error());
    source = *std::move(made);
    if (!stored.stream) {
      stored.stream = *time.run(source->identify({}));
      stored.start = *time.run(source->resolve_start({}));
      stored.start->settled = time.now();
    }
    positions_read = stored;
    stop = std::stop_source();
    outcome.reset();
    time.start(source->read(stream::Share(), positions_read, sink, stop.get_token()), outcome);
  }
  // A first run, which reads one record of a stream with one shard and ends.
  void read_one_record() {
    ASSERT_TRUE(kinesis.create("s"));
    ASSERT_TRUE(kinesis.put("s", {"a"}));
    start();
    read_until(1);
    EXPECT_TRUE(finish());
  }
  void TearDown() override {
    stop.request_stop();
    time.run_for(seconds(1));  // what still runs uses the members below
  }
  // Until the condition fails, reading is over, or nothing more is to be expected.
  template <class Condition>
  void run_while(Condition condition) {
    const auto until = time.elapsed() + hours(1);
    time.run_while([&] { return condition() && !outcome && time.elapsed() < until; });
  }
  void read_until(std::size_t count) {
    run_while([&] { return sink.texts.size() < count; });
  }
  void read_until(const stream::ShardId& shard, ShardState state) {
    run_while([&] { return !sink.saw(shard, state); });
  }
  Result<void> finish() {
    stop.request_stop();
    return wait_for_failure();
  }
  Result<void> wait_for_failure() {
    run_while([] { return true; });
    return outcome ? *outcome : Error(Next::conflict, "StillReading", "reading has not come to an end");
  }
  void add(Fault fault) { kinesis.faults().add(std::move(fault)); }

  simulation::VirtualTime time;
  emulator::Kinesis kinesis{time};
  Intercepted api{kinesis, time};
  ReaderConfig config;
  stream::Positions stored;
  stream::Positions positions_read;
  Keeping sink{stored};
  std::unique_ptr<StreamSource> source;
  std::stop_source stop;
  std::optional<Result<void>> outcome;

  static constexpr auto shard0 = "shardId-000000000000";
  static constexpr auto shard1 = "shardId-000000000001";
  static constexpr auto shard2 = "shardId-000000000002";
};

inline Fault fault(Fault::Kind kind, Operation call, std::optional<std::uint64_t> times = {}) {
  Fault made;
  made.kind = kind;
  made.calls = {call};
  made.times = times;
  return made;
}

}  // namespace weir::kinesis::testing
