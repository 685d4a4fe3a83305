#include <fmt/format.h>

#include <sstream>

#include "command_support.hpp"

namespace weir::cli {
namespace {

using ::testing::UnorderedElementsAre;

struct RunTest : CommandTest {
  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 2).ok());
    write_pipeline();
  }
  void put(const std::vector<std::string>& texts) { ASSERT_TRUE(kinesis.put("words", texts).ok()); }
  std::string query(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"query", "words.yaml"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto end = run(all);
    EXPECT_EQ(end.status, 0) << end.err;
    return end.out;
  }
  // Until the running worker has committed a count of `key`. Asked before the worker answers, a query would
  // open the state itself, and again and again keep the worker from it.
  void wait_for_count(const std::string& key, int count) {
    wait_until([&] { return std::filesystem::exists(directory / "weir-state" / "words" / "query.sock"); });
    const auto wanted = fmt::format("\"count\":{},", count);
    wait_until([&] { return run({"query", "words.yaml", key, "--json"}).out.find(wanted) != std::string::npos; });
  }
};

// Ctrl-C is how a worker is ended: what was read is counted, and a restart repeats nothing.
TEST_F(RunTest, DrainsOnASignalAndGoesOnAfterARestart) {
  put({R"({"w":"a","n":1})", R"({"w":"a","n":2})"});
  Child first(weir({"run", "words.yaml", "--json"}));
  wait_for_count("a", 2);
  first.signal(SIGINT);
  const auto stopped = first.finish();
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("stopped; everything up to these records is counted:\n  shardId-000000000000  "));
  EXPECT_THAT(stopped.out, HasSubstr("{\"records\":2,"));

  put({R"({"w":"a","n":3})"});
  const auto second = run({"run", "words.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.out, HasSubstr("{\"records\":1,"));
  EXPECT_EQ(query({"a", "--json"}), "{\"key\":\"a\",\"count\":3,\"sum\":6,\"mean\":2}\n");
}

TEST_F(RunTest, StopsOnASignalBeforeItHasBegun) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::slow;
  fault.delay = std::chrono::minutes(2);
  kinesis.faults().add(fault);
  Child run(weir({"run", "words.yaml"}));
  wait_until([&] { return kinesis.calls(emulator::Operation::describe_stream_summary) > 0; });
  run.signal(SIGINT);
  run.wait_for_err("stopped before anything was read");
  run.signal_until_ended(SIGTERM);  // of the same wish, but late
  const auto end = run.finish();
  EXPECT_EQ(end.status, 0) << "it did what it was asked";
  EXPECT_EQ(end.err, "stopped before anything was read\n");
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
}

// The service answers, and not now: no reason to be gone when it does.
TEST_F(RunTest, WaitsForAThrottledServiceWhenItStarts) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::throttle;
  fault.calls = {emulator::Operation::describe_stream_summary};
  fault.times = 5;
  kinesis.faults().add(fault);
  put({R"({"w":"a","n":1})"});
  const auto end = run({"run", "words.yaml", "--until-caught-up"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("; trying again until it succeeds\n"));
  EXPECT_THAT(end.err, HasSubstr("1 record"));
}

// `weir run --until-caught-up && publish`: what was cut short must not be published.
TEST_F(RunTest, StoppedBeforeItCaughtUpIsAFailureWhereThatWasAskedFor) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::throttle;
  fault.calls = {emulator::Operation::get_records};
  kinesis.faults().add(fault);
  Child run(weir({"run", "words.yaml", "--until-caught-up"}));
  wait_until([&] { return kinesis.calls(emulator::Operation::get_records) > 0; });
  run.signal(SIGINT);
  const auto end = run.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("weir run: stopped before every shard had been at its newest record\n"));
  EXPECT_THAT(end.err, HasSubstr("0 records"));
}

