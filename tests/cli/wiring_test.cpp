// That what is asked for on the command line, or said in the environment, arrives where it has its effect. Each is one
// line of code whose loss nothing else notices.
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include <thread>

#include "cli/command.hpp"
#include "command_support.hpp"
#include "tests/cli/capture.hpp"
#include "tests/emulator/http_client.hpp"
#include "weir/wire/document.hpp"

namespace weir::cli {
namespace {

using emulator::Fault;
using emulator::Operation;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

struct WiringTest : CommandTest {
  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 2).ok());
    write_pipeline();
  }
  void fail(Fault::Kind kind, Operation operation, std::uint64_t times) {
    Fault fault;
    fault.kind = kind;
    fault.calls = {operation};
    fault.times = times;
    kinesis.faults().add(fault);
  }
  static std::ptrdiff_t threads_of(const Child& child) {
    const std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", child.pid()));
    return std::distance(begin(tasks), end(tasks));
  }
};

// Where something hangs, -vv is how one sees what is tried again, and why.
TEST_F(WiringTest, VerboseTellsTheClientsRetries) {
  fail(Fault::Kind::internal_failure, Operation::describe_stream_summary, 1);
  EXPECT_THAT(run({"put", "words", "-vv"}, "a\n").err, HasSubstr("attempt 2 in "));
  fail(Fault::Kind::internal_failure, Operation::describe_stream_summary, 1);
  EXPECT_THAT(run({"put", "words"}, "a\n").err, Not(HasSubstr("attempt")));
}

TEST_F(WiringTest, VerboseTellsWhatTheWorkersShardsDo) {
  EXPECT_THAT(run({"run", "words.yaml", "--until-caught-up", "-v"}).err, HasSubstr("shardId-000000000001: "));
}

// Behind a company's proxy every certificate is its own: without the bundle nothing is reached, or, worse, anything is.
TEST_F(WiringTest, TheCaBundleOfTheEnvironmentIsUsed) {
  const auto put = run_shell(
      "exec \"$0\" put words < /dev/null",
      {"AWS_CA_BUNDLE=/nonexistent/bundle.pem", "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=id",
       "AWS_SECRET_ACCESS_KEY=secret", fmt::format("AWS_ENDPOINT_URL_KINESIS=https://127.0.0.1:{}", server->port())});
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err, HasSubstr("the CA bundle to check 127.0.0.1:"));
}

TEST_F(WiringTest, LocalServesOnAsManyThreadsAsAsked) {
  Child one(weir({"local", "--port", "0"}));
  Child four(weir({"local", "--port", "0", "--threads", "4"}));
  one.wait_for_out("listening on ");
  four.wait_for_out("listening on ");
  wait_until([&] { return threads_of(four) - threads_of(one) == 3; });
}

TEST_F(WiringTest, RunReadsOnAsManyThreadsAsAsked) {
  Child one(weir({"run", "words.yaml", "--state", "memory"}));
  Child four(weir({"run", "words.yaml", "--state", "memory", "--threads", "4"}));
  wait_until([&] { return threads_of(four) - threads_of(one) == 3; });
}

