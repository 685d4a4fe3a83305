#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <mutex>
#include <set>

#include "tests/support/passing.hpp"
#include "tests/support/scripted_store.hpp"
#include "tests/support/word_count.hpp"
#include "weir/decode/text.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/state/memory_store.hpp"
#include "weir/worker/worker.hpp"

namespace weir::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using weir::testing::ScriptedStore;
using weir::testing::WordCount;

// Pipelines that share a stream, real time, real threads.
class SeveralTest : public ::testing::Test {
 protected:
  SeveralTest() {
    config.client = &kinesis;
    config.stream_name = "s";
    config.starting_position = kinesis::StartingPosition::trim_horizon;
    config.keep_quotas = false;
    config.poll_interval = std::chrono::milliseconds(1);
    options.until_caught_up = true;
  }
  void SetUp() override { ASSERT_TRUE(kinesis.create("s", 4)); }

  Job job(std::string name, pipelines::OnFailure on_failure = pipelines::OnFailure::dead_letter) {
    auto pipeline = std::make_shared<WordCount>(std::move(name));
    pipeline->policy.on_failure = on_failure;
    Job made;
    made.pipeline = std::move(pipeline);
    made.store = &store;
    return made;
  }
  Result<std::vector<Report>> run_once(std::vector<Job> jobs) {
    auto source = kinesis::StreamSource::make(config);
    return run(**source, std::move(jobs), options);
  }
  static std::string code_of(const Result<std::vector<Report>>& reports) {
    if (!reports) {
      return reports.error().code;
    }
    const auto& halted = reports->front().halted;
    return halted ? halted->code : std::string("it succeeded");
  }
  std::uint64_t counted(const std::string& pipeline) {
    std::uint64_t sum = 0;
    boost::asio::io_context context;
    auto scan = [&]() -> Task<void> {
      WEIR_CO_TRY(const auto rows, co_await store.scan(pipeline, "", "", 100'000));
      for (const auto& row : rows) {
        sum += std::stoull(row.value);
      }
      co_return Result<void>();
    };
    boost::asio::co_spawn(context, scan, boost::asio::detached);
    context.run();
    return sum;
  }
  void put(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) {
      texts.push_back("w" + std::to_string(i));
    }
    ASSERT_TRUE(kinesis.put("s", texts));
  }

  // A handler that notes what it is given.
  Job handler(std::string name) {
    pipelines::PipelineBuilder<decode::Bytes> builder(std::move(name));
    builder.decode(bytes_decoder()).handler([this](HandlerBatch<decode::Bytes>& batch) { return note(batch); });
    Job made;
    made.pipeline = *builder.build();
    made.store = &store;
    made.deduper = &store;
    return made;
  }
  Task<void> note(HandlerBatch<decode::Bytes>& batch) {
    const std::scoped_lock lock(mutex);
    for (const auto& record : batch.records()) {
      handled.push_back(std::string(record.value.bytes));
    }
    if (handler_fails) {
      co_return refused("BadPassword", "the mail server refuses the password");
    }
    co_return Result<void>();
  }
  std::set<std::string> handled_once() {
    const std::set<std::string> different(handled.begin(), handled.end());
    EXPECT_EQ(different.size(), handled.size()) << "a record was handled twice";
    return different;
  }

  std::mutex mutex;
  std::vector<std::string> handled;
  bool handler_fails = false;
  emulator::Kinesis kinesis;
  kinesis::ReaderConfig config;
  weir::testing::DecimalCombiner combiner;
  state::MemoryStore store{combiner};
  Options options;
};

TEST_F(SeveralTest, CountTheSameRecordsOverThreadsAndReshards) {
  put(500);
  ASSERT_TRUE(kinesis.merge("s", "shardId-000000000000", "shardId-000000000001"));
  ASSERT_TRUE(kinesis.split("s", "shardId-000000000004"));
  put(500);
  options.threads = 3;
  const auto reports = run_once({job("one"), job("two"), job("three")});
  ASSERT_TRUE(reports) << to_string(reports.error());
  ASSERT_EQ(reports->size(), 3U);
  for (const auto& report : *reports) {
    EXPECT_EQ(report.totals.records, 1000U) << report.pipeline;
    EXPECT_EQ(counted(report.pipeline), 1000U);
    EXPECT_TRUE(report.caught_up);
    EXPECT_FALSE(report.halted);
  }
}

// What acts on the outside world stands beside what counts, on one read, and is acknowledged like it.
TEST_F(SeveralTest, HandlersRunBesideTotals) {
  put(500);
  ASSERT_TRUE(kinesis.merge("s", "shardId-000000000000", "shardId-000000000001"));
  put(500);
  options.threads = 2;
  const auto reports = run_once({job("one"), handler("mail")});
  ASSERT_TRUE(reports) << to_string(reports.error());
  EXPECT_EQ(counted("one"), 1000U);
  EXPECT_EQ(handled.size(), 1000U);
  EXPECT_EQ(reports->back().totals.records, 1000U);
  handled.clear();
  put(100);
  ASSERT_TRUE(run_once({job("one"), handler("mail")}));
  EXPECT_EQ(handled_once().size(), 100U);
  EXPECT_EQ(counted("one"), 1100U);
}

TEST_F(SeveralTest, AHandlerThatRefusesHoldsBackOnlyItself) {
  put(100);
  handler_fails = true;
  const auto reports = run_once({handler("mail"), job("one")});
  ASSERT_TRUE(reports) << to_string(reports.error());
  ASSERT_TRUE(reports->front().halted);
  EXPECT_EQ(reports->front().halted->code, "BadPassword");
  EXPECT_EQ(reports->front().totals.records, 0U);
  EXPECT_EQ(counted("one"), 100U);
  handler_fails = false;
  handled.clear();
  ASSERT_TRUE(run_once({handler("mail"), job("one")}));
  EXPECT_EQ(handled_once().size(), 100U) << "every record that was not acknowledged";
}

// Nobody may be watching /healthz: the log says it too, once.
TEST_F(SeveralTest, SayThatAShardIsStuck) {
  pipelines::PipelineBuilder<decode::Bytes> waiting("mail");
  waiting.decode(bytes_decoder()).handler([](HandlerBatch<decode::Bytes>& batch) -> Task<void> {
    co_return co_await system_clock().sleep(std::chrono::hours(1), batch.stop());
  });
  auto stuck = handler("mail");
  stuck.pipeline = *waiting.build();
  std::stop_source stop;
  std::vector<std::string> said;
  options.log = [&](LogLevel level, std::string_view line) {
    if (line.find("has got nowhere for") != std::string_view::npos) {
      EXPECT_EQ(level, LogLevel::warning);
      said.emplace_back(line);
      stop.request_stop();
    }
  };
  options.stop = stop.get_token();
  options.until_caught_up = false;
  options.stuck_after = std::chrono::milliseconds(20);
  options.drain_max = std::chrono::milliseconds(50);
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  EXPECT_EQ(code_of(run_once({stuck})), "HandlerStopped");
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said.front(), HasSubstr("pipeline mail: shard shardId-"));
}

