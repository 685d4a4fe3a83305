#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batches.hpp"
#include "tests/support/scripted_store.hpp"
#include "tests/support/word_count.hpp"
#include "weir/process/processor.hpp"
#include "weir/simulation/virtual_time.hpp"

namespace weir::process::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using weir::testing::ScriptedStore;
using Answer = ScriptedStore::Answer;
using Words = std::vector<std::string>;
using Counts = std::map<std::string, std::string>;

// A processor over two shards, virtual time, and a store that does as it is told.
class ProcessorTest : public ::testing::Test {
 protected:
  ProcessorTest() {
    context.store = &store;
    context.clock = &time;
    context.pipeline = &pipeline;
    context.board = &board;
    context.stream = "test:words";
  }

  void SetUp() override {
    state::Commit first;
    first.pipeline = "words";
    first.stream = "test:words";
    first.identity = stream::StreamIdentity();
    first.start = stream::Start();
    for (const auto* id : {"s0", "s1"}) {
      first.discovered.emplace_back(id, stream::ShardPosition());
    }
    ASSERT_TRUE(time.run(store.commit(first)));
    store.commits = 0;
  }

  void start() {
    positions = *time.run(store.positions("words", "test:words"));
    processor = std::make_unique<Processor>(context, positions);
    running.reset();
    time.start(processor->run(abandon.get_token()), running);
  }

  stream::Batch batch(const std::string& shard, std::uint64_t first, const Words& words) {
    return batches.make(shard, first, words);
  }
  Result<void> accept(stream::Batch made) { return time.run(processor->accept(std::move(made))); }
  Result<void> settled(const std::string& shard) { return time.run(processor->settled(shard)); }
  Result<void> close() {
    processor->close();
    time.run_while([&] { return !running; });
    return *running;
  }

  Counts rows() {
    Counts counts;
    const auto page = time.run(store.scan("words", "", "", 100));
    for (const auto& row : *page) {
      counts[row.key] = row.value;
    }
    return counts;
  }
  stream::ShardPosition position(const std::string& shard) {
    return (*time.run(store.positions("words", "test:words"))).shards[shard];
  }
  std::vector<state::DeadLetter> dead_letters() {
    return *time.run(store.dead_letters("words", "test:words", nullptr, 100));
  }

  simulation::VirtualTime time;
  weir::testing::Batches batches{time};
  weir::testing::DecimalCombiner combiner;
  ScriptedStore store{combiner, time};
  weir::testing::WordCount pipeline;
  Board board;
  Processor::Context context;
  stream::Positions positions;
  std::stop_source abandon;
  std::unique_ptr<Processor> processor;
  std::optional<Result<void>> running;
};

}  // namespace weir::process::testing
