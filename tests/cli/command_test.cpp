// The whole command: an endpoint, records in, totals out.
#include <fmt/format.h>

#include "command_support.hpp"

namespace weir::cli {
namespace {

TEST_F(CommandTest, CountsWhatWasPutIntoALocalEndpoint) {
  write_pipeline();
  Child local(weir({"local", "--port", "0", "--streams", "words:3,other"}));
  const auto line = local.wait_for_out("listening on ");
  ASSERT_TRUE(line.starts_with("listening on http://127.0.0.1:")) << line;
  const auto endpoint = line.substr(line.find("http"));

  std::string records;
  for (int i = 0; i < 3000; ++i) {
    records += fmt::format("{{\"w\":\"k{}\",\"n\":{}}}\n", i % 3, i);
  }
  const auto put = run({"put", "words", "-", "--key", "w", "--endpoint", endpoint}, records);
  EXPECT_EQ(put.status, 0) << put.err;
  EXPECT_EQ(put.out, "");
  EXPECT_TRUE(put.err.starts_with("3,000 records, 5")) << put.err;

  const auto ran = run({"run", "words.yaml", "--until-caught-up", "--json", "--endpoint", endpoint});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("{\"records\":3000,\"bytes\":"));
  EXPECT_THAT(ran.out, HasSubstr(",\"dead_letters\":0,\"keys\":3,\"gaps\":0,\"seconds\":"));
  EXPECT_THAT(ran.err, HasSubstr("3,000 records, "));
  EXPECT_TRUE(std::filesystem::exists(directory / "weir-state" / "words"));

  const auto json = run({"query", "words.yaml", "k2", "k0", "--json"});
  EXPECT_EQ(json.status, 0) << json.err;
  EXPECT_EQ(json.out,
            "{\"key\":\"k2\",\"count\":1000,\"sum\":1500500,\"mean\":1500.5}\n"
            "{\"key\":\"k0\",\"count\":1000,\"sum\":1498500,\"mean\":1498.5}\n");
  const auto table = run({"query", "words.yaml", "--all"});
  EXPECT_EQ(table.out,
            "key  count        sum      mean\n"
            "k0   1,000  1,498,500  1,498.50\n"
            "k1   1,000  1,499,500  1,499.50\n"
            "k2   1,000  1,500,500  1,500.50\n");

  local.signal(SIGTERM);
  local.signal_until_ended(SIGINT);  // `timeout` sends two, and the second may come at any moment
  const auto end = local.finish();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(end.out, line + "\n");
  EXPECT_TRUE(end.err.starts_with("served ")) << end.err;
  EXPECT_THAT(end.err, HasSubstr(" PutRecords"));
}

TEST_F(CommandTest, LocalStrikesWithTheFaultsOfAFile) {
  write_file("faults.yaml", "faults:\n  - fault: failed-entries\n    probability: 0.5\n    times: 3\n");
  Child local(weir({"local", "--port", "0", "--streams", "s", "--faults", "faults.yaml"}));
  const auto line = local.wait_for_out("listening on ");
  const auto put = run({"put", "s", "--endpoint", line.substr(line.find("http"))}, "a\nb\nc\nd\n");
  EXPECT_EQ(put.status, 0) << put.err;
  local.signal(SIGINT);
  const auto end = local.finish();
  EXPECT_EQ(end.status, 0);
  EXPECT_THAT(end.err, HasSubstr("3 struck by faults"));
}

TEST_F(CommandTest, LocalSaysThatItsPortIsTaken) {
  const auto taken = run({"local", "--port", std::to_string(server->port())});
  EXPECT_EQ(taken.status, 1);
  EXPECT_EQ(taken.out, "");
  EXPECT_THAT(taken.err, HasSubstr(std::to_string(server->port())));
  EXPECT_THAT(taken.err, HasSubstr("in use; --port 0 picks a free one"));
}

TEST_F(CommandTest, PrintsItsVersionAndHelp) {
  const auto version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "weir 0.1.0\n");
  for (const auto& arguments : {std::vector<std::string>{"--help"},
                                {"help"},
                                {"help", "put"},
                                {"help", "dead"},
                                {"dead", "--help"},
                                {"put", "x", "--help"},
                                {"dead", "list", "-h"}}) {
    const auto help = run(arguments);
    EXPECT_EQ(help.status, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(help.out, HasSubstr("Example:\n"));
  }
  const auto nothing = run({});
  EXPECT_EQ(nothing.status, 2);
  EXPECT_EQ(nothing.out, "");
  EXPECT_THAT(nothing.err, HasSubstr("Usage: weir COMMAND"));
}

// `weir query --all | head -1`: a reader that has seen enough is no failure.
TEST_F(CommandTest, EndsQuietlyWhenNobodyReads) {
  write_pipeline();
  ASSERT_TRUE(kinesis.create("words", 1).ok());
  std::string records;
  for (int i = 0; i < 20'000; ++i) {
    records += fmt::format("{{\"w\":\"key-{}\"}}\n", i);
  }
  ASSERT_EQ(run({"put", "words"}, records).status, 0);
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  Child query(weir({"query", "words.yaml", "--all", "--json"}));
  query.wait_for_out("\"key\"");
  query.close_output();
  const auto end = query.finish();
  EXPECT_EQ(end.status, 0);
  EXPECT_EQ(end.err, "");
}

TEST_F(CommandTest, SaysThatItsOutputCannotBeWritten) {
  Child::Options shell;
  shell.program = "/bin/sh";
  shell.arguments = {"-c", "\"$0\" --help > /dev/full", WEIR_COMMAND};
  Child child(shell);
  const auto end = child.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("cannot write to standard output: No space left on device"));
}

}  // namespace
}  // namespace weir::cli