TEST_F(SeveralTest, AHandlerNeedsADeduper) {
  auto alone = handler("mail");
  alone.deduper = nullptr;
  EXPECT_EQ(code_of(run_once({alone})), "NoDeduper");
}

// Its state is a directory like any other's.
TEST_F(SeveralTest, AHandlerGoesOnWhereItsStateSays) {
  const auto directory = ::testing::TempDir() + "weir-handler-" + std::to_string(::getpid());
  std::filesystem::remove_all(directory);
  auto mail = handler("mail");
  mail.store = nullptr;
  mail.deduper = nullptr;
  mail.state = directory;
  put(100);
  ASSERT_TRUE(run_once({mail}));
  EXPECT_EQ(handled_once().size(), 100U);
  handled.clear();
  put(7);
  ASSERT_TRUE(run_once({mail}));
  EXPECT_EQ(handled.size(), 7U);
  std::filesystem::remove_all(directory);
}

// One is added to a running set: it begins at its own start, the others go on where they were. The stream was
// resharded meanwhile, and again while the new one was not running.
TEST_F(SeveralTest, TakeInOneThatIsAddedLater) {
  put(300);
  ASSERT_TRUE(run_once({job("one")}));
  ASSERT_TRUE(kinesis.split("s", "shardId-000000000002"));
  put(300);
  ASSERT_TRUE(run_once({job("one"), job("two")}));
  EXPECT_EQ(counted("one"), 600U);
  EXPECT_EQ(counted("two"), 600U);
  ASSERT_TRUE(kinesis.split("s", "shardId-000000000003"));
  put(300);
  ASSERT_TRUE(run_once({job("one")}));
  const auto reports = run_once({job("two"), job("one")});
  ASSERT_TRUE(reports) << to_string(reports.error());
  EXPECT_EQ(counted("one"), 900U);
  EXPECT_EQ(counted("two"), 900U);
  EXPECT_THAT(*reports,
              ElementsAre(::testing::Field(&Report::pipeline, "two"), ::testing::Field(&Report::pipeline, "one")));
}

