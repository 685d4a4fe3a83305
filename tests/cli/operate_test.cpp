#include <fmt/format.h>

#include "command_support.hpp"

namespace weir::cli {
namespace {

using ::testing::Not;

/// What an operator does to a pipeline: several on one read, dead letters, the state.
struct OperateTest : CommandTest {
  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 2).ok());
    write_pipeline();
  }
  void put(const std::vector<std::string>& texts) { ASSERT_TRUE(kinesis.put("words", texts).ok()); }
  void count() {
    const auto end = run({"run", "words.yaml", "--until-caught-up"});
    ASSERT_EQ(end.status, 0) << end.err;
  }
  void write_other(const std::string& more = "") {
    write_file("other.yaml",
               "name: other\nsource: { stream: words, start: trim_horizon }\nkey: v\n"
               "aggregates: { seen: count }\n" +
                   more);
  }
  std::vector<std::string> event_ids() {
    std::vector<std::string> ids;
    const auto listed = run({"dead", "list", "words.yaml", "--json"}).out;
    const std::string before = "{\"event_id\":\"";
    for (auto at = listed.find(before); at != std::string::npos; at = listed.find(before, at + 1)) {
      const auto begin = at + before.size();
      ids.push_back(listed.substr(begin, listed.find('"', begin) - begin));
    }
    return ids;
  }
};

TEST_F(OperateTest, RunsSeveralFilesOnOneRead) {
  write_other();
  put({R"({"w":"a","v":"x"})", R"({"w":"b","v":"x"})"});
  const auto first = run({"run", "words.yaml", "other.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("\"keys\":2,"));
  EXPECT_THAT(first.out, HasSubstr("\"pipeline\":\"other\"}"));
  EXPECT_EQ(run({"query", "other.yaml", "x", "--json"}).out, "{\"key\":\"x\",\"seen\":2}\n");
  EXPECT_EQ(run({"query", "words.yaml", "a", "--json"}).out.substr(0, 21), "{\"key\":\"a\",\"count\":1,");
  put({R"({"w":"a","v":"x"})"});
  const auto second = run({"run", "words.yaml", "other.yaml", "--until-caught-up", "--state", "both"});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_EQ(run({"query", "other.yaml", "x", "--json", "--state", "both/other"}).out, "{\"key\":\"x\",\"seen\":3}\n");
}

// One read has one source: what differs is named, with both files.
TEST_F(OperateTest, RefusesFilesThatCannotShareARead) {
  write_file("other.yaml", "name: other\nsource: { stream: words }\nkey: w\naggregates: { n: count }\n");
  const auto start = run({"run", "words.yaml", "other.yaml"});
  EXPECT_EQ(start.status, 2);
  EXPECT_THAT(start.err, HasSubstr("other.yaml: found another `start` beside words.yaml"));
  write_file("other.yaml",
             "name: other\nsource: { stream: verbs, start: trim_horizon }\nkey: w\naggregates: { n: count }\n");
  EXPECT_THAT(run({"run", "words.yaml", "other.yaml"}).err, HasSubstr("found the streams words and verbs"));
  const auto twice = run({"run", "words.yaml", "words.yaml"});
  EXPECT_EQ(twice.status, 2);
  EXPECT_THAT(twice.err, HasSubstr("found the name words a second time"));
}

