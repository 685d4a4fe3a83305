#include "weir/worker/worker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/support/scripted_store.hpp"
#include "tests/support/word_count.hpp"
#include "weir/decode/text.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/state/memory_store.hpp"
#include "weir/worker/query.hpp"
#include "worker/query_server.hpp"

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

// The service's clock is not the worker's.
class ServiceClock final : public Clock {
 public:
  Timestamp now() const override { return system_clock().now() + ahead; }
  Duration elapsed() const override { return system_clock().elapsed(); }
  Task<void> sleep(Duration time, std::stop_token stop) override { return system_clock().sleep(time, std::move(stop)); }
  std::chrono::milliseconds ahead = std::chrono::hours(3);
};

using Local = boost::asio::local::stream_protocol;

struct SocketDirectory {
  explicit SocketDirectory(const std::string& name)
      : path(std::filesystem::temp_directory_path() / ("weir-" + name + "-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path);
  }
  SocketDirectory(const SocketDirectory&) = delete;
  SocketDirectory& operator=(const SocketDirectory&) = delete;
  ~SocketDirectory() { std::filesystem::remove_all(path); }
  const std::filesystem::path path;
};

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

// Who starts workers by the dozen is throttled first. The service answers, so it is waited for.
TEST_F(WorkerTest, WaitsForAServiceThatIsBusyWhenItStarts) {
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  emulator::Fault busy;
  busy.kind = emulator::Fault::Kind::throttle;
  busy.calls = {emulator::Operation::describe_stream_summary};
  busy.times = 3;
  kinesis.faults().add(busy);
  std::string said;
  options.log = [&said](LogLevel, std::string_view line) { said.append(line).append("\n"); };
  const auto report = run_once();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_EQ(report->totals.records, 1U);
  EXPECT_THAT(said, HasSubstr("starting is tried again: "));
}

// Whoever asks the worker that holds the state gets the dead letters counted, once, while it goes on counting.
TEST_F(WorkerTest, ReplaysDeadLettersOnceWhileItRuns) {
  SocketDirectory directory("replay");
  std::atomic<bool> mended{false};
  pipelines::PipelineBuilder<decode::Text> words("words");
  words.key(&decode::Text::text).keep("n", count()).decode([&mended](std::string_view bytes) -> Result<decode::Text> {
    if (bytes == "bad" && !mended) {
      return corrupt("Bad", "the decoder has a fault");
    }
    return decode::Text{bytes};
  });
  pipeline = *words.build();
  options.store = nullptr;
  options.state = directory.path.string();
  ASSERT_TRUE(kinesis.put("s", {"a", "bad", "bad", "bad"}));
  ASSERT_TRUE(run_once());

  mended = true;
  std::stop_source stop;
  options.stop = stop.get_token();
  options.until_caught_up = false;
  std::optional<Result<Report>> ran;
  std::jthread worker([&] { ran.emplace(run_once()); });
  Query replay;
  replay.type = Query::Type::replay;
  std::string last;
  const auto keep = [&last](std::string_view lines) -> Result<void> {  // progress and outcome may come together
    lines.remove_suffix(1);
    last = lines.substr(lines.rfind('\n') + 1);
    return {};
  };
  Result<void> asked = refused("NoWorker", "not yet");
  while (!asked && asked.error().code == "NoWorker") {
    asked = ask(directory.path.string(), *pipeline, replay, keep);
  }
  ASSERT_TRUE(asked) << to_string(asked.error());
  EXPECT_EQ(last, "{\"done\":3,\"failed\":0,\"absent\":0}");
  ASSERT_TRUE(kinesis.put("s", {"bad"}));
  ASSERT_TRUE(ask(directory.path.string(), *pipeline, replay, keep));
  EXPECT_EQ(last, "{\"done\":0,\"failed\":0,\"absent\":0}");
  stop.request_stop();
  worker.join();
  ASSERT_TRUE(*ran) << to_string(ran->error());

  options.stop = {};
  options.until_caught_up = true;
  ASSERT_TRUE(run_once());
  const auto open = open_store(options.state, *pipeline, {});
  ASSERT_TRUE(open) << to_string(open.error());
  EXPECT_THAT(lines(Query(), (*open)->store()),
              UnorderedElementsAre("{\"key\":\"a\",\"n\":1}", "{\"key\":\"bad\",\"n\":4}"));
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
  const auto reads = kinesis.calls(emulator::Operation::get_records);
  const auto report = run_once();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "StreamRecreated");
  EXPECT_EQ(kinesis.calls(emulator::Operation::get_records), reads) << "refused before the first read";
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

// LATEST is settled on the very first start, for all shards: what was put before is never counted, and what
// is put while nobody runs is.
TEST_F(WorkerTest, LatestIsSettledOnce) {
  ServiceClock service;
  emulator::Kinesis elsewhere(service);
  ASSERT_TRUE(elsewhere.create("s", 4));
  config.client = &elsewhere;
  config.starting_position = kinesis::StartingPosition::latest;
  ASSERT_TRUE(elsewhere.put("s", many(50)));
  service.ahead += std::chrono::seconds(1);  // the service tells its time in seconds
  const auto first = run_once();
  ASSERT_TRUE(first) << to_string(first.error());
  EXPECT_EQ(first->totals.records, 0U);
  ASSERT_TRUE(elsewhere.put("s", {"a", "b", "c"}));
  const auto second = run_once();
  ASSERT_TRUE(second) << to_string(second.error());
  EXPECT_EQ(second->totals.records, 3U);
}

// The user's code may throw anywhere: the run ends with a sentence, what was taken in is kept, nothing hangs.
TEST_F(WorkerTest, ExceptionsOfTheUsersCodeEndTheRun) {
  ASSERT_TRUE(kinesis.put("s", {"a", "bad"}));
  options.until_caught_up = false;
  const auto fails = [&](std::string_view what) {
    const auto report = run_once();
    ASSERT_FALSE(report) << what;
    EXPECT_EQ(report.error().code, "Exception") << what;
    EXPECT_THAT(report.error().message, HasSubstr("as asked")) << what;
  };
  options.copy_dead_letters = [](std::span<const state::DeadLetter>, std::stop_token) -> Task<void> {
    throw std::runtime_error("as asked");
  };
  fails("copy_dead_letters");
  options.copy_dead_letters = nullptr;
  options.watch = [](std::span<const process::Board* const>) { throw std::runtime_error("as asked"); };
  fails("watch");
  options.watch = nullptr;
  config.on_get_records_error = [](std::string_view, std::string_view, const Error&) {
    throw std::runtime_error("as asked");
  };
  emulator::Fault throttle;
  throttle.calls = {emulator::Operation::get_records};
  kinesis.faults().add(throttle);
  fails("on_get_records_error");
}

TEST_F(WorkerTest, AThrowingSourceEndsTheRun) {
  class Throwing final : public stream::Source {
   public:
    std::string name() const override { return "test:throwing"; }
    Task<stream::StreamIdentity> identify(std::stop_token) override { co_return stream::StreamIdentity(); }
    Task<stream::Start> resolve_start(std::stop_token) override { co_return stream::Start(); }
    Task<void> read(stream::Share, const stream::Positions&, stream::Sink&, std::stop_token) override {
      throw std::runtime_error("as asked");
    }
  } source;
  options.threads = 2;
  const auto report = run(source, pipeline, options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("as asked"));
}

// A second signal gives up a commit that the store keeps refusing; the first waits for it.
TEST_F(WorkerTest, ASecondSignalAbandons) {
  weir::testing::ScriptedStore away(combiner, system_clock());
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  away.keeps_failing_advances = true;
  options.store = &away;
  options.until_caught_up = false;
  options.stop_on_signals = true;
  options.limits.age_max = std::chrono::milliseconds(1);
  options.watch_interval = std::chrono::milliseconds(1);
  int signals = 0;
  options.watch = [&](std::span<const process::Board* const> boards) {
    const auto& board = *boards.front();
    if (board.totals().commit_retries > 0) {
      ::raise(++signals == 1 ? SIGTERM : SIGINT);
    }
  };
  const auto report = run_once();
  ASSERT_FALSE(report);
  EXPECT_GE(signals, 2);
}

TEST_F(WorkerTest, StopsOnRequestAndKeepsWhatItTookIn) {
  ASSERT_TRUE(kinesis.put("s", many(500)));
  options.until_caught_up = false;
  std::stop_source stop;
  options.stop = stop.get_token();
  options.watch_interval = std::chrono::milliseconds(1);
  options.limits.age_max = std::chrono::hours(1);
  options.watch = [&](std::span<const process::Board* const> boards) {
    const auto& board = *boards.front();
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
  options.watch = [&](std::span<const process::Board* const> boards) {
    const auto& board = *boards.front();
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
  options.watch = [&](std::span<const process::Board* const> boards) {
    const auto& board = *boards.front();
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

// The worker is there, and stuck: whoever asks must not be stuck with it.
TEST(QueryTest, GivesUpOnAWorkerThatDoesNotAnswer) {
  SocketDirectory directory("silent");
  boost::asio::io_context context;
  Local::acceptor stuck(context, Local::endpoint((directory.path / "query.sock").string()));
  const weir::testing::WordCount pipeline;
  const auto asked = ask(directory.path.string(), pipeline, Query(), {}, std::chrono::milliseconds(20));
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, "WorkerSilent");
}

// Connections that ask nothing: the rest is told to come again, and the silent ones do not stay for ever.
TEST(QueryTest, SilentConnectionsDoNotShutOthersOut) {
  SocketDirectory directory("busy");
  boost::asio::io_context context{1};
  weir::testing::DecimalCombiner combiner;
  state::MemoryStore store(combiner);
  const weir::testing::WordCount pipeline;
  QueryLimits limits;
  limits.connections_max = 2;
  limits.patience = std::chrono::milliseconds(200);
  std::stop_source stop;
  boost::asio::co_spawn(
      context, serve_queries(directory.path.string(), store, pipeline, "test:words", {}, limits, stop.get_token()),
      boost::asio::detached);
  context.poll();
  std::jthread serving([&] { context.run(); });
  boost::asio::io_context asking;
  std::vector<Local::socket> silent;
  for (std::size_t i = 0; i < limits.connections_max; ++i) {
    silent.emplace_back(asking).connect(Local::endpoint((directory.path / "query.sock").string()));
  }
  Query count;
  count.type = Query::Type::count;
  const auto ignore = [](std::string_view) -> Result<void> { return {}; };
  const auto first = ask(directory.path.string(), pipeline, count, ignore);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, "WorkerBusy");
  // Closed by the worker: the read ends.
  char byte = 0;
  boost::system::error_code code;
  for (auto& socket : silent) {
    socket.read_some(boost::asio::buffer(&byte, 1), code);
    EXPECT_TRUE(code);
  }
  const auto second = ask(directory.path.string(), pipeline, count, ignore);
  EXPECT_TRUE(second) << to_string(second.error());
  stop.request_stop();
}

}  // namespace
}  // namespace weir::worker
