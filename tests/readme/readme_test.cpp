// README's program is the first thing that is tried: it must do what is said of it.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/support/child.hpp"
#include "weir/decode/json.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/emulator/server.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/worker/query.hpp"

struct Flight {
  std::string_view origin;
  std::int64_t delay;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, delay))

namespace weir {
namespace {

using testing::Child;

struct ReadmeTest : ::testing::Test {
  std::filesystem::path directory;
  emulator::Kinesis kinesis;
  std::unique_ptr<emulator::Server> server;

  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "weir-readme-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    auto started = emulator::Server::start(kinesis);
    ASSERT_TRUE(started.ok());
    server = *std::move(started);
    ASSERT_TRUE(kinesis.create("flights", 4).ok());
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  Child::Options program() const {
    Child::Options options;
    options.program = README_PROGRAM;
    options.directory = directory.string();
    options.environment = {"HOME=" + directory.string(), "ENDPOINT=" + server->endpoint()};
    return options;
  }
  /// The totals of this airport, asked of the running program; empty until there are any.
  std::string totals_of(const std::string& origin) const {
    auto departures = pipeline<Flight>("departures").key(&Flight::origin).keep("flights", count());
    departures.keep("delay", mean(&Flight::delay)).keep("worst", max(&Flight::delay));
    departures.decode(json_decoder<Flight>());
    const auto asked = departures.build().value();
    worker::Query query;
    query.type = worker::Query::Type::keys;
    query.keys = {origin};
    std::string lines;
    const auto outcome =
        worker::ask((directory / "weir-state" / "departures").string(), *asked, query, [&](std::string_view line) {
          lines += line;
          return Result<void>();
        });
    return outcome ? lines : std::string();
  }
  template <class Condition>
  static void wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      ::poll(nullptr, 0, 5);
    }
  }
};

// It starts at the newest record, counts by origin, and keeps its totals when it is ended in the middle.
TEST_F(ReadmeTest, TheProgramCountsWhatComesAndGoesOnAfterItsEnd) {
  const auto put = [this](const std::string& origin, int delay) {
    ASSERT_TRUE(
        kinesis.put("flights", {R"({"origin":")" + origin + R"(","delay":)" + std::to_string(delay) + "}"}).ok());
  };
  {
    Child first(program());
    wait_until([&] { return kinesis.calls(emulator::Operation::get_records) >= 4; });
    put("ORD", 10);
    put("ORD", 20);
    put("ATL", 7);
    wait_until([&] { return totals_of("ORD") == "{\"key\":\"ORD\",\"flights\":2,\"delay\":15,\"worst\":20}\n"; });
  }  // killed
  put("ORD", 60);
  Child second(program());
  wait_until([&] { return totals_of("ORD") == "{\"key\":\"ORD\",\"flights\":3,\"delay\":30,\"worst\":60}\n"; });
  EXPECT_EQ(totals_of("ATL"), "{\"key\":\"ATL\",\"flights\":1,\"delay\":7,\"worst\":7}\n");
}

TEST_F(ReadmeTest, TheProgramSaysWhyItCannotGoOn) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::made_again;
  fault.calls = {emulator::Operation::get_records};
  fault.times = 1;
  kinesis.faults().add(fault);
  Child child(program());
  const auto end = child.finish();
  EXPECT_NE(end.out.find("flights"), std::string::npos) << end.out << end.err;
}

}  // namespace
}  // namespace weir
