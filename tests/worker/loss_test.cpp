#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>

#include "tests/support/word_count.hpp"
#include "weir/base/task_group.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/simulation/virtual_time.hpp"
#include "weir/state/memory_store.hpp"
#include "worker/host.hpp"

namespace weir::worker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr auto source_name = "kinesis:s";

// Workers on a stream of one shard that keeps records for 24 hours, virtual time.
class LossTest : public ::testing::Test {
 protected:
  LossTest() {
    config.client = &kinesis;
    config.stream_name = "s";
    config.starting_position = kinesis::StartingPosition::trim_horizon;
    config.poll_interval = seconds(60);
    config.clock = &time;
    config.seed = 1;
    options.clock = &time;
    options.seed = 1;
    options.serve_queries = false;
  }
  void SetUp() override { ASSERT_TRUE(kinesis.create("s", 1)); }

  static Task<std::vector<Report>> live(Host& host) {
    WEIR_CO_CHECK(co_await host.start());
    TaskGroup loops(co_await boost::asio::this_coro::executor, std::stop_token());
    loops.spawn(host.work(0));
    WEIR_CO_CHECK(co_await loops.wait());
    co_return co_await host.reports();
  }

  // Until caught up, or for so long. The sentence that halted it all; empty: it went well.
  std::string run(const std::vector<std::string>& pipelines, std::optional<Duration> lasting = {}) {
    auto source = kinesis::StreamSource::make(config);
    options.until_caught_up = !lasting;
    std::vector<Host::Place> places(pipelines.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      places[i].job.pipeline = std::make_shared<weir::testing::WordCount>(pipelines[i]);
      places[i].job.store = &store;
    }
    Host host(**source, std::move(places), options);
    std::optional<Result<std::vector<Report>>> outcome;
    time.start(live(host), outcome);
    if (lasting) {
      const auto until = time.elapsed() + *lasting;
      time.run_while([&] { return !outcome && time.elapsed() < until; });
      host.request_stop();
    }
    time.run_while([&] { return !outcome; });
    reports = *outcome ? **outcome : std::vector<Report>();
    return *outcome ? std::string() : outcome->error().message;
  }
  std::vector<stream::Gap> gaps(const std::string& pipeline = "one") {
    return time.run(store.positions(pipeline, source_name))->gaps;
  }
  std::vector<std::string> words() {
    std::vector<std::string> keys;
    const auto rows = time.run(store.scan("one", "", "", 100));
    for (const auto& row : *rows) {
      keys.push_back(row.key);
    }
    return keys;
  }

  simulation::VirtualTime time;
  emulator::Kinesis kinesis{time};
  kinesis::ReaderConfig config;
  weir::testing::DecimalCombiner combiner;
  state::MemoryStore store{combiner};
  Options options;
  std::vector<Report> reports;
};

// An operator accepts a loss of two records. A month later, on a shard that was quiet meanwhile and so stands at the
// same record, a thousand others are lost: nobody accepted these, and the totals must not go on without a word.
TEST_F(LossTest, AnotherOneAfterTheSameRecordIsNobodysWord) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  EXPECT_EQ(run({"one"}), "");
  ASSERT_TRUE(kinesis.put("s", {"x", "y"}));
  time.pass(hours(60));
  EXPECT_NE(run({"one"}), "");
  options.accept_loss = true;
  EXPECT_EQ(run({"one"}), "");
  ASSERT_THAT(gaps(), SizeIs(1));
  EXPECT_TRUE(gaps().front().accepted);

  // A loss that was accepted and read over halts no ordinary run.
  options.accept_loss = false;
  EXPECT_EQ(run({"one"}), "");
  EXPECT_EQ(run({"one"}, hours(100)), "");
  EXPECT_EQ(run({"one"}), "");
  EXPECT_TRUE(gaps().front().accepted);

  ASSERT_TRUE(kinesis.put("s", {"lost", "too"}));
  time.pass(hours(60));
  EXPECT_NE(run({"one"}), "");
  ASSERT_THAT(gaps(), SizeIs(1));
  EXPECT_FALSE(gaps().front().accepted);
  EXPECT_NE(run({"one"}), "") << "nor is it accepted by being told";
  options.accept_loss = true;
  EXPECT_EQ(run({"one"}), "");
  EXPECT_THAT(gaps(), SizeIs(1));
}

// The one who accepted is told of what is lost between the halt and that word as of the same loss: it grows.
TEST_F(LossTest, GrowsUntilItIsAccepted) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  EXPECT_EQ(run({"one"}), "");
  ASSERT_TRUE(kinesis.put("s", {"x"}));
  time.pass(hours(20));
  ASSERT_TRUE(kinesis.put("s", {"y"}));
  time.pass(hours(10));
  EXPECT_NE(run({"one"}), "");
  time.pass(hours(20));
  ASSERT_TRUE(kinesis.put("s", {"z"}));
  options.accept_loss = true;
  EXPECT_EQ(run({"one"}), "");
  EXPECT_THAT(gaps(), SizeIs(1)) << "one loss is one gap on record, wherever it ends";
  EXPECT_THAT(words(), ElementsAre("a", "z"));
}

// A run an hour that ends when it has caught up, as from a timer, reads a quiet shard for weeks: that is no loss.
TEST_F(LossTest, IsNotSeenByShortRunsThatFollowEachOther) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(run({"one"}), "") << "after " << i << " hours";
    time.pass(hours(1));
  }
  ASSERT_TRUE(kinesis.put("s", {"b"}));
  EXPECT_EQ(run({"one"}), "");
  for (int i = 0; i < 10; ++i) {
    time.pass(hours(20));
    EXPECT_EQ(run({"one"}), "") << "after " << i << " days";
  }
  EXPECT_THAT(words(), ElementsAre("a", "b"));
  EXPECT_THAT(gaps(), SizeIs(0));
}

// A second pipeline was away while the first read on. What is gone for the second, the first has counted.
TEST_F(LossTest, IsNoneToThePipelineThatWasNotAway) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  EXPECT_EQ(run({"one", "two"}), "");
  ASSERT_TRUE(kinesis.put("s", {"x", "y"}));
  EXPECT_EQ(run({"one"}, hours(60)), "");
  EXPECT_EQ(run({"one", "two"}), "");
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_FALSE(reports[0].halted);
  EXPECT_THAT(gaps("one"), SizeIs(0));
  EXPECT_TRUE(reports[1].halted);
  EXPECT_THAT(gaps("two"), SizeIs(1));
}

}  // namespace
}  // namespace weir::worker
