#include "weir/pipeline/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "folding.hpp"
#include "tests/support/compressed.hpp"

namespace weir::pipelines {
namespace {

using ::testing::HasSubstr;

const std::string head = "name: departures\nsource: { stream: flights }\n";
const std::string tail = "key: origin\naggregates: { flights: count }\n";

FileDefinition read(const std::string& text) {
  auto file = parse_file(text, "f.yaml");
  EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
  return file.ok() ? std::move(*file) : FileDefinition();
}
std::string mistake(const std::string& text) {
  const auto file = parse_file(text, "f.yaml");
  EXPECT_FALSE(file.ok()) << text;
  return file.ok() ? "" : file.error().message;
}
PipelinePtr pipeline(const std::string& rest) { return read(head + rest).pipeline; }

TEST(PipelineFile, TheExampleIsRead) {
  const auto file = load_file(WEIR_SOURCE_DIR "/examples/flights.yaml");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->pipeline->name(), "departures");
  EXPECT_EQ(file->source.stream, "flights");
  EXPECT_EQ(file->source.start, FileSource::Start::trim_horizon);
  EXPECT_EQ(file->state, "");
  EXPECT_EQ(file->pipeline->definition(),
            "decode json\ntime arrival\nkey \"origin\"\nkeep \"flights\" count\n"
            "keep \"delay\" mean \"delay\"\nkeep \"worst\" max \"delay\"\n");
}

TEST(PipelineFile, EverySettingIsRead) {
  const auto file = read(R"(name: d
source:
  stream: arn:aws:kinesis:us-east-1:123456789012:stream/flights
  start: at_timestamp
  timestamp: 2026-11-24T06:05:30Z
  region: eu-west-1
  endpoint: http://127.0.0.1:4567
  profile: work
decode: json
state: memory
dead_letters: { stream: flights-dead }
keys: [origin, [origin, destination]]
aggregates: { n: count, s: { sum: a.b } }
)");
  EXPECT_EQ(weir::to_string(file.source.timestamp), "2026-11-24T06:05:30.000Z");
  EXPECT_EQ(file.source.region, "eu-west-1");
  EXPECT_EQ(file.source.endpoint, "http://127.0.0.1:4567");
  EXPECT_EQ(file.source.profile, "work");
  EXPECT_EQ(file.state, "memory");
  EXPECT_EQ(file.dead_letter_stream, "flights-dead");
  const auto numbered = read(
      "name: d\nsource: {stream: s, start: after_sequence_number, shard: shardId-000000000000, sequence_number: 12}\n" +
      tail);
  EXPECT_EQ(numbered.source.start, FileSource::Start::after_sequence_number);
  EXPECT_EQ(numbered.source.shard, "shardId-000000000000");
  EXPECT_EQ(numbered.source.sequence_number.text(), "12");
  EXPECT_EQ(read(head + tail).source.start, FileSource::Start::latest) << "the default of Kinesis readers";
}

// What is said of failing records reaches the pipeline, and what cannot be meant is refused.
TEST(PipelineFile, SaysWhatBecomesOfFailingRecords) {
  const auto policy_of = [](const std::string& more) { return read(head + tail + more).pipeline->failure_policy(); };
  EXPECT_EQ(policy_of("").on_failure, OnFailure::dead_letter);
  EXPECT_EQ(policy_of("").letters_max, 100'000U);
  EXPECT_EQ(policy_of("on_failure: dead_letter\n").on_failure, OnFailure::dead_letter);
  EXPECT_EQ(policy_of("on_failure: halt\n").on_failure, OnFailure::halt);
  EXPECT_EQ(policy_of("on_failure: skip\n").on_failure, OnFailure::skip);
  const auto bounded = policy_of("dead_letters: { count_max: 7, bytes_max: 8000 }\n");
  EXPECT_EQ(bounded.letters_max, 7U);
  EXPECT_EQ(bounded.letter_bytes_max, 8000U);
  EXPECT_EQ(read(head + tail + "on_failure: halt\n").pipeline->definition(), read(head + tail).pipeline->definition())
      << "a policy may change; the totals are of the same definition";
  EXPECT_THAT(mistake(head + tail + "on_failure: ignore\n"), HasSubstr("expected dead_letter, halt or skip"));
  EXPECT_THAT(mistake(head + tail + "dead_letters: { count_max: 0 }\n"), HasSubstr("found \"0\", expected how many"));
  EXPECT_THAT(mistake(head + tail + "dead_letters: { bytes_max: 1 GiB }\n"), HasSubstr("expected how many bytes"));
  EXPECT_THAT(mistake(head + tail + "on_failure: skip\ndead_letters: { count_max: 5 }\n"),
              HasSubstr("it only with `on_failure: dead_letter`"));
}

// A typed mistake is found by file, line and column, with what was there and what should be.
TEST(PipelineFile, EachMistakeIsToldWithItsPlace) {
  EXPECT_EQ(mistake(head + "key: origin\nagregates: { n: count }\n"),
            "f.yaml:4:1: found \"agregates\", expected name, source, unpack, decompress, decode, event_time, key, "
            "keys, aggregates, "
            "window, retention, state, on_failure or dead_letters (did you mean \"aggregates\"?)");
  EXPECT_EQ(mistake("name: d\nsource: { stream: s, start: trim_horizont }\n" + tail),
            "f.yaml:2:29: found \"trim_horizont\", expected latest, trim_horizon, at_timestamp, at_sequence_number or "
            "after_sequence_number (did you mean \"trim_horizon\"?)");
  EXPECT_THAT(mistake("name: d\nsource: { stream: s, strat: latest }\n" + tail),
              HasSubstr("(did you mean \"start\"?)"));
  EXPECT_EQ(mistake(head + "key: origin\n"),
            "f.yaml:1:1: found no `aggregates`, expected what to keep, such as { flights: count }");
  EXPECT_EQ(mistake(head + "key: origin\naggregates: { n: mean }\n"),
            "f.yaml:4:18: found \"mean\", expected the field too: { mean: <field> }");
  EXPECT_EQ(mistake(head + "key: origin\naggregates: { n: { median: a } }\n"),
            "f.yaml:4:20: found \"median\", expected sum, mean, min or max (did you mean \"mean\"?)");
  EXPECT_EQ(mistake(head + tail + "window: 1d\n"),
            "f.yaml:5:9: found `window`, expected no windows: this version keeps one total per key, for all time");
  EXPECT_EQ(mistake(head + tail + "name: again\n"), "f.yaml:5:1: found \"name\" a second time, expected it once");
  EXPECT_EQ(mistake("name: [a]\nsource: { stream: s }\n" + tail),
            "f.yaml:1:7: found a list, expected the pipeline's name");
}

// Found out when the first record comes, or by the service's own words, they would have no place.
TEST(PipelineFile, EachValueIsCheckedWhereItStands) {
  EXPECT_EQ(mistake(head + "decode: text\nkey: origin\naggregates: { n: count }\n"),
            "f.yaml:4:6: found \"origin\", expected `text`: with `decode: text` there is no other field");
  EXPECT_EQ(mistake(head + "decode: bytes\nkey: bytes\naggregates: { n: { sum: a } }\n"),
            "f.yaml:5:25: found \"a\", expected `bytes`: with `decode: bytes` there is no other field");
  const std::string path = "expected a field such as `delay`, or a path such as `flight.delay`";
  EXPECT_EQ(mistake(head + "key: a..b\naggregates: { n: count }\n"), "f.yaml:3:6: found \"a..b\", " + path);
  EXPECT_EQ(mistake(head + "key: [a, b.]\naggregates: { n: count }\n"), "f.yaml:3:10: found \"b.\", " + path);
  EXPECT_EQ(mistake(head + "keys: [a, [b, .c]]\naggregates: { n: count }\n"), "f.yaml:3:15: found \".c\", " + path);
  EXPECT_EQ(mistake(head + tail + "event_time: .\n"), "f.yaml:5:13: found \".\", " + path);
  const std::string name = "expected a stream's name (1 to 128 of a-z A-Z 0-9 _ . -)";
  const std::string arn = name + ", or arn:aws:kinesis:<region>:<account>:stream/<name>";
  EXPECT_EQ(mistake("name: d\nsource: { stream: 'b d' }\n" + tail), "f.yaml:2:19: found \"b d\", " + arn);
  EXPECT_EQ(mistake("name: d\nsource:\n  stream: 'arn:aws:s3:::x'\n" + tail),
            "f.yaml:3:11: found \"arn:aws:s3:::x\", " + arn);
  EXPECT_EQ(mistake(head + tail + "dead_letters: { stream: a/b }\n"), "f.yaml:5:25: found \"a/b\", " + name);
  EXPECT_EQ(mistake(""), "f.yaml:1:1: found nothing, expected a pipeline: `name: ...`");
  EXPECT_EQ(mistake(head + tail + "---\n" + head), "f.yaml:5:1: found a second document, expected one pipeline");
}

TEST(PipelineFile, UnpackAndDecompressAreRead) {
  const auto unpacking = pipeline("unpack: kpl\ndecompress: zstd\n" + tail);
  EXPECT_TRUE(unpacking->unpacks_kpl());
  EXPECT_EQ(unpacking->definition(),
            "decode json\nunpack kpl\ndecompress zstd\ntime arrival\nkey \"origin\"\nkeep \"flights\" count\n");
  EXPECT_FALSE(pipeline(tail)->unpacks_kpl());
  EXPECT_EQ(mistake(head + tail + "unpack: kinesis\n"), "f.yaml:5:9: found \"kinesis\", expected kpl");
  EXPECT_EQ(mistake(head + tail + "unpack: [kpl]\n"), "f.yaml:5:9: found a list, expected kpl");
  EXPECT_EQ(mistake(head + tail + "decompress: gzib\n"),
            "f.yaml:5:13: found \"gzib\", expected gzip or zstd (did you mean \"gzip\"?)");
  EXPECT_EQ(mistake(head + tail + "unpak: kpl\n").substr(0, 24), "f.yaml:5:1: found \"unpak");
}

TEST(PipelineFile, RegionAndEndpointAreCheckedByWhoCallsThem) {
  FileChecks checks;
  checks.region = [](std::string_view text) { return text == "good"; };
  checks.endpoint = checks.region;
  const auto read_with = [&](const std::string& setting) {
    const auto file = parse_file("name: d\nsource: { stream: s, " + setting + " }\n" + tail, "f.yaml", checks);
    return file ? std::string() : file.error().message;
  };
  EXPECT_EQ(read_with("region: good, endpoint: good"), "");
  EXPECT_EQ(read_with("region: 'a b'"), "f.yaml:2:30: found \"a b\", expected a region such as us-east-1");
  EXPECT_EQ(read_with("endpoint: foo"),
            "f.yaml:2:32: found \"foo\", expected an address such as http://127.0.0.1:4567");
  EXPECT_EQ(read_with("endpoint: 'http://me:hush@x'"),
            "f.yaml:2:32: found a user name or password, expected an address such as http://127.0.0.1:4567");
}

// Nothing half-meant is accepted: each of these would run and count something nobody asked for.
TEST(PipelineFile, RefusesWhatMakesNoPipeline) {
  for (const auto& text : {
           std::string(),
           std::string("- a\n"),
           std::string("name: d\n"),
           head,
           head + "key: a\naggregates: {}\n",
           head + "key: []\naggregates: { n: count }\n",
           head + "key: [a, a]\naggregates: { n: count }\n",
           head + "key: a\nkeys: [b]\naggregates: { n: count }\n",
           head + "keys: [a, a]\naggregates: { n: count }\n",
           head + "key: a..b\naggregates: { n: count }\n",
           head + "key:\naggregates: { n: count }\n",
           head + "key: a\naggregates: { key: count }\n",
           head + "key: a\naggregates: { by: count }\n",
           head + "key: a\naggregates: { \"a b\": count }\n",
           head + "key: a\naggregates: { n: { sum: a, max: a } }\n",
           head + "key: a\naggregates: { n: { sum: } }\n",
           head + "key: a\naggregates: [count]\n",
           head + tail + "retention: 90d\n",
           head + tail + "decode: xml\n",
           head + tail + "decode: text\n",
           head + tail + "dead_letters: s\n",
           head + tail + "---\n" + head + tail,
           std::string("name: a/b\nsource: { stream: s }\n") + tail,
           std::string("name: d\nsource: flights\n") + tail,
           std::string("name: d\nsource: { start: latest }\n") + tail,
           std::string("name: d\nsource: { stream: s, start: at_timestamp }\n") + tail,
           std::string("name: d\nsource: { stream: s, timestamp: 2026-11-24T06:05:30Z }\n") + tail,
           std::string("name: d\nsource: { stream: s, start: at_timestamp, timestamp: soon }\n") + tail,
           std::string("name: d\nsource: { stream: s, start: at_sequence_number, shard: a }\n") + tail,
           std::string("name: d\nsource: { stream: s, start: at_sequence_number, shard: a, sequence_number: -1 }\n") +
               tail,
           std::string("name: d\nsource: { stream: s, shard: a }\n") + tail,
           std::string("name: \"d\n"),
           std::string("a: &a [*a]\n"),
           std::string(2'000'000, 'a'),
       }) {
    EXPECT_NE(mistake(text).find("f.yaml"), std::string::npos) << text.substr(0, 200);
  }
}

TEST(PipelineFile, AFileThatCannotBeReadIsNamed) {
  EXPECT_EQ(load_file("/no/such/file.yaml").error().message, "there is no file /no/such/file.yaml");
  EXPECT_EQ(load_file("/").error().message, "/ cannot be read: Is a directory");
  for (const auto* path : {"/no/such/file.yaml", "/"}) {
    const auto file = load_file(path);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code, "NoPipelineFile") << file.error().message;
    EXPECT_NE(file.error().message.find(path), std::string::npos);
  }
}

TEST(FieldPipeline, KeepsTotalsByKey) {
  const auto p =
      pipeline("key: origin\naggregates: { flights: count, delay: { mean: delay }, worst: { max: delay } }\n");
  const auto folded = fold(*p, {R"({"origin":"JFK","delay":1})", R"({"origin":"LAX"})",
                                R"({"origin":"JFK","delay":4.0})", R"({"origin":"JFK","delay":null})"});
  EXPECT_EQ(folded.printed(*p), (Lines{R"({"key":"JFK","flights":3,"delay":2.5,"worst":4})",
                                       R"({"key":"LAX","flights":1,"delay":null,"worst":null})"}));
  EXPECT_TRUE(folded.failures.empty());
}

// A record that fails must leave nothing behind: a count without its delay would be a total of no records.
TEST(FieldPipeline, ARecordIsTakenWholeOrNotAtAll) {
  const auto p = pipeline("keys: [a, b]\naggregates: { n: count, s: { sum: v } }\nevent_time: t\n");
  const std::string ok = R"({"a":1,"b":2,"v":3,"t":0})";
  struct Case {
    const char* payload;
    const char* code;
    const char* reason;
  };
  const Case cases[] = {
      {R"({"a":1,"b":null,"v":3,"t":0})", "MissingKey", "the key b is missing or null"},
      {R"({"a":1,"v":3,"t":0})", "MissingKey", "the key b is missing or null"},
      {R"({"a":1,"b":2.5,"v":3,"t":0})", "WrongType",
       "member b: expected a string, an integer or a boolean as key, found a number with a fraction"},
      {R"({"a":1,"b":[2],"v":3,"t":0})", "WrongType",
       "member b: expected a string, an integer or a boolean as key, found an array"},
      {R"({"a":1,"b":2,"v":"3","t":0})", "WrongType", "member v: expected a number, found a string"},
      {R"({"a":1,"b":2,"v":true,"t":0})", "WrongType", "member v: expected a number, found a boolean"},
      {R"({"a":1,"b":2,"v":3})", "MissingEventTime", "the event time is missing"},
      {R"({"a":1,"b":2,"v":1e999,"t":0})", "OutOfRange", "member v: the number does not fit"},
      {"", "BadJson", "payload: not JSON: empty"},
  };
  std::vector<std::string> payloads{ok};
  for (const auto& c : cases) {
    payloads.emplace_back(c.payload);
  }
  payloads.push_back(R"({"a":1,"b":")" + std::string(3000, 'x') + R"(","v":3,"t":0})");
  payloads.push_back(ok);
  const auto folded = fold(*p, payloads);
  EXPECT_EQ(folded.printed(*p), (Lines{R"({"key":1,"by":"a","n":2,"s":6})", R"({"key":2,"by":"b","n":2,"s":6})"}));
  ASSERT_EQ(folded.failures.size(), std::size(cases) + 1);
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(folded.failures[i].index, i + 1);
    EXPECT_EQ(folded.failures[i].code, cases[i].code) << cases[i].payload;
    EXPECT_EQ(folded.failures[i].reason, cases[i].reason) << cases[i].payload;
  }
  // Without the numbers nobody knows by how much, nor what to change the key to.
  EXPECT_EQ(folded.failures.back().code, "KeyTooLong");
  EXPECT_EQ(folded.failures.back().reason, "the key takes 3012 bytes as it is stored, at most 2048 are possible");
}