// LATEST is settled once for all that begin together: else the totals of two pipelines would differ by what arrived
// between.
TEST_F(SeveralTest, BeginTogetherWhenTheyAreNewTogether) {
  class Counting final : public weir::testing::PassingSource {
   public:
    using PassingSource::PassingSource;
    Task<stream::Start> resolve_start(std::stop_token stop) override {
      ++resolved;
      return inner.resolve_start(std::move(stop));
    }
    int resolved = 0;
  };
  const auto source = *kinesis::StreamSource::make(config);
  Counting counting(*source);
  ASSERT_TRUE(run(counting, {job("one"), job("two")}, options));
  EXPECT_EQ(counting.resolved, 1);
}

TEST_F(SeveralTest, GoOnWithoutOneThatHaltsAndTellWhy) {
  ASSERT_TRUE(kinesis.put("s", {"a", "bad", "b"}));
  const auto reports = run_once({job("strict", pipelines::OnFailure::halt), job("kind")});
  ASSERT_TRUE(reports) << to_string(reports.error());
  ASSERT_TRUE(reports->front().halted);
  EXPECT_EQ(reports->front().halted->code, "FailedRecord");
  EXPECT_FALSE(reports->back().halted);
  EXPECT_EQ(counted("kind"), 2U);
  const auto again = run_once({job("strict", pipelines::OnFailure::skip), job("kind")});
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(counted("strict"), 2U);
  EXPECT_EQ(counted("kind"), 2U);
}

TEST_F(SeveralTest, EndWhenAllHaveHalted) {
  ASSERT_TRUE(kinesis.put("s", {"bad"}));
  options.until_caught_up = false;
  const auto reports = run_once({job("one", pipelines::OnFailure::halt), job("two", pipelines::OnFailure::halt)});
  ASSERT_TRUE(reports) << to_string(reports.error());
  for (const auto& report : *reports) {
    ASSERT_TRUE(report.halted);
    EXPECT_EQ(report.halted->code, "FailedRecord");
  }
}

// Who skips must know it: nothing else tells afterwards what the records were.
TEST_F(SeveralTest, SayWhichSkip) {
  std::string said;
  options.log = [&](LogLevel, std::string_view line) { said.append(line).append("\n"); };
  ASSERT_TRUE(run_once({job("careless", pipelines::OnFailure::skip), job("careful")}));
  EXPECT_THAT(said, HasSubstr("pipeline careless skips records that fail"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("careful")));
}

