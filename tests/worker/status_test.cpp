#include "worker/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "tests/support/word_count.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/simulation/virtual_time.hpp"
#include "weir/state/memory_store.hpp"
#include "weir/worker/worker.hpp"
#include "worker/status_server.hpp"

namespace weir::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace asio = boost::asio;

stream::ShardStatus shard_in(stream::ShardState state, std::string reason = {}) {
  stream::ShardStatus status;
  status.shard = "shard-1";
  status.state = state;
  status.reason = std::move(reason);
  status.behind = std::chrono::milliseconds(1500);
  return status;
}

// Each figure under its own name: an operator's alarms hang on them.
TEST(Status, TellsEveryFigureOfAPipeline) {
  simulation::VirtualTime time;
  metrics::Registry registry;
  process::Board::Options options;
  options.pipeline = "flights";
  options.clock = &time;
  options.metrics = &registry;
  process::Board board(options);
  board.report(shard_in(stream::ShardState::throttled));
  board.report(shard_in(stream::ShardState::throttled));
  board.report(shard_in(stream::ShardState::retrying));
  process::Board::Totals totals;
  totals.records = 11;
  totals.bytes = 12;
  totals.dead_letters = 13;
  totals.skipped = 14;
  totals.user_records = 15;
  totals.misplaced = 16;
  totals.broken_aggregates = 17;
  board.count_commit(totals);
  board.count_commit_retry();
  board.commit_took(std::chrono::milliseconds(30));
  const process::Board* boards[] = {&board};
  const auto text = metrics_text({boards, &registry, false});
  for (const auto* line :
       {"weir_records_total{pipeline=\"flights\"} 11\n", "weir_bytes_total{pipeline=\"flights\"} 12\n",
        "weir_dead_letters_total{pipeline=\"flights\"} 13\n", "weir_skipped_records_total{pipeline=\"flights\"} 14\n",
        "weir_user_records_total{pipeline=\"flights\"} 15\n",
        "weir_misplaced_user_records_total{pipeline=\"flights\"} 16\n",
        "weir_broken_aggregates_total{pipeline=\"flights\"} 17\n", "weir_commits_total{pipeline=\"flights\"} 1\n",
        "weir_commit_retries_total{pipeline=\"flights\"} 1\n", "weir_throttles_total{pipeline=\"flights\"} 2\n",
        "weir_retries_total{pipeline=\"flights\"} 1\n",
        "weir_shard_lag_milliseconds{pipeline=\"flights\",shard=\"shard-1\"} 1500\n",
        "weir_shard_state{pipeline=\"flights\",shard=\"shard-1\",state=\"retrying\"} 1\n",
        "weir_commit_seconds_bucket{pipeline=\"flights\",le=\"0.025\"} 0\n",
        "weir_commit_seconds_bucket{pipeline=\"flights\",le=\"0.05\"} 1\n", "weir_healthy{pipeline=\"flights\"} 0\n",
        "weir_halted{pipeline=\"flights\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  board.report(shard_in(stream::ShardState::ended));
  const auto later = metrics_text({boards, &registry, false});
  EXPECT_THAT(later, HasSubstr("state=\"ended\"} 1\n"));
  EXPECT_THAT(later, Not(HasSubstr("state=\"retrying\"")));
  EXPECT_THAT(later, Not(HasSubstr("weir_shard_lag")));
  EXPECT_THAT(later, HasSubstr("weir_healthy{pipeline=\"flights\"} 1\n"));
}

// Red with the reason, by pipeline: whoever is woken must not have to look for it.
TEST(Status, SaysWhatIsWrongWithWhichPipeline) {
  process::Board::Options first;
  first.pipeline = "one";
  process::Board one(first);
  process::Board::Options second;
  second.pipeline = "two";
  process::Board two(second);
  const process::Board* boards[] = {&one, &two};
  const Status status{boards, nullptr, false};
  EXPECT_FALSE(readiness(status).ok) << "nothing is being read yet";
  one.report(shard_in(stream::ShardState::reading));
  two.report(shard_in(stream::ShardState::reading));
  EXPECT_TRUE(health(status).ok);
  EXPECT_EQ(health(status).json, "{\"healthy\":true,\"pipelines\":{\"one\":[],\"two\":[]}}\n");
  EXPECT_TRUE(readiness(status).ok);
  two.halt(refused("Gap", "records were lost"));
  EXPECT_FALSE(health(status).ok);
  EXPECT_EQ(health(status).json,
            "{\"healthy\":false,\"pipelines\":{\"one\":[],\"two\":[\"halted: records were lost\"]}}\n");
  const Status draining{boards, nullptr, true};
  EXPECT_THAT(readiness(draining).json, HasSubstr("it was asked to stop"));
}

TEST(ListenAddress, IsLoopbackUnlessSaidOtherwise) {
  const auto text = [](std::string_view from) {
    const auto parsed = parse_listen_address(from);
    return parsed ? parsed->address().to_string() + " " + std::to_string(parsed->port()) : std::string("refused");
  };
  EXPECT_EQ(text("9100"), "127.0.0.1 9100");
  EXPECT_EQ(text(":9100"), "127.0.0.1 9100");
  EXPECT_EQ(text("localhost:0"), "127.0.0.1 0");
  EXPECT_EQ(text("0.0.0.0:9100"), "0.0.0.0 9100");
  EXPECT_EQ(text("[::1]:9100"), "::1 9100");
  for (const auto* wrong :
       {"", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "1:2:3", "::1:9", "host:1", "65536", "-1", "9100 "}) {
    EXPECT_EQ(text(wrong), "refused") << wrong;
  }
}

std::string ask(const std::string& url, const std::string& request) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  socket.connect({asio::ip::make_address("127.0.0.1"), port});
  asio::write(socket, asio::buffer(request));
  std::string reply;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(reply), end);
  return reply;
}