// As documented: a JSON array. The argument travels through the command line, which has brackets of its own.
TEST_F(RunTest, FindsCompoundKeys) {
  put({R"({"w":"a","v":"b","n":1})", R"({"w":"[x]","v":7,"n":2})"});
  const std::string rest = "aggregates:\n  count: count\n";
  const std::string source = "name: words\nsource: { stream: words, start: trim_horizon }\n";
  const auto ask = [&](const std::string& keys, const std::vector<std::string>& arguments) {
    const auto state = "state-" + std::to_string(keys.size());
    write_file("words.yaml", source + keys + rest);
    EXPECT_EQ(run({"run", "words.yaml", "--until-caught-up", "--state", state}).status, 0);
    std::vector<std::string> all{"query", "words.yaml", "--json", "--state", state};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
  };
  EXPECT_EQ(ask("key: [w, v]\n", {R"(["a","b"])", R"(["[x]",7])"}).out,
            "{\"key\":[\"a\",\"b\"],\"count\":1}\n{\"key\":[\"[x]\",7],\"count\":1}\n");
  for (const auto* shape : {"[]", "a", R"(["a"])"}) {
    const auto wrong = ask("key: [w, v]\n", {shape});
    EXPECT_EQ(wrong.status, 2);
    EXPECT_THAT(wrong.err, HasSubstr(fmt::format("KEY: found '{}'; pipeline words is keyed by w and v: ", shape)));
  }
  EXPECT_EQ(ask("keys: [w, [w, v]]\n", {R"(["a","b"])", "[x]"}).out,
            "{\"key\":[\"a\",\"b\"],\"by\":[\"w\",\"v\"],\"count\":1}\n{\"key\":\"[x]\",\"by\":\"w\",\"count\":1}\n");
  const auto absent = ask("key: w\n", {"[]", "[x]", ""});
  EXPECT_EQ(absent.status, 1);
  EXPECT_EQ(absent.out, "{\"key\":\"[x]\",\"count\":1}\n");
  EXPECT_EQ(absent.err, "weir query: there is no key '[]'\nweir query: there is no key ''\n");
}

// Asking must not need the worker to stop, which holds the state.
TEST_F(RunTest, AnswersBesideARunningWorker) {
  put({R"({"w":"a","n":1})", "no json"});
  Child worker(weir({"run", "words.yaml"}));
  wait_for_count("a", 1);
  EXPECT_THAT(run({"dead", "list", "words.yaml", "--json"}).out, HasSubstr("\"event_id\":\"words/shardId-"));
  const auto absent = run({"query", "words.yaml", "a", "b", "--json"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.out, HasSubstr("\"key\":\"a\""));
  EXPECT_THAT(absent.err, HasSubstr("there is no key 'b'"));

  const auto second = run({"run", "words.yaml", "--until-caught-up"});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("weir-state/words"));
  EXPECT_THAT(second.err, HasSubstr("use"));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.finish().status, 0);
}

