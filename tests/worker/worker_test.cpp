#include "weir/worker/worker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <thread>

#include "tests/support/scripted_store.hpp"
#include "tests/support/word_count.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/state/memory_store.hpp"
#include "weir/worker/query.hpp"

namespace weir::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// A stream in this process, real time, real threads.
class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    config.client = &kinesis;
    config.stream_name = "s";
    config.starting_position = kinesis::StartingPosition::trim_horizon;
    config.keep_quotas = false;
    config.poll_interval = std::chrono::milliseconds(1);
    options.until_caught_up = true;
    options.store = &store;
  }
  void SetUp() override { ASSERT_TRUE(kinesis.create("s", 4)); }

  Result<Report> run_once() {
    auto source = kinesis::StreamSource::make(config);
    EXPECT_TRUE(source);
    return run(**source, pipeline, options);
  }
  std::vector<std::string> lines(const Query& query, state::Store& from) {
    std::vector<std::string> got;
    boost::asio::io_context context;
    Lines keep = [&got](std::string_view text) -> Task<void> {
      while (!text.empty()) {
        got.emplace_back(text.substr(0, text.find('\n')));
        text.remove_prefix(text.find('\n') + 1);
      }
      co_return Result<void>();
    };
    boost::asio::co_spawn(context, answer(from, *pipeline, "kinesis:s", query, keep), boost::asio::detached);
    context.run();
    return got;
  }

  emulator::Kinesis kinesis;
  kinesis::ReaderConfig config;
  weir::testing::DecimalCombiner combiner;
  state::MemoryStore store{combiner};
  std::shared_ptr<const pipelines::Pipeline> pipeline = std::make_shared<weir::testing::WordCount>();
  Options options;
};

std::vector<std::string> many(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    texts.push_back("w" + std::to_string(i));
  }
  return texts;
}

TEST_F(WorkerTest, CountsAStreamUntilItIsCaughtUp) {
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "a", "bad"}));
  const auto report = run_once();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_TRUE(report->caught_up);
  EXPECT_EQ(report->totals.records, 4U);
  EXPECT_EQ(report->totals.dead_letters, 1U);
  EXPECT_EQ(report->shards.size(), 4U);
  Query all;
  EXPECT_THAT(lines(all, store), UnorderedElementsAre("{\"key\":\"a\",\"count\":2}", "{\"key\":\"b\",\"count\":1}"));
}

// Threads share the shards: none is read twice, none forgotten.
TEST_F(WorkerTest, CountsTheSameWithAnyNumberOfThreads) {
  ASSERT_TRUE(kinesis.put("s", many(2000)));
  for (const std::uint32_t threads : {1U, 2U, 4U, 8U}) {
    state::MemoryStore fresh(combiner);
    options.store = &fresh;
    options.threads = threads;
    const auto report = run_once();
    ASSERT_TRUE(report) << to_string(report.error());
    EXPECT_EQ(report->totals.records, 2000U);
    Query count;
    count.type = Query::Type::count;
    EXPECT_THAT(lines(count, fresh), UnorderedElementsAre("{\"keys\":2000}"));
  }
}

// Children of a merge whose parents two threads read: each waits for both.
TEST_F(WorkerTest, FollowsReshardingOverThreads) {
  ASSERT_TRUE(kinesis.put("s", many(100)));
  ASSERT_TRUE(kinesis.merge("s", "shardId-000000000000", "shardId-000000000001"));
  ASSERT_TRUE(kinesis.split("s", "shardId-000000000004"));
  ASSERT_TRUE(kinesis.put("s", many(100)));
  options.threads = 4;
  const auto report = run_once();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_EQ(report->totals.records, 200U);
  EXPECT_EQ(report->shards.size(), 7U);
}

TEST_F(WorkerTest, GoesOnWhereItStopped) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  ASSERT_TRUE(run_once());
  ASSERT_TRUE(kinesis.put("s", {"a", "b"}));
  const auto second = run_once();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->totals.records, 2U);
  Query all;
  EXPECT_THAT(lines(all, store), UnorderedElementsAre("{\"key\":\"a\",\"count\":2}", "{\"key\":\"b\",\"count\":1}"));
}

TEST_F(WorkerTest, NamesAStreamThatIsNotThere) {
  config.stream_name = "nowhere";
  const auto report = run_once();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "ResourceNotFoundException");
  EXPECT_THAT(report.error().message, HasSubstr("nowhere"));
}

TEST_F(WorkerTest, RefusesAStreamThatWasMadeAgain) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  ASSERT_TRUE(run_once());
  ASSERT_TRUE(kinesis.recreate("s"));
  const auto report = run_once();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "StreamRecreated");
}