// Reads the stream "s" from its oldest record.
std::unique_ptr<kinesis::StreamSource> source_of(emulator::Kinesis& kinesis) {
  kinesis::ReaderConfig config;
  config.client = &kinesis;
  config.stream_name = "s";
  config.starting_position = kinesis::StartingPosition::trim_horizon;
  config.poll_interval = std::chrono::milliseconds(1);
  return *kinesis::StreamSource::make(config);
}

// Over HTTP, while a worker runs: what scrapers and probes see.
TEST(Status, IsServedWhileTheWorkerRuns) {
  emulator::Kinesis kinesis;
  ASSERT_TRUE(kinesis.create("s", 2));
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "bad"}));
  const auto source = source_of(kinesis);
  weir::testing::DecimalCombiner combiner;
  state::MemoryStore store(combiner);
  Options options;
  options.store = &store;
  options.serve = "0";
  std::string url;
  options.on_serving = [&](std::string_view at) { url = at; };
  std::stop_source stop;
  options.stop = stop.get_token();
  options.limits.age_max = std::chrono::milliseconds(1);
  options.watch_interval = std::chrono::milliseconds(1);
  std::thread asking;
  options.watch = [&](std::span<const process::Board* const> boards) {
    if (boards.front()->totals().records < 3 || asking.joinable()) {
      return;
    }
    asking = std::thread([&] {
      EXPECT_THAT(ask(url, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
                  AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("version=0.0.4"),
                        HasSubstr("weir_records_total{pipeline=\"words\"} 3\n"),
                        HasSubstr("weir_dead_letters_total{pipeline=\"words\"} 1\n"),
                        HasSubstr("weir_commit_seconds_count{pipeline=\"words\"}")));
      EXPECT_THAT(ask(url, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
                  AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("{\"healthy\":true,")));
      EXPECT_THAT(ask(url, "GET /readyz?now HTTP/1.0\r\n\r\n"), HasSubstr("{\"ready\":true,"));
      EXPECT_THAT(ask(url, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), Not(HasSubstr("healthy")));
      EXPECT_THAT(ask(url, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
      EXPECT_THAT(ask(url, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
                  AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD")));
      EXPECT_EQ(ask(url, "nonsense\r\n\r\n"), "");
      EXPECT_EQ(ask(url, "GET /metrics HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), "");
      stop.request_stop();
    });
  };
  const auto report = run(*source, pipelines::PipelinePtr(std::make_shared<weir::testing::WordCount>()), options);
  asking.join();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_THAT(url, StartsWith("http://127.0.0.1:"));
}

// Whoever probes a worker that waits for its service must not take it for dead.
TEST(Status, IsServedWhileTheWorkerStarts) {
  emulator::Kinesis kinesis;
  ASSERT_TRUE(kinesis.create("s", 1));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  emulator::Fault busy;
  busy.kind = emulator::Fault::Kind::unavailable;
  busy.calls = {emulator::Operation::describe_stream_summary};
  kinesis.faults().add(busy);
  const auto source = source_of(kinesis);
  weir::testing::DecimalCombiner combiner;
  state::MemoryStore store(combiner);
  Options options;
  options.store = &store;
  options.serve = "0";
  options.until_caught_up = true;
  std::thread asking;
  options.on_serving = [&](std::string_view at) {
    asking = std::thread([&kinesis, url = std::string(at)] {
      const auto health = [&url] { return ask(url, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); };
      auto said = health();
      while (said.find("starting: ServiceUnavailable") == std::string::npos) {
        EXPECT_THAT(said, HasSubstr("HTTP/1.1 200 OK"));  // it has not called yet
        said = health();
      }
      EXPECT_THAT(said, StartsWith("HTTP/1.1 503 "));
      EXPECT_THAT(ask(url, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("{\"ready\":false,"));
      kinesis.faults().clear();
    });
  };
  const auto report = run(*source, pipelines::PipelinePtr(std::make_shared<weir::testing::WordCount>()), options);
  asking.join();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_EQ(report->totals.records, 1U);
}

TEST(Status, AnAddressThatIsTakenIsSaidBeforeAnythingIsRead) {
  const auto taken = StatusServer::listen(*parse_listen_address("0"));
  ASSERT_TRUE(taken);
  const auto url = (*taken)->url();
  emulator::Kinesis kinesis;
  ASSERT_TRUE(kinesis.create("s", 1));
  kinesis::ReaderConfig config;
  config.client = &kinesis;
  config.stream_name = "s";
  const auto source = *kinesis::StreamSource::make(config);
  Options options;
  options.state = "memory";
  options.serve = url.substr(url.rfind('/') + 1);
  const auto report = run(*source, pipelines::PipelinePtr(std::make_shared<weir::testing::WordCount>()), options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("cannot serve on " + options.serve));
  EXPECT_EQ(kinesis.calls(emulator::Operation::describe_stream_summary), 0U);
}

}  // namespace
}  // namespace weir::worker