// Far ahead of its arrival a time is a mistake (a wrong unit, a wrong clock); an hour is a clock's drift.
TEST(FieldPipeline, AnEventTimeMayBeADayAhead) {
  const auto p = pipeline("key: k\nevent_time: t\naggregates: { n: count }\n");
  const auto arrival = *parse_rfc3339("2026-11-24T00:00:00Z");
  const auto folded = fold(*p,
                           {R"({"k":1,"t":"2026-11-25T00:00:00Z"})", R"({"k":1,"t":"2026-11-25T00:00:01Z"})",
                            R"({"k":1,"t":"2001/01/10 18:20"})", R"({"k":1,"t":"soon"})"},
                           1000, arrival);
  ASSERT_EQ(folded.failures.size(), 2U);
  EXPECT_EQ(folded.failures[0].code, "EventTimeAhead");
  EXPECT_EQ(folded.failures[1].code, "BadEventTime");
  EXPECT_EQ(folded.printed(*p), (Lines{R"({"key":1,"n":2})"}));
}

TEST(FieldPipeline, KeysKeepTheirTypes) {
  const auto p = pipeline("key: k\naggregates: { n: count }\n");
  const auto folded = fold(
      *p, {R"({"k":"1"})", R"({"k":1})", R"({"k":1.0})", R"({"k":true})", R"({"k":""})", R"({"k":"a\"\u0000\n"})"});
  EXPECT_EQ(folded.printed(*p), (Lines{R"({"key":true,"n":1})", R"({"key":1,"n":2})", R"({"key":"","n":1})",
                                       R"({"key":"1","n":1})", R"({"key":"a\"\u0000\n","n":1})"}));
}

// `weir query FILE KEY`: what a person types must find the rows it may mean.
TEST(FieldPipeline, TypedKeysFindTheirRows) {
  const auto single = pipeline("key: k\naggregates: { n: count }\n");
  const auto rows = fold(*single, {R"({"k":"1"})", R"({"k":1})", R"({"k":"[x]"})", R"({"k":"JFK"})"}).rows;
  const auto found = [&rows](const Pipeline& p, std::string_view text) {
    std::size_t count = 0;
    const auto keys = p.row_keys(text).value();
    for (const auto& key : keys) {
      count += rows.count(key);
    }
    return count;
  };
  EXPECT_EQ(found(*single, "JFK"), 1U);
  EXPECT_EQ(found(*single, "1"), 2U) << "the string and the integer";
  EXPECT_EQ(found(*single, "[1]"), 1U) << "an array says which";
  EXPECT_EQ(found(*single, "[\"1\"]"), 1U);
  EXPECT_EQ(found(*single, "[x]"), 1U) << "a key may look like a broken array";
  EXPECT_EQ(found(*single, ""), 0U);

  EXPECT_EQ(found(*single, "\"1\""), 1U) << "so do quotes";
  EXPECT_EQ(found(*single, "\"JFK"), 0U);

  const auto compound = pipeline("key: [a, b]\naggregates: { n: count }\n");
  const auto pair = fold(*compound, {R"({"a":"JFK","b":7})"});
  EXPECT_EQ(compound->row_keys(R"(["JFK", 7])").value(), std::vector<std::string>{pair.rows.begin()->first});
  EXPECT_EQ(pair.printed(*compound), (Lines{R"({"key":["JFK",7],"n":1})"}));
  for (const auto* bad : {"JFK", "[\"JFK\"]", "[\"JFK\",7,8]", "[\"JFK\",null]", "[\"JFK\""}) {
    const auto keys = compound->row_keys(bad);
    ASSERT_FALSE(keys.ok()) << bad;
    EXPECT_NE(keys.error().message.find("a and b"), std::string::npos) << keys.error().message;
  }
  const auto both = pipeline("keys: [a, b, [a, b]]\naggregates: { n: count }\n");
  EXPECT_EQ(both->row_keys("JFK").value().size(), 2U) << "either of the single ones";
}

TEST(FieldPipeline, TextAndBytesAreOneField) {
  const auto text = pipeline("decode: text\nkey: text\naggregates: { n: count }\n");
  const auto lines = fold(*text, {"GET /", "GET /", "", "\xff"});
  EXPECT_EQ(lines.printed(*text), (Lines{R"({"key":"","n":1})", R"({"key":"GET /","n":2})"}));
  ASSERT_EQ(lines.failures.size(), 1U);
  EXPECT_EQ(lines.failures[0].code, "BadText");
  const auto bytes = pipeline("decode: bytes\nkey: bytes\naggregates: { n: count }\n");
  EXPECT_EQ(fold(*bytes, {"a\xff"}).printed(*bytes), (Lines{R"({"key":{"base64":"Yf8="},"n":1})"}));
}

// Printed as U+FFFD, two keys have one name, and neither can be asked for: 0xFF and 0xFE here, alone and in a pair.
TEST(FieldPipeline, KeysOfBytesArePrintedExactlyAndFoundAsPrinted) {
  const auto bytes = pipeline("decode: bytes\nkey: bytes\naggregates: { n: count }\n");
  const auto folded = fold(*bytes, {"\xff", "\xfe"});
  EXPECT_EQ(folded.printed(*bytes),
            (Lines{R"({"key":{"base64":"/g=="},"n":1})", R"({"key":{"base64":"/w=="},"n":1})"}));
  for (const auto* typed : {R"({"base64":"/w=="})", R"([ {"base64" : "/w=="} ])"}) {
    const auto keys = bytes->row_keys(typed).value();
    EXPECT_EQ(std::count_if(keys.begin(), keys.end(), [&](const auto& key) { return folded.rows.count(key) > 0; }), 1)
        << typed;
    EXPECT_NE(std::find(keys.begin(), keys.end(), folded.rows.rbegin()->first), keys.end()) << typed;
  }
  for (const auto* literal : {R"({"base64":"/w="})", R"({"base64":"/w==","x":1})", R"({"base46":"/w=="})", "{}", "{"}) {
    EXPECT_EQ(bytes->row_keys(literal).value().size(), 1U) << literal << " is nothing but that text";
  }
}

// An aggregate may join a pipeline that has state, which notes since when it counts; anything else would mix
// totals of different meanings.
// A payload that is not what the pipeline says is a dead letter like any other; those beside it count.
TEST(FieldPipeline, PayloadsAreDecompressed) {
  using weir::testing::gzip;
  using weir::testing::zstd;
  const std::string jfk = R"({"origin":"JFK","delay":2})";
  const auto gzipped = pipeline("decompress: gzip\nkey: origin\naggregates: { n: count, d: { sum: delay } }\n");
  const auto folded = fold(*gzipped, {gzip(jfk), jfk, gzip(jfk), gzip(jfk).substr(0, 20), gzip("{"), zstd(jfk),
                                      gzip(std::string(decode::decompressed_bytes_max + 1, ' '))});
  EXPECT_EQ(folded.printed(*gzipped), (Lines{R"({"key":"JFK","n":2,"d":4})"}));
  std::vector<std::string> codes;
  for (const auto& failure : folded.failures) {
    codes.push_back(std::to_string(failure.index) + failure.code);
  }
  EXPECT_EQ(codes, (Lines{"1BadGzip", "3BadGzip", "4BadJson", "5BadGzip", "6TooLarge"}));
  const auto zstandard = pipeline("decompress: zstd\nkey: origin\naggregates: { n: count }\n");
  EXPECT_EQ(fold(*zstandard, {zstd(jfk), zstd(jfk, false)}).printed(*zstandard), (Lines{R"({"key":"JFK","n":2})"}));
  const auto text = pipeline("decompress: zstd\ndecode: text\nkey: text\naggregates: { n: count }\n");
  EXPECT_EQ(fold(*text, {zstd("a"), zstd("b"), zstd("a")}).printed(*text),
            (Lines{R"({"key":"a","n":2})", R"({"key":"b","n":1})"}));
}

// Counting user records where whole ones were counted, or the other way round, makes totals of neither.
TEST(Definitions, UnpackAndDecompressCannotBeChanged) {
  const auto plain = pipeline(tail)->definition();
  const auto unpacking = pipeline("unpack: kpl\n" + tail)->definition();
  const auto gzipped = pipeline("decompress: gzip\n" + tail)->definition();
  const auto zstandard = pipeline("decompress: zstd\n" + tail)->definition();
  const auto refusal = [](const std::string& stored, const std::string& current) {
    const auto result = continue_definition(stored, current, Timestamp());
    return result ? std::string("taken") : result.error().message;
  };
  EXPECT_EQ(refusal(unpacking, unpacking), "taken");
  EXPECT_EQ(refusal(plain, unpacking),
            "the state was made with no `unpack`, the pipeline says `unpack kpl`: use another state, or put it back");
  EXPECT_EQ(refusal(unpacking, plain),
            "the state was made with `unpack kpl`, the pipeline says no `unpack`: use another state, or put it back");
  EXPECT_EQ(refusal(gzipped, zstandard),
            "the state was made with `decompress gzip`, the pipeline says `decompress zstd`: use another state, or put "
            "it back");
}

TEST(Definitions, OnlyAnAddedAggregateIsTheSamePipeline) {
  const auto old = pipeline("key: origin\naggregates: { n: count, s: { sum: v } }\n")->definition();
  const auto added = pipeline("key: origin\naggregates: { m: { max: v }, s: { sum: v }, n: count }\n")->definition();
  const auto now = parse_rfc3339("2026-01-02T03:04:05Z").value();
  EXPECT_EQ(continue_definition(old, old, now).value(), old);
  const auto noted = continue_definition(old, added, now).value();
  EXPECT_EQ(noted, added + "since \"m\" 2026-01-02T03:04:05.000Z\n");
  EXPECT_EQ(continue_definition(noted, added, now + std::chrono::hours(1)).value(), noted) << "once";
  ASSERT_EQ(added_aggregates(noted).size(), 1U);
  EXPECT_EQ(added_aggregates(noted)[0].name, "m");
  EXPECT_EQ(added_aggregates(noted)[0].since, "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(added_aggregates(old).size(), 0U);
  EXPECT_FALSE(continue_definition(noted, old, now).ok());
  const auto other = [&old, now](const std::string& rest) {
    const auto result = continue_definition(old, pipeline(rest)->definition(), now);
    EXPECT_FALSE(result.ok()) << rest;
    return result.ok() ? "" : result.error().message;
  };
  EXPECT_EQ(
      other("key: destination\naggregates: { n: count, s: { sum: v } }\n"),
      "the state was made with `key \"origin\"`, the pipeline says `key \"destination\"`: use another state, or put "
      "it back");
  EXPECT_EQ(
      other("key: origin\naggregates: { n: count, s: { max: v } }\n"),
      "the state was made with `keep \"s\" sum \"v\"`, the pipeline says `keep \"s\" max \"v\"`: use another state, "
      "or put it back");
  other("key: origin\nevent_time: t\naggregates: { n: count, s: { sum: v } }\n");
  other("keys: [origin, v]\naggregates: { n: count, s: { sum: v } }\n");
  other("key: [origin, v]\naggregates: { n: count, s: { sum: v } }\n");
}

}  // namespace
}  // namespace weir::pipelines
