// The largest record that the service takes: ten mebibytes, the key included.
#include "command_support.hpp"

namespace weir::cli {
namespace {

struct LargeRecordTest : CommandTest {
  static emulator::Kinesis::Options options() {
    emulator::Kinesis::Options large;
    large.record_bytes_max = api::record_bytes_max;
    return large;
  }
  void SetUp() override {
    CommandTest::SetUp();
    auto started = emulator::Server::start(large);
    ASSERT_TRUE(started) << started.error().message;
    server = *std::move(started);
    ASSERT_TRUE(large.create("words", 2));
    write_pipeline();
  }
  void TearDown() override {
    server.reset();  // it uses the member below
    CommandTest::TearDown();
  }
  emulator::Kinesis large{options()};
};

TEST_F(LargeRecordTest, IsADeadLetterWhereItIsNoJson) {
  const std::string big(api::record_bytes_max - 256, 'x');  // less the longest key
  write_file("lines", big + "\n{\"w\":\"a\",\"n\":1}\n");
  const auto put = run({"put", "words", "lines"});
  ASSERT_EQ(put.status, 0) << put.err;
  const auto counted = run({"run", "words.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(counted.status, 0) << counted.err;
  EXPECT_THAT(counted.out, HasSubstr("\"records\":2,"));
  EXPECT_THAT(counted.out, HasSubstr("\"dead_letters\":1,"));
  EXPECT_EQ(run({"query", "words.yaml", "--all", "--json"}).out, "{\"key\":\"a\",\"count\":1,\"sum\":1,\"mean\":1}\n");
  const auto kept = run({"dead", "export", "words.yaml", "--all"});
  EXPECT_EQ(kept.status, 0) << kept.err;
  EXPECT_THAT(kept.out, HasSubstr(big)) << "it is not kept whole";
}

TEST_F(LargeRecordTest, IsCountedWhereItIsJson) {
  const std::string more(api::record_bytes_max - 300, 'x');
  write_file("lines", R"({"w":"a","n":7,"more":")" + more + "\"}\n");
  const auto put = run({"put", "words", "lines"});
  ASSERT_EQ(put.status, 0) << put.err;
  const auto counted = run({"run", "words.yaml", "--until-caught-up"});
  EXPECT_EQ(counted.status, 0) << counted.err;
  EXPECT_EQ(run({"query", "words.yaml", "--all", "--json"}).out, "{\"key\":\"a\",\"count\":1,\"sum\":7,\"mean\":7}\n");
}

}  // namespace
}  // namespace weir::cli