TEST_F(WorkerTest, RefusesTheStateOfAnotherDefinition) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  ASSERT_TRUE(run_once());
  class Other final : public weir::testing::WordCount {
   public:
    const std::string& definition() const noexcept override { return definition_; }

   private:
    std::string definition_ = "count letters";
  };
  pipeline = std::make_shared<Other>();
  const auto report = run_once();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "DefinitionChanged");
  EXPECT_THAT(report.error().message, HasSubstr("count words"));
  EXPECT_THAT(report.error().message, HasSubstr("count letters"));
}

TEST_F(WorkerTest, StopsOnRequestAndKeepsWhatItTookIn) {
  ASSERT_TRUE(kinesis.put("s", many(500)));
  options.until_caught_up = false;
  std::stop_source stop;
  options.stop = stop.get_token();
  options.watch_interval = std::chrono::milliseconds(1);
  options.limits.age_max = std::chrono::hours(1);
  options.watch = [&](const process::Board& board) {
    if (board.all_caught_up()) {
      stop.request_stop();
    }
  };
  const auto report = run_once();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_EQ(report->totals.records, 500U);
}

// The last commit before a quiet night must reach the disk, though no other follows it.
TEST_F(WorkerTest, SyncsWhatWasCommittedWhileNothingHappens) {
  weir::testing::ScriptedStore counting(combiner, system_clock());
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  options.store = &counting;
  options.until_caught_up = false;
  options.sync_interval = std::chrono::milliseconds(1);
  std::stop_source stop;
  options.stop = stop.get_token();
  std::size_t syncs_while_running = 0;
  options.watch_interval = std::chrono::milliseconds(1);
  options.watch = [&](const process::Board& board) {
    syncs_while_running = counting.syncs;
    if (board.all_caught_up() && syncs_while_running >= 3) {
      stop.request_stop();
    }
  };
  ASSERT_TRUE(run_once());
  EXPECT_GE(syncs_while_running, 3U);
}

TEST_F(WorkerTest, NamesWrongOptions) {
  options.threads = 0;
  EXPECT_THAT(run_once().error().message, HasSubstr("threads"));
  options.threads = 65;
  EXPECT_THAT(run_once().error().message, HasSubstr("threads"));
  options.threads = 1;
  options.limits.records_max = 0;
  EXPECT_THAT(run_once().error().message, HasSubstr("records_max"));
}

TEST_F(WorkerTest, HearsOfEachDeadLetter) {
  ASSERT_TRUE(kinesis.put("s", {"bad", "a", "bad"}));
  std::vector<std::string> heard;
  options.on_dead_letter = [&](const state::DeadLetter& letter) { heard.push_back(letter.payload); };
  ASSERT_TRUE(run_once());
  EXPECT_THAT(heard, UnorderedElementsAre("bad", "bad"));
}

// The state of one pipeline is asked for while it is being written, on the socket in its directory.
TEST_F(WorkerTest, AnswersQueriesWhileItRuns) {
  const auto directory = std::filesystem::temp_directory_path() / ("weir-worker-" + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  pipeline = *weir::pipeline<std::string>("texts")
                  .decode([](std::string_view bytes) -> Result<std::string> { return std::string(bytes); })
                  .key([](const std::string& text) { return text; })
                  .keep("n", weir::count())
                  .build();
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "a"}));
  options.store = nullptr;
  options.state = directory.string();
  options.until_caught_up = false;
  options.limits.age_max = std::chrono::milliseconds(1);
  std::stop_source stop;
  options.stop = stop.get_token();
  std::vector<std::string> answers;
  options.watch_interval = std::chrono::milliseconds(1);
  std::jthread asking;
  options.watch = [&](const process::Board& board) {
    if (board.totals().records < 3 || asking.joinable()) {
      return;
    }
    asking = std::jthread([&] {
      Query keys;
      keys.type = Query::Type::keys;
      keys.keys = {"a", "nothing"};
      const auto asked = ask(directory.string(), *pipeline, keys, [&](std::string_view text) -> Result<void> {
        answers.emplace_back(text);
        return {};
      });
      EXPECT_TRUE(asked) << to_string(asked.error());
      stop.request_stop();
    });
  };
  const auto report = run_once();
  ASSERT_TRUE(report) << to_string(report.error());
  asking.join();
  EXPECT_THAT(answers, ::testing::ElementsAre("{\"key\":\"a\",\"n\":2}\n"));
  Query all;
  EXPECT_EQ(ask(directory.string(), *pipeline, all, {}).error().code, "NoWorker");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace weir::worker
