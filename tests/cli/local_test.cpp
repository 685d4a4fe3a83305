// weir local, as a client of it meets it.
#include "command_support.hpp"
#include "tests/emulator/http_client.hpp"
#include "weir/wire/document.hpp"

namespace weir::cli {
namespace {

using emulator::HttpClient;

struct LocalTest : CommandTest {
  struct Local {
    Child child;
    std::uint16_t port = 0;
    explicit Local(const Child::Options& options) : child(options) {
      const auto line = child.wait_for_out("listening on ");
      port = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
    }
    emulator::HttpReply call(std::string_view operation, std::string_view body) const {
      return HttpClient(port).call(operation, body);
    }
  };
  std::unique_ptr<Local> start(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"local", "--port", "0", "--streams", "s"});
    return std::make_unique<Local>(weir(std::move(arguments)));
  }
};

TEST_F(LocalTest, SaysHowManyShardsThereMayBe) {
  const auto end = run({"local", "--port", "0", "--streams", "a:15000,b:5001"});
  EXPECT_EQ(end.status, 2);
  EXPECT_THAT(end.err, HasSubstr("--streams: b: found 5001 shards, expected at most 20000 in all streams"));
}

// It is what every README, script and colleague assumes. The port may be taken here: then that is what is said.
TEST_F(LocalTest, ListensWhereItIsLookedFor) {
  Child local(weir({"local"}));
  std::string said;
  try {
    said = local.wait_for_out("listening on ");
    local.signal(SIGTERM);
  } catch (const std::runtime_error&) {
  }
  const auto end = local.finish();
  EXPECT_TRUE(said == "listening on http://127.0.0.1:4567" ||
              end.err.find("cannot listen on 127.0.0.1:4567: Address already in use") != std::string::npos)
      << said << end.err;
}

// A reader that outlives the endpoint must hear that its place is gone. Taken for one of the new endpoint's, it would
// go on in the middle of other records.
TEST_F(LocalTest, RefusesTheIteratorsOfItsPredecessor) {
  std::string iterator;
  {
    const auto first = start({});
    const auto reply =
        first->call("GetShardIterator",
                    R"({"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"})");
    auto document = wire::Document::parse_json(reply.body);
    ASSERT_TRUE(document.ok()) << reply.body;
    iterator = document->root().text("ShardIterator");
    EXPECT_EQ(first->call("GetRecords", R"({"ShardIterator":")" + iterator + "\"}").status, 200);
  }
  const auto reply = start({})->call("GetRecords", R"({"ShardIterator":")" + iterator + "\"}");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("InvalidArgumentException"));
}

// A failure found with a script must come back with it: the seed is written into it for that.
TEST_F(LocalTest, DrawsFaultsFromTheSeedOfTheFile) {
  write_file("faults.yaml", "seed: 7\nfaults:\n  - { fault: throttle, call: PutRecord, probability: 0.5 }\n");
  emulator::Faults expected(7);
  emulator::Fault fault;
  fault.probability = 0.5;
  expected.add(fault);
  const auto local = start({"--faults", "faults.yaml"});
  std::string seen, drawn;
  for (int i = 0; i < 40; ++i) {
    drawn += expected.strike(emulator::Operation::put_record, "s", "").fault ? 'x' : '.';
    const auto reply = local->call("PutRecord", R"({"StreamName":"s","PartitionKey":"k","Data":"YQ=="})");
    seen += reply.status == 200 ? '.' : 'x';
  }
  EXPECT_EQ(seen, drawn);
}

}  // namespace
}  // namespace weir::cli