// What was counted until then is counted, and whoever reads the last line wants to know that too.
TEST_F(RunTest, PrintsItsTotalsThoughItHalted) {
  ASSERT_TRUE(kinesis.create("one", 1).ok());
  ASSERT_TRUE(kinesis.put("one", {R"({"w":"a","n":1})", "no json", R"({"w":"a","n":1})"}).ok());
  write_file("one.yaml",
             "name: one\nsource: { stream: one, start: trim_horizon }\nkey: w\naggregates: { n: count }\n"
             "on_failure: halt\n");
  const auto end = run({"run", "one.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.out, HasSubstr("{\"records\":1,"));
  EXPECT_THAT(end.out, HasSubstr("\"halted\":\"record one/shardId-000000000000/"));
  EXPECT_THAT(end.err, HasSubstr("\nweir run: record one/shardId-000000000000/"));
  EXPECT_THAT(end.err, HasSubstr(" failed (BadJson: "));
}

// Nothing else is left of what is skipped.
TEST_F(RunTest, TellsHowManyItSkipped) {
  write_pipeline("on_failure: skip\n");
  put({R"({"w":"a","n":1})", "no json", ""});
  const auto end = run({"run", "words.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\"dead_letters\":0,\"skipped\":2,"));
  EXPECT_THAT(end.err, HasSubstr(", 0 dead letters, 2 skipped, 1 key in "));
}

TEST_F(RunTest, DeadLettersAreCountedAndListedAndChangeNoStatus) {
  put({R"({"w":"a","n":1})", R"({"n":1})", R"({"w":"a","n":"x"})", ""});
  const auto end = run({"run", "words.yaml", "--until-caught-up", "--json"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\"records\":4,"));
  EXPECT_THAT(end.out, HasSubstr("\"dead_letters\":3,\"keys\":1,"));
  EXPECT_THAT(end.err, HasSubstr("3 dead letters, 1 key in "));
  // A wrong field name fails every record, and the run ends well: why must not be looked for.
  EXPECT_THAT(end.err, HasSubstr("\ndead letters: mostly "));
  EXPECT_THAT(end.err, HasSubstr("\n`weir dead list words.yaml` lists them\n"));
  const auto list = run({"dead", "list", "words.yaml"});
  EXPECT_EQ(list.status, 0);
  std::istringstream lines(list.out);
  std::size_t letters = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool names_one = line.starts_with("words/shardId-");  // cannot be broken: it is to be copied
    letters += names_one ? 1 : 0;
    EXPECT_TRUE(names_one || line.size() < 80) << line;
  }
  EXPECT_EQ(letters, 3U);
  EXPECT_THAT(list.out, HasSubstr("MissingKey"));
  EXPECT_THAT(list.out, HasSubstr("WrongType"));
  EXPECT_THAT(list.out, ::testing::Not(HasSubstr("{\"n\":1}")));
  EXPECT_EQ(list.err, "3 dead letters\n");
}

// To mend a record and put it again, one needs the record.
TEST_F(RunTest, DeadLettersComeWithTheirPayload) {
  ASSERT_EQ(run({"put", "words"}, "bad \"text\"\t\x1b\n\xff\x01\n").status, 0);
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  const auto list = run({"dead", "list", "words.yaml", "--json"}).out;
  EXPECT_THAT(list, HasSubstr(R"("bytes":12,"payload":"bad \"text\"\t\u001b"})"));
  EXPECT_THAT(list, HasSubstr(R"("bytes":2,"payload_base64":"/wE="})"));
}

TEST_F(RunTest, CopiesDeadLettersToTheirStream) {
  ASSERT_TRUE(kinesis.create("graves", 1).ok());
  write_pipeline("dead_letters: { stream: graves }\n");
  put({R"({"w":"a","n":1})", "bad", ""});
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  EXPECT_THAT(stored("graves"), UnorderedElementsAre("bad", ""));
}

TEST_F(RunTest, PrintsTheLargest) {
  put({R"({"w":"a","n":1})", R"({"w":"b","n":30})", R"({"w":"c","n":-5})", R"({"w":"d"})", R"({"w":"b","n":30})"});
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  EXPECT_EQ(query({"--top", "2", "--by", "sum", "--json"}),
            "{\"key\":\"b\",\"count\":2,\"sum\":60,\"mean\":30}\n{\"key\":\"a\",\"count\":1,\"sum\":1,\"mean\":1}\n");
  // Without --by the first aggregate; equal counts in key order.
  EXPECT_THAT(query({"--top", "2"}), HasSubstr("\nb        2   60"));
}