// A query holds the state for milliseconds: a worker started at that moment waits instead of giving up.
TEST_F(WiringTest, RunWaitsForAStateThatIsInUseForAMoment) {
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  const auto marker = directory / "weir-state" / "words" / "WEIR";
  const int holder = ::open(marker.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(holder, LOCK_EX | LOCK_NB), 0);
  const int watch = ::inotify_init1(IN_CLOEXEC);
  ASSERT_GE(::inotify_add_watch(watch, marker.c_str(), IN_OPEN), 0);

  Child worker(weir({"run", "words.yaml", "--until-caught-up"}));
  pollfd tried{watch, POLLIN, 0};
  EXPECT_EQ(::poll(&tried, 1, 60'000), 1);
  ::close(watch);
  ::close(holder);
  const auto end = worker.finish();
  EXPECT_EQ(end.status, 0) << end.err;
}

TEST_F(WiringTest, SecondsAreThoseThatItTook) {
  const auto seconds = [](const std::string& line) {
    auto document = wire::Document::parse_json(line);
    return document ? document->root()["seconds"].number().value_or(-1) : -1;
  };
  const auto began = std::chrono::steady_clock::now();
  const auto put = run({"put", "words", "--json"}, "{\"w\":\"a\"}\n");
  const auto ran = run({"run", "words.yaml", "--until-caught-up", "--json"});
  const std::chrono::duration<double> most = std::chrono::steady_clock::now() - began;
  for (const auto& line : {put.out, ran.out}) {
    EXPECT_GT(seconds(line), 0) << line;
    EXPECT_LT(seconds(line), most.count()) << line;
  }
}

// A script that puts on from where it failed reads the totals: they must be there when it failed.
TEST_F(WiringTest, PutTellsItsTotalsWhenItFailsToo) {
  const auto put = run({"put", "words", "--key", "k", "--json"}, "{\"k\":\"a\"}\n{\"k\":\"b\"}\n{}\n");
  EXPECT_EQ(put.status, 1);
  EXPECT_TRUE(put.out.starts_with("{\"records\":2,")) << put.out;
}

/// The endpoint behind it, to somebody who may not describe a stream. One request a connection, one at a time.
class Secretive {
 public:
  explicit Secretive(std::uint16_t port)
      : port_(port), acceptor_(loop_, {boost::asio::ip::address_v4::loopback(), 0}), thread_([this] { serve(); }) {}
  ~Secretive() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // ends `accept`
    thread_.join();
  }
  std::string endpoint() const { return fmt::format("http://127.0.0.1:{}", acceptor_.local_endpoint().port()); }

 private:
  void serve() {
    for (;;) {
      boost::system::error_code error;
      auto socket = acceptor_.accept(error);
      if (error) {
        return;
      }
      std::string request;
      const auto head = boost::asio::read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n");
      const auto length = std::stoul(request.substr(request.find("Content-Length: ") + 16)) + head;
      boost::asio::read(socket, boost::asio::dynamic_buffer(request),
                        boost::asio::transfer_exactly(length - request.size()));
      boost::asio::write(socket, boost::asio::buffer(answer(request)));
    }
  }
  std::string answer(const std::string& request) const {
    constexpr std::string_view refusal = R"({"__type":"AccessDeniedException","message":"not authorized"})";
    if (request.find("DescribeStreamSummary") != std::string::npos) {
      return fmt::format("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                         refusal.size(), refusal);
    }
    emulator::HttpClient client(port_);
    client.send(request);
    const auto reply = client.read();
    return reply.head.substr(0, reply.head.size() - 2) + "Connection: close\r\n\r\n" + reply.body;
  }

  const std::uint16_t port_;
  boost::asio::io_context loop_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

// A producer's role often may put and nothing else.
TEST_F(WiringTest, PutNeedsNoRightToDescribe) {
  const Secretive service(server->port());
  const auto put = run({"put", "words", "--endpoint", service.endpoint()}, "a\nb\n");
  EXPECT_EQ(put.status, 0) << put.err;
  EXPECT_THAT(stored("words"), UnorderedElementsAre("a", "b"));
}

// Under another key a copy lands in another shard, and what is put back from there counts elsewhere.
TEST_F(WiringTest, CopiesOfDeadLettersKeepTheirKey) {
  ASSERT_TRUE(kinesis.create("graves", 1).ok());
  write_pipeline("dead_letters: { stream: graves }\n");
  ASSERT_TRUE(kinesis.put("words", {"bad"}, "its key").ok());
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  const auto graves = kinesis.log("graves");
  ASSERT_EQ(graves->front().records.size(), 1U);
  EXPECT_EQ(graves->front().records[0].partition_key, "its key");
}

// The farewell names where each shard stands, but not five hundred of them; what is left out is counted.
TEST_F(WiringTest, TheFarewellCountsTheShardsItDoesNotName) {
  ASSERT_TRUE(kinesis.create("wide", 10).ok());
  write_file("wide.yaml",
             "name: wide\nsource: { stream: wide, start: trim_horizon }\nkey: w\naggregates: { n: count }\n");
  Child worker(weir({"run", "wide.yaml", "--state", "memory"}));
  wait_until([&] { return kinesis.calls(Operation::get_records) >= 10; });
  worker.signal(SIGINT);
  const auto end = worker.finish();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("  shardId-000000000007  "));
  EXPECT_THAT(end.err, Not(HasSubstr("  shardId-000000000008  ")));
  EXPECT_THAT(end.err, HasSubstr("  and 2 shards more\n"));
}

// "Done" for a run that ended in the middle is the worst a worker can say.
TEST(ExitStatus, OfWhatThrewIsAFailureAndSaysSo) {
  const Capture screen;
  Console console(captured(screen, screen));
  EXPECT_EQ(exit_status_of([]() -> Exit { throw std::runtime_error("the reason"); }, console), 1);
  EXPECT_THAT(screen.text(), HasSubstr("weir: this is a bug in weir: the reason\n"));
  EXPECT_EQ(exit_status_of([]() -> Exit { throw std::bad_alloc(); }, console), 1);
  EXPECT_THAT(screen.text(), HasSubstr("weir: out of memory\n"));
  EXPECT_EQ(exit_status_of([] { return Exit::misuse; }, console), 2);
}

}  // namespace
}  // namespace weir::cli