TEST_F(SeveralTest, AreRefusedUnderOneName) {
  const auto twice = run_once({job("one"), job("one")});
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("two pipelines named one"));
  EXPECT_EQ(code_of(run_once({})), "BadOptions");
}

TEST_F(SeveralTest, HaveAStateEach) {
  const auto root = std::filesystem::temp_directory_path() / ("weir-several-" + std::to_string(::getpid()));
  put(100);
  for (int runs = 0; runs < 2; ++runs) {
    std::vector<Job> jobs;
    for (const auto* name : {"one", "two"}) {
      jobs.push_back(job(name));
      jobs.back().store = nullptr;
      jobs.back().state = (root / name).string();
      jobs.back().pipeline = weir::pipeline<decode::Text>(name)
                                 .decode(decode::TextDecoder())
                                 .key(&decode::Text::text)
                                 .keep("n", weir::count())
                                 .build()
                                 .value();
    }
    options.count_keys = true;
    const auto reports = run_once(std::move(jobs));
    ASSERT_TRUE(reports) << to_string(reports.error());
    EXPECT_EQ(reports->front().keys, 100U);
    EXPECT_EQ(reports->back().keys, 100U);
    EXPECT_EQ(reports->back().totals.records, runs == 0 ? 100U : 0U);
  }
  std::filesystem::remove_all(root);
}

// The operator who was told of a loss accepts that one. The next is news again.
TEST_F(SeveralTest, GoOnAfterALossThatWasAccepted) {
  const auto lose = [&] {
    const auto numbers = *kinesis.put("s", {"x", "y"}, "a key of one shard");
    const auto log = kinesis.log("s").value();
    for (const auto& of : log) {
      if (!of.records.empty() && of.records.back().sequence_number == numbers.back()) {
        ASSERT_TRUE(kinesis.trim("s", of.id, numbers.back()));
      }
    }
    ASSERT_TRUE(kinesis.put("s", {"z"}, "a key of one shard"));
  };
  ASSERT_TRUE(kinesis.put("s", {"a"}, "a key of one shard"));
  ASSERT_TRUE(run_once({job("one")}));
  lose();
  EXPECT_EQ(code_of(run_once({job("one")})), "Gap");
  lose();
  EXPECT_EQ(code_of(run_once({job("one")})), "Gap") << "nobody has accepted anything";
  options.accept_loss = true;
  const auto accepted = run_once({job("one")});
  ASSERT_TRUE(accepted) << to_string(accepted.error());
  EXPECT_TRUE(accepted->front().gaps.front().accepted);
  EXPECT_EQ(counted("one"), 2U) << "a, and the z that was left";
  lose();
  EXPECT_EQ(code_of(run_once({job("one")})), "Gap") << "another loss than the one accepted";
}

// A stop ends although the store takes nothing; what it did not take is there for the next start.
TEST_F(SeveralTest, EndADrainThatGoesNowhere) {
  ScriptedStore away(combiner, system_clock());
  put(10);
  std::stop_source stop;
  std::string said;
  options.log = [&](LogLevel, std::string_view line) {
    said.append(line).append("\n");
    if (line.find("is tried again") != std::string_view::npos) {
      stop.request_stop();
    }
  };
  options.stop = stop.get_token();
  options.until_caught_up = false;
  options.limits.age_max = std::chrono::milliseconds(1);
  options.drain_max = std::chrono::milliseconds(1);
  away.keeps_failing_advances = true;
  auto one = job("one");
  one.store = &away;
  const auto reports = run_once({one});
  EXPECT_EQ(code_of(reports), "Unavailable");
  EXPECT_THAT(said, HasSubstr("the time to drain is over: what the state did not take is left to the next start; one "
                              "stands in shardId-000000000000 at its beginning"));
  away.keeps_failing_advances = false;
  options.stop = {};
  options.until_caught_up = true;
  const auto again = run_once({one});
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(again->front().totals.records, 10U);
}

}  // namespace
}  // namespace weir::worker