// What was counted before stays; what joins counts from then on, and says so.
TEST_F(RunTest, AnAggregateMayBeAdded) {
  put({R"({"w":"a","n":1})"});
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  write_file("words.yaml",
             "name: words\nsource: { stream: words, start: trim_horizon }\nkey: w\naggregates:\n"
             "  worst: { max: n }\n  count: count\n  sum: { sum: n }\n  mean: { mean: n }\n");
  EXPECT_EQ(query({"a", "--json"}), "{\"key\":\"a\",\"worst\":null,\"count\":1,\"sum\":1,\"mean\":1}\n");
  put({R"({"w":"a","n":7})"});
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  EXPECT_EQ(query({"a", "--json"}), "{\"key\":\"a\",\"worst\":7,\"count\":2,\"sum\":8,\"mean\":4}\n");
  EXPECT_THAT(run({"query", "words.yaml", "a"}).err, HasSubstr("worst counts since 20"));
}

// A state may hold millions of keys: without being asked for all, a screenful is enough.
TEST_F(RunTest, PrintsTheFirstKeysUnasked) {
  std::vector<std::string> texts;
  for (int i = 10; i < 45; ++i) {
    texts.push_back(fmt::format("{{\"w\":\"k{}\"}}", i));
  }
  put(texts);
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  const auto first = run({"query", "words.yaml", "--json"});
  EXPECT_EQ(std::count(first.out.begin(), first.out.end(), '\n'), 20);
  EXPECT_THAT(first.err, HasSubstr("the first 20 of 35 keys"));
  const auto all = run({"query", "words.yaml", "--json", "--all"});
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 35);
  EXPECT_EQ(all.err, "");
}

TEST_F(RunTest, KeepsNoStateWhenItIsToldSo) {
  put({R"({"w":"a","n":1})"});
  const auto end = run({"run", "words.yaml", "--until-caught-up", "--state", "memory", "--json"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\"records\":1,"));
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
}

// Lost records are named, with the shard, and counted on over only when somebody says so.
TEST_F(RunTest, HaltsAtAGapUnlessToldToGoOn) {
  put({R"({"w":"a","n":1})"});
  ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  const auto log = kinesis.log("words");
  ASSERT_TRUE(log.ok());
  const auto& shard = (*log)[0].records.empty() ? (*log)[1].id : (*log)[0].id;
  ASSERT_TRUE(kinesis.answer_trimmed("words", shard, emulator::TrimmedAnswer::error).ok());
  std::vector<std::string> more;
  for (int i = 0; i < 10; ++i) {
    more.push_back(R"({"w":"a","n":1})");
  }
  put(more);
  ASSERT_TRUE(kinesis.trim("words", shard).ok());
  const auto halted = run({"run", "words.yaml", "--until-caught-up"});
  EXPECT_EQ(halted.status, 1);
  EXPECT_THAT(halted.err, HasSubstr(shard));
  EXPECT_THAT(halted.err, HasSubstr("`--on-gap continue`"));
  const auto went_on = run({"run", "words.yaml", "--until-caught-up", "--on-gap", "continue", "--json"});
  EXPECT_EQ(went_on.status, 0) << went_on.err;
  // Whoever reads the totals later must hear of it, too.
  const auto later = run({"run", "words.yaml", "--until-caught-up", "--json"});
  for (const auto& end : {went_on, later}) {
    EXPECT_THAT(end.out, HasSubstr("\"gaps\":"));
    EXPECT_THAT(end.out, Not(HasSubstr("\"gaps\":0")));
    EXPECT_THAT(end.err, HasSubstr("on record: the totals may lack what was lost there"));
  }
  // Totals without that word are taken for those of the stream.
  const auto asked = run({"query", "words.yaml", "a", "--json", "--quiet"});
  EXPECT_EQ(asked.status, 0);
  EXPECT_THAT(asked.out, ::testing::StartsWith("{\"key\":\"a\","));
  EXPECT_THAT(asked.err, HasSubstr("weir query: 1 gap on record: the totals may lack what was lost there ("));
  EXPECT_THAT(asked.err, HasSubstr(shard));
  EXPECT_THAT(run({"query", "words.yaml", "absent"}).err, HasSubstr("1 gap on record"));
}

}  // namespace
}  // namespace weir::cli