TEST_F(OperateTest, TellsOfAPipelineThatHaltsWhileTheOtherGoesOn) {
  write_other("on_failure: halt\n");
  put({R"({"w":"a","v":["no","key"]})", R"({"w":"a","v":"x"})"});
  const auto end = run({"run", "words.yaml", "other.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("weir run: other has halted: record words/shardId-"));
  EXPECT_THAT(end.out, HasSubstr("\"halted\":\"record words/shardId-"));
  EXPECT_THAT(run({"query", "words.yaml", "a", "--json"}).out, HasSubstr("\"count\":2,"));
}

TEST_F(OperateTest, ServesWhatIsMeasured) {
  put({R"({"w":"a","n":1})"});
  Child worker(weir({"run", "words.yaml", "--serve", "0"}));
  const auto line = worker.wait_for_err("serving on ");
  const auto url = line.substr(line.find("http://"));
  EXPECT_THAT(url, ::testing::StartsWith("http://127.0.0.1:"));
  wait_until([&] {
    return run_shell("curl -s " + url + "/metrics").out.find("weir_records_total{pipeline=\"words\"} 1\n") !=
           std::string::npos;
  });
  EXPECT_THAT(run_shell("curl -s " + url + "/healthz").out,
              HasSubstr("{\"healthy\":true,\"pipelines\":{\"words\":[]}}"));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.finish().status, 0);
  const auto wrong = run({"run", "words.yaml", "--serve", "somewhere"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--serve: somewhere is no address to serve on"));
}

// Who was told of a loss may accept that one; the policy stays.
TEST_F(OperateTest, GoesOnAfterALossThatIsAccepted) {
  put({R"({"w":"a","n":1})"});
  count();
  const auto log = kinesis.log("words").value();
  const auto& shard = log[0].records.empty() ? log[1].id : log[0].id;
  put(std::vector<std::string>(20, R"({"w":"a","n":1})"));
  ASSERT_TRUE(kinesis.trim("words", shard).ok());
  ASSERT_TRUE(kinesis.answer_trimmed("words", shard, emulator::TrimmedAnswer::error).ok());
  put(std::vector<std::string>(20, R"({"w":"a","n":1})"));
  const auto halted = run({"run", "words.yaml", "--until-caught-up"});
  EXPECT_EQ(halted.status, 1);
  EXPECT_THAT(halted.err, HasSubstr("`--accept-loss` goes on without what was lost"));
  const auto shown = run({"state", "show", "words.yaml"});
  EXPECT_THAT(shown.out, HasSubstr("not accepted"));
  const auto accepted = run({"run", "words.yaml", "--until-caught-up", "--accept-loss"});
  EXPECT_EQ(accepted.status, 0) << accepted.err;
  EXPECT_THAT(run({"state", "show", "words.yaml"}).out, Not(HasSubstr("not accepted")));
  EXPECT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0) << "it was accepted for good";
}

TEST_F(OperateTest, ShowsExportsAndDropsDeadLetters) {
  put({"no json", R"({"w":"a","n":1})", "no json either"});
  count();
  const auto ids = event_ids();
  ASSERT_EQ(ids.size(), 2U);
  const auto shown = run({"dead", "show", "words.yaml", ids[0]});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr(ids[0]));
  EXPECT_THAT(shown.out, HasSubstr("attempts       1"));
  EXPECT_THAT(shown.out, HasSubstr("payload:\nno json"));
  auto gone = ids[0];
  gone.back() = gone.back() == '0' ? '1' : '0';
  const auto absent = run({"dead", "show", "words.yaml", gone});
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.err, HasSubstr("1 of them is not there"));
  const auto wrong = run({"dead", "show", "words.yaml", "elsewhere/s/1"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("names no record of kinesis:words"));

  const auto records = run({"dead", "export", "words.yaml", "--payloads"}).out;
  EXPECT_THAT(records, HasSubstr("no json\n"));
  EXPECT_THAT(records, HasSubstr("no json either\n"));
  EXPECT_EQ(records.size(), 23U);
  EXPECT_EQ(run({"dead", "export", "words.yaml"}).out, run({"dead", "list", "words.yaml", "--json"}).out);

  const auto unsaid = run({"dead", "drop", "words.yaml"});
  EXPECT_EQ(unsaid.status, 2);
  EXPECT_THAT(unsaid.err, HasSubstr("needs the event ids of dead letters, or --all"));
  EXPECT_EQ(run({"dead", "drop", "words.yaml", ids[0], "--json"}).out, "{\"dropped\":1,\"failed\":0,\"absent\":0}\n");
  EXPECT_EQ(event_ids(), std::vector<std::string>{ids[1]});
  EXPECT_EQ(run({"dead", "drop", "words.yaml", "--all"}).status, 2) << "not by a slip";
  EXPECT_EQ(run({"dead", "drop", "words.yaml", "--all", "--yes"}).status, 0);
  EXPECT_TRUE(event_ids().empty());
}

// A record with a line end in it is no line: put again as two, it would be two records.
TEST_F(OperateTest, ExportsNoRecordAsTwo) {
  put({"one\ntwo", "three"});
  count();
  const auto exported = run({"dead", "export", "words.yaml", "--payloads"});
  EXPECT_EQ(exported.status, 1);
  EXPECT_EQ(exported.out, "three\n");
  EXPECT_THAT(exported.err, HasSubstr("1 dead letter left out"));
}

// Beside a running worker too, which goes on: it does the order itself, for it holds the state.
TEST_F(OperateTest, ReplaysThroughTheRunningWorker) {
  put({"no json", R"({"w":"a","n":1})"});
  Child worker(weir({"run", "words.yaml"}));
  wait_until([&] { return std::filesystem::exists(directory / "weir-state" / "words" / "query.sock"); });
  wait_until([&] { return event_ids().size() == 1; });
  const auto again = run({"dead", "replay", "words.yaml", "--all"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("0 dead letters replayed, 1 failed again and stay"));
  EXPECT_THAT(run({"dead", "list", "words.yaml", "--json"}).out, HasSubstr("\"attempts\":2,"));
  EXPECT_EQ(run({"dead", "drop", "words.yaml", "--all", "--yes"}).status, 0);
  EXPECT_TRUE(event_ids().empty());
  worker.signal(SIGINT);
  EXPECT_EQ(worker.finish().status, 0);
}

TEST_F(OperateTest, ShowsWhereAPipelineStands) {
  put({R"({"w":"a","n":1})", "no json"});
  count();
  const auto shown = run({"state", "show", "words.yaml"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  for (const auto* part :
       {"pipeline      words\n", "source        kinesis:words\n", "start         trim_horizon\n", "keys          1\n",
        "dead letters  1 (7 B)\n", "shardId-000000000000  ", "shardId-000000000001  "}) {
    EXPECT_THAT(shown.out, HasSubstr(part));
  }
  const auto json = run({"state", "show", "words.yaml", "--json"}).out;
  EXPECT_THAT(json, HasSubstr("\"keys\":1,\"dead_letters\":1,\"dead_letter_bytes\":7,\"shards\":[{\"shard\":"));
}

// Forgetting is for good: it is done only when it is meant, and never under a worker's feet.
TEST_F(OperateTest, ForgetsAStateOnlyWhenItIsMeant) {
  EXPECT_THAT(run({"state", "reset", "words.yaml"}).err, HasSubstr("there is no state of pipeline words"));
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
  put({R"({"w":"a","n":1})"});
  count();
  const auto asked = run({"state", "reset", "words.yaml"});
  EXPECT_EQ(asked.status, 1);
  EXPECT_THAT(asked.err, HasSubstr("would forget 1 key, 0 dead letters and every position of pipeline words in "
                                   "weir-state/words; with --yes it does"));
  EXPECT_THAT(run({"query", "words.yaml", "a", "--json"}).out, HasSubstr("\"count\":1,"));
  // Another definition is why one resets; it must not be in the way.
  write_file("words.yaml",
             "name: words\nsource: { stream: words, start: trim_horizon }\nkey: n\naggregates: { n: count }\n");
  EXPECT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 1);
  const auto done = run({"state", "reset", "words.yaml", "--yes"});
  EXPECT_EQ(done.status, 0) << done.err;
  count();
  EXPECT_EQ(run({"query", "words.yaml", "--all", "--json"}).out, "{\"key\":1,\"n\":1}\n");
  Child worker(weir({"run", "words.yaml"}));
  wait_until([&] { return std::filesystem::exists(directory / "weir-state" / "words" / "query.sock"); });
  const auto busy = run({"state", "reset", "words.yaml", "--yes"});
  EXPECT_EQ(busy.status, 1);
  EXPECT_THAT(busy.err, HasSubstr("in use by another process"));
  worker.signal(SIGINT);
  EXPECT_EQ(worker.finish().status, 0);
}

TEST_F(OperateTest, CopiesAStateWhileAWorkerRunsOnIt) {
  put({R"({"w":"a","n":1})"});
  Child worker(weir({"run", "words.yaml"}));
  wait_until([&] { return std::filesystem::exists(directory / "weir-state" / "words" / "query.sock"); });
  wait_until([&] { return run({"query", "words.yaml", "a", "--json"}).out.find("\"count\":1,") != std::string::npos; });
  const auto copied = run({"state", "copy", "words.yaml", "copy"});
  EXPECT_EQ(copied.status, 0) << copied.err;
  put({R"({"w":"a","n":1})"});
  wait_until([&] { return run({"query", "words.yaml", "a", "--json"}).out.find("\"count\":2,") != std::string::npos; });
  EXPECT_THAT(run({"query", "words.yaml", "a", "--json", "--state", "copy"}).out, HasSubstr("\"count\":1,"));
  const auto again = run({"state", "copy", "words.yaml", "copy"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("copy"));
  const auto inside = run({"state", "copy", "words.yaml", "weir-state/words/in"});
  EXPECT_EQ(inside.status, 2);
  EXPECT_THAT(inside.err, HasSubstr("lies in the state directory itself"));
  worker.signal(SIGINT);
  EXPECT_EQ(worker.finish().status, 0);
  // The copy is a state like any other.
  const auto goes_on = run({"run", "words.yaml", "--until-caught-up", "--state", "copy"});
  EXPECT_EQ(goes_on.status, 0) << goes_on.err;
  EXPECT_THAT(run({"query", "words.yaml", "a", "--json", "--state", "copy"}).out, HasSubstr("\"count\":2,"));
}

}  // namespace
}  // namespace weir::cli
