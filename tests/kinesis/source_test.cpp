#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/describe.hpp>

#include "tests/kinesis/source_fixture.hpp"

namespace weir::kinesis::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SourceTest, ReadsEveryRecordOfEveryShardInOrder) {
  ASSERT_TRUE(kinesis.create("s", 4));
  Texts put;
  for (int i = 0; i < 200; ++i) {
    put.push_back("r" + std::to_string(i));
  }
  ASSERT_TRUE(kinesis.put("s", put));
  start();
  read_until(200);
  EXPECT_TRUE(finish());
  auto log = *kinesis.log("s");
  ASSERT_EQ(log.size(), 4U);
  for (const auto& shard : log) {
    Texts expected;
    for (const auto& record : shard.records) {
      expected.push_back(record.data);
    }
    EXPECT_EQ(sink.by_shard[shard.id], expected) << shard.id;
  }
}

// A restart that goes back repeats records, one that goes on from a later place loses them.
TEST_F(SourceTest, ResumesAfterTheStoredPosition) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a", "b"}));
  start();
  read_until(2);
  EXPECT_TRUE(finish());
  ASSERT_TRUE(kinesis.put("s", {"c"}));
  start();
  read_until(3);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b", "c"}));
  EXPECT_THAT(sink.gaps, IsEmpty());
}

// An iterator can expire while the store is slow. It is reopened after the last record handed out: earlier
// would repeat records, later would lose them.
TEST_F(SourceTest, ReopensAnExpiredIteratorAfterTheLastRecord) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a", "b"}));
  start();
  read_until(2);
  kinesis.expire_iterators();
  ASSERT_TRUE(kinesis.put("s", {"c"}));
  read_until(3);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b", "c"}));
}

// An endpoint that expires every iterator must not be asked in a tight loop.
TEST_F(SourceTest, PacesItselfWhenEveryIteratorExpiresAtOnce) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  add(fault(Fault::Kind::expired_iterator, Operation::get_records, 50));
  start();
  time.run_for(seconds(10));
  EXPECT_LT(kinesis.calls(Operation::get_records), 50U);
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a"}));
}

TEST_F(SourceTest, WaitsOutThrottlingAndSaysSo) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  add(fault(Fault::Kind::throttle, Operation::get_records, 5));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_TRUE(sink.saw(shard0, ShardState::throttled));
  EXPECT_THAT(sink.reasons, Contains(HasSubstr("ProvisionedThroughputExceededException")));
}

// Every transient failure of every call a reader makes: waited out, named, and nothing lost or repeated.
TEST_F(SourceTest, WaitsOutEveryTransientFailure) {
  ASSERT_TRUE(kinesis.create("s", 2));
  Texts put;
  for (int i = 0; i < 50; ++i) {
    put.push_back("r" + std::to_string(i));
  }
  ASSERT_TRUE(kinesis.put("s", put));
  for (const auto kind : {Fault::Kind::internal_failure, Fault::Kind::unavailable, Fault::Kind::cut,
                          Fault::Kind::lost_reply, Fault::Kind::truncated, Fault::Kind::throttle}) {
    for (const auto call : {Operation::get_shard_iterator, Operation::get_records, Operation::list_shards}) {
      add(fault(kind, call, 2));
    }
  }
  start();
  read_until(50);
  EXPECT_TRUE(finish());
  std::sort(sink.texts.begin(), sink.texts.end());
  std::sort(put.begin(), put.end());
  EXPECT_EQ(sink.texts, put);
  EXPECT_TRUE(sink.saw(shard0, ShardState::retrying) || sink.saw(shard1, ShardState::retrying));
}

TEST_F(SourceTest, TellsTheCallbackOfEveryFailedRead) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  std::vector<std::string> told;
  config.on_get_records_error = [&](std::string_view name, std::string_view shard, const Error& error) {
    told.push_back(std::string(name) + " " + std::string(shard) + " " + error.code);
  };
  add(fault(Fault::Kind::internal_failure, Operation::get_records, 1));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_THAT(told, ElementsAre(HasSubstr("s shardId-000000000000 InternalFailure")));
}

// Resharding while running: children come from the parent's last reply, and are read after its end.
TEST_F(SourceTest, FollowsASplitWhileRunning) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"before"}));
  start();
  read_until(1);
  ASSERT_TRUE(kinesis.put("s", {"last"}));
  auto children = kinesis.split("s", shard0);
  ASSERT_TRUE(children);
  ASSERT_TRUE(kinesis.put("s", {"x", "y", "z", "u", "v", "w"}));
  read_until(8);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.by_shard[shard0], (Texts{"before", "last"}));
  EXPECT_TRUE(stored.shards[shard0].ended);
  EXPECT_EQ(sink.by_shard[shard1].size() + sink.by_shard[shard2].size(), 6U);
}

// By the range a misplaced user record is told. It comes from the listing, from the last reply of a parent, or
// from what was stored: without it a restart would count what the run before left out.
TEST_F(SourceTest, BatchesSayWhatTheirShardOwns) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"before"}));
  start();
  read_until(1);
  ASSERT_TRUE(sink.ranges[shard0]);
  EXPECT_TRUE(sink.ranges[shard0]->is_all());
  ASSERT_TRUE(kinesis.split("s", shard0));
  ASSERT_TRUE(kinesis.put("s", {"x", "y", "z", "u", "v", "w"}));
  read_until(7);
  EXPECT_TRUE(finish());
  const auto told = sink.ranges;
  ASSERT_TRUE(told.at(shard1) && told.at(shard2));
  EXPECT_TRUE(told.at(shard1)->first == 0 && told.at(shard2)->last == ~stream::HashKey{0});
  EXPECT_TRUE(told.at(shard1)->last + 1 == told.at(shard2)->first);
  EXPECT_EQ(stored.shards[shard0].hash_range, told.at(shard0));
  EXPECT_EQ(stored.shards[shard1].hash_range, told.at(shard1));

  sink.ranges.clear();
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c", "d", "e", "f"}));
  start();
  read_until(13);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.ranges[shard1], told.at(shard1));
  EXPECT_EQ(sink.ranges[shard2], told.at(shard2));
}

TEST_F(SourceTest, FollowsAMergeOnceBothParentsHaveEnded) {
  ASSERT_TRUE(kinesis.create("s", 2));
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c", "d"}));
  start();
  read_until(4);
  ASSERT_TRUE(kinesis.merge("s", shard0, shard1));
  ASSERT_TRUE(kinesis.put("s", {"e", "f"}));
  read_until(6);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.by_shard[shard2], (Texts{"e", "f"}));
  EXPECT_TRUE(stored.shards[shard0].ended);
  EXPECT_TRUE(stored.shards[shard1].ended);
}

// Grandchildren, listed at once at start: generation after generation, each after its parents.
TEST_F(SourceTest, ReadsGenerationsInOrderFromTheHorizon) {
  ASSERT_TRUE(kinesis.create("s"));
  Texts put{"1"};
  ASSERT_TRUE(kinesis.put("s", {"1"}));
  auto children = *kinesis.split("s", shard0);
  ASSERT_TRUE(kinesis.put("s", {"2", "3", "4"}));
  auto merged = *kinesis.merge("s", children[0], children[1]);
  ASSERT_TRUE(kinesis.put("s", {"5"}));
  start();
  read_until(5);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.by_shard[merged], (Texts{"5"}));
  EXPECT_EQ(sink.texts.front(), "1");
  EXPECT_EQ(sink.texts.back(), "5");
}

// The end of a shard with its last records in one reply, or alone: AWS may do either.
TEST_F(SourceTest, ReadsTheLastRecordsBeforeTheEndHoweverItComes) {
  for (const bool alone : {false, true}) {
    emulator::Kinesis::Options options;
    options.end_comes_alone = alone;
    emulator::Kinesis other(time, options);
    ASSERT_TRUE(other.create("s"));
    ASSERT_TRUE(other.put("s", {"a", "b"}));
    ASSERT_TRUE(other.split("s", shard0));
    ASSERT_TRUE(other.put("s", {"c"}));
    config.client = &other;
    stored = stream::Positions();
    sink.texts.clear();
    start();
    read_until(3);
    EXPECT_TRUE(finish());
    EXPECT_EQ(sink.texts, (Texts{"a", "b", "c"}));
  }
}

// LATEST is a moment, fixed before the first read: records put between the start and a crash before the
// first commit are not skipped by resolving it again.
TEST_F(SourceTest, PinsLatestToAMomentBeforeTheFirstRead) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"old"}));
  time.pass(seconds(5));
  config.starting_position = StartingPosition::latest;
  start();
  stop.request_stop();  // a crash before anything was read
  time.run_while([&] { return !outcome; });
  ASSERT_EQ(stored.start->type, stream::Start::Type::at_timestamp);
  time.pass(seconds(5));
  ASSERT_TRUE(kinesis.put("s", {"between"}));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"between"}));
}

// A shard born after the start has nothing older than it: it is read from its beginning.
TEST_F(SourceTest, ReadsShardsBornAfterALatestStartFromTheirBeginning) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"old"}));
  time.pass(seconds(5));
  config.starting_position = StartingPosition::latest;
  start();
  read_until(shard0, ShardState::caught_up);
  ASSERT_TRUE(kinesis.split("s", shard0));
  ASSERT_TRUE(kinesis.put("s", {"new1", "new2", "new3"}));
  read_until(3);
  EXPECT_TRUE(finish());
  std::sort(sink.texts.begin(), sink.texts.end());
  EXPECT_EQ(sink.texts, (Texts{"new1", "new2", "new3"}));
}

TEST_F(SourceTest, StartsAtATimestamp) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"old"}));
  time.pass(hours(1));
  config.starting_position = StartingPosition::at_timestamp;
  config.start_timestamp = time.now();
  ASSERT_TRUE(kinesis.put("s", {"new"}));
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"new"}));
}

// A number belongs to one shard: only it and its descendants are read.
TEST_F(SourceTest, StartsAfterASequenceNumberInThatShardAndItsDescendantsOnly) {
  ASSERT_TRUE(kinesis.create("s", 2));
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c", "d", "e", "f", "g", "h"}));
  auto log = *kinesis.log("s");
  const auto& records = log[0].records;
  ASSERT_GE(records.size(), 2U);
  ASSERT_TRUE(kinesis.split("s", log[0].id));
  config.starting_position = StartingPosition::after_sequence_number;
  config.starting_shard = log[0].id;
  config.starting_sequence_number = records[0].sequence_number;
  start();
  read_until("shardId-000000000002", ShardState::caught_up);
  read_until("shardId-000000000003", ShardState::caught_up);
  EXPECT_TRUE(finish());
  Texts expected;
  for (std::size_t i = 1; i < records.size(); ++i) {
    expected.push_back(records[i].data);
  }
  EXPECT_EQ(sink.texts, expected);
  EXPECT_FALSE(stored.shards.contains(log[1].id));
}

// Records trimmed while nobody read them are a gap on record, however the service answers the position.
TEST_F(SourceTest, NoticesATrimmedPositionHoweverTheServiceAnswersIt) {
  for (const auto answer :
       {emulator::TrimmedAnswer::oldest, emulator::TrimmedAnswer::error, emulator::TrimmedAnswer::empty}) {
    emulator::Kinesis other(time);
    config.client = &other;
    ASSERT_TRUE(other.create("s"));
    ASSERT_TRUE(other.put("s", {"a"}));
    stored = stream::Positions();
    sink.texts.clear();
    sink.gaps.clear();
    start();
    read_until(1);
    EXPECT_TRUE(finish());
    const auto position = stored.shards[shard0].after;
    ASSERT_TRUE(other.put("s", {"lost"}));
    auto trim = fault(Fault::Kind::trim, Operation::get_shard_iterator, 1);
    trim.trimmed_answer = answer;
    other.faults().add(trim);
    start();
    time.run_for(seconds(1));
    if (!outcome) {
      ASSERT_TRUE(other.put("s", {"after"}));
    }
    const auto failed = wait_for_failure();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "Gap");
    ASSERT_EQ(sink.gaps.size(), 1U);
    EXPECT_EQ(sink.gaps[0].shard, shard0);
    EXPECT_EQ(sink.gaps[0].from, position);
    EXPECT_TRUE(sink.saw(shard0, ShardState::gap));
  }
}

TEST_F(SourceTest, GoesOnAfterAGapWhenThePolicySaysSo) {
  sink.halt_on_gap = false;
  read_one_record();
  auto numbers = *kinesis.put("s", {"lost"});
  ASSERT_TRUE(kinesis.trim("s", shard0, numbers[0]));
  ASSERT_TRUE(kinesis.put("s", {"b"}));
  start();
  read_until(2);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b"}));
  ASSERT_EQ(sink.gaps.size(), 1U);
}

// A quiet shard's last record grows older than the retention while everything was read: no gap, or every
// restart of a worker on a quiet stream would halt.
TEST_F(SourceTest, SeesNoGapInAQuietShardWhosePositionAgedOut) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  start();
  read_until(1);
  time.run_for(hours(30));
  EXPECT_TRUE(finish());
  start();
  time.run_for(seconds(30));
  ASSERT_TRUE(kinesis.put("s", {"b"}));
  read_until(2);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b"}));
  EXPECT_THAT(sink.gaps, IsEmpty());
}

// Nobody read for longer than the stream keeps records: what came in between may be lost, and is said.
TEST_F(SourceTest, SeesAGapWhereNobodyReadForLongerThanTheRetention) {
  read_one_record();
  time.pass(hours(1));
  ASSERT_TRUE(kinesis.put("s", {"lost"}));
  time.pass(hours(25));
  ASSERT_TRUE(kinesis.put("s", {"b"}));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "Gap");
  ASSERT_THAT(sink.gaps, SizeIs(1));
  const auto& gap = sink.gaps[0];
  EXPECT_THAT(gap.reason, HasSubstr(" and before " + gap.to.text()));
  // Another pipeline on this read lost nothing if it had read up to then: not sooner than retention takes.
  EXPECT_GT(gap.lost_before, gap.noticed - hours(24));
  EXPECT_LT(gap.lost_before, gap.noticed - hours(23));
}

// That nothing before the start is wanted says nothing of what was kept then and is not read yet.
TEST_F(SourceTest, SeesAGapBehindTheFirstRecordsOfABacklog) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a", "lost"}));
  time.pass(hours(20));
  config.records_per_call = 1;
  start();
  read_until(1);
  EXPECT_TRUE(finish());
  ASSERT_EQ(sink.texts, Texts{"a"});
  time.pass(hours(20));
  ASSERT_TRUE(kinesis.put("s", {"b"}));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "Gap");
}

// Reading on with one iterator, a page behind another, while retention takes what comes next.
TEST_F(SourceTest, SeesAGapWhereRetentionOvertakesIt) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "lost"}));
  time.pass(seconds(120));
  ASSERT_TRUE(kinesis.put("s", {"c", "d"}));
  time.pass(hours(24) - seconds(140));
  config.records_per_call = 2;
  api.on_records = [&](std::string_view, const Result<api::GetRecordsReply>& reply) {
    if (reply && !reply->records.empty() && reply->records.back().data == "b") {
      time.pass(seconds(40));  // all three are gone before the next call
    }
  };
  start();
  const auto failed = wait_for_failure();
  EXPECT_THAT(sink.texts, ::testing::Not(::testing::Contains("c")));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "Gap");
  ASSERT_THAT(sink.gaps, SizeIs(1));
  EXPECT_EQ(sink.gaps[0].from, stored.shards[shard0].after);
}

// With a page of one record there is a new one only every other call; it gets on all the same.
TEST_F(SourceTest, ReadsOnAtTheEdgeOfTheRetention) {
  for (const auto page : {1U, 2U, 100U}) {
    SCOPED_TRACE(page);
    emulator::Kinesis other(time);
    Intercepted way(other, time);
    ASSERT_TRUE(other.create("s"));
    ASSERT_TRUE(other.put("s", {"a", "b", "c", "d", "e"}));
    time.pass(hours(24) - seconds(20));
    config.client = &way;
    config.records_per_call = page;
    stored = stream::Positions();
    sink.texts.clear();
    start();
    read_until(5);
    EXPECT_TRUE(finish());
    EXPECT_EQ(sink.texts, (Texts{"a", "b", "c", "d", "e"}));
  }
}

// Shard ids restart when a stream is made again: reading on would mix two streams' totals.
TEST_F(SourceTest, RefusesAStreamThatWasMadeAgainWhileRunning) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  start();
  read_until(1);
  time.pass(seconds(1));
  ASSERT_TRUE(kinesis.recreate("s"));
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "StreamRecreated");
  EXPECT_THAT(failed.error().message, HasSubstr("was created again"));
}

TEST_F(SourceTest, SaysThatTheStreamWasDeleted) {
  ASSERT_TRUE(kinesis.create("s"));
  start();
  read_until(shard0, ShardState::caught_up);
  api::StreamRef ref;
  ref.name = "s";
  ASSERT_TRUE(time.run(kinesis.delete_stream(ref, {})));
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("does not exist any more"));
}

// 5 reads a second are shared by everybody who polls the shard.
TEST_F(SourceTest, KeepsWithinFiveReadsASecondWhenBehind) {
  ASSERT_TRUE(kinesis.create("s"));
  config.records_per_call = 1;
  Texts put;
  for (int i = 0; i < 40; ++i) {
    put.push_back("r" + std::to_string(i));
  }
  ASSERT_TRUE(kinesis.put("s", put));
  start();
  time.run_for(seconds(4));
  EXPECT_LE(kinesis.calls(Operation::get_records), 25U);
  EXPECT_GE(kinesis.calls(Operation::get_records), 19U);
  EXPECT_TRUE(finish());
}

TEST_F(SourceTest, PollsAtOnceWhenBehindAndAtTheIntervalWhenEmpty) {
  ASSERT_TRUE(kinesis.create("s"));
  config.keep_quotas = false;
  config.records_per_call = 1;
  ASSERT_TRUE(kinesis.put("s", {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}));
  start();
  read_until(10);
  EXPECT_LT(time.elapsed(), milliseconds(10));
  const auto before = kinesis.calls(Operation::get_records);
  time.run_for(seconds(10));
  EXPECT_LE(kinesis.calls(Operation::get_records) - before, 12U);
  EXPECT_GE(kinesis.calls(Operation::get_records) - before, 9U);
  EXPECT_TRUE(finish());
}

TEST_F(SourceTest, StopsWhileEverythingWaits) {
  ASSERT_TRUE(kinesis.create("s", 3));
  start();
  read_until(shard0, ShardState::caught_up);
  const auto asked = time.elapsed();
  EXPECT_TRUE(finish());
  EXPECT_LE(time.elapsed() - asked, milliseconds(100));
}

// What a user gets who says nothing: new records only, as many a call as the service gives, a poll a second.
TEST(Config, HasTheServicesDefaults) {
  const Config<int> unsaid;
  EXPECT_EQ(unsaid.starting_position, StartingPosition::latest);
  EXPECT_EQ(unsaid.poll_interval, seconds(1));
  EXPECT_EQ(unsaid.records_per_call, 10'000U);
  EXPECT_TRUE(unsaid.keep_quotas);
  EXPECT_FALSE(unsaid.start_timestamp);
}

TEST_F(SourceTest, NamesWhatIsWrongWithItsConfiguration) {
  const auto message = [&](auto change) {
    auto wrong = config;
    change(wrong);
    auto made = StreamSource::make(wrong);
    return made ? std::string("accepted") : made.error().message;
  };
  EXPECT_THAT(message([](auto& c) { c.client = nullptr; }), HasSubstr("client"));
  EXPECT_THAT(message([](auto& c) { c.stream_name = ""; }), HasSubstr("stream_name"));
  EXPECT_THAT(message([](auto& c) { c.stream_name = "no such name"; }), HasSubstr("stream_name"));
  EXPECT_THAT(message([](auto& c) { c.stream_arn = "flights"; }), HasSubstr("stream_arn"));
  EXPECT_THAT(message([](auto& c) { c.records_per_call = 10'001; }), HasSubstr("records_per_call"));
  EXPECT_THAT(message([](auto& c) { c.records_per_call = 0; }), HasSubstr("records_per_call"));
  EXPECT_THAT(message([](auto& c) { c.poll_interval = milliseconds(0); }), HasSubstr("poll_interval"));
  EXPECT_THAT(message([](auto& c) { c.list_interval = milliseconds(0); }), HasSubstr("list_interval"));
  EXPECT_THAT(message([](auto& c) { c.buffer_bytes_max = 1; }), HasSubstr("buffer_bytes_max"));
  EXPECT_THAT(message([](auto& c) { c.starting_position = StartingPosition::at_timestamp; }),
              HasSubstr("start_timestamp"));
  EXPECT_THAT(message([](auto& c) { c.start_timestamp = Timestamp(); }), HasSubstr("start_timestamp"));
  EXPECT_THAT(message([](auto& c) { c.starting_position = StartingPosition::at_sequence_number; }),
              HasSubstr("starting_sequence_number"));
  EXPECT_THAT(message([](auto& c) {
                c.starting_position = StartingPosition::at_sequence_number;
                c.starting_sequence_number = "12";
              }),
              HasSubstr("starting_shard"));
}

// The typed face: records with values, without a pipeline.
TEST_F(SourceTest, HandsOutTypedRecordsAndReportsWhatDoesNotDecode) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"1", "two", "3"}));
  Config<int> typed;
  static_cast<ReaderConfig&>(typed) = config;
  EXPECT_THAT(Source<int>::make(typed).error().message, HasSubstr("decode"));
  typed.decode = [](std::string_view bytes) -> Result<int> {
    if (bytes.find_first_not_of("0123456789") != std::string_view::npos) {
      return corrupt("NotANumber", "not a number");
    }
    return std::stoi(std::string(bytes));
  };
  Texts failed;
  typed.on_decode_error = [&](std::string_view raw, std::string_view shard, std::string_view number,
                              const Error& error) {
    failed.push_back(std::string(raw) + " " + std::string(shard) + " " + error.code);
    EXPECT_TRUE(stream::is_sequence_number(number));
  };
  auto made = Source<int>::make(typed);
  ASSERT_TRUE(made);
  std::vector<int> values;
  Texts ids;
  const auto handle = [&](const stream::Record<int>& record) -> Task<void> {
    values.push_back(record.value);
    ids.push_back(record.event_id.text());
    co_return Result<void>();
  };
  time.start((*made)->each(handle, stop.get_token()), outcome);
  time.run_while([&] { return values.size() < 2; });
  EXPECT_TRUE(finish());
  EXPECT_THAT(values, ElementsAre(1, 3));
  EXPECT_THAT(failed, ElementsAre("two shardId-000000000000 NotANumber"));
  EXPECT_THAT(ids[0], ::testing::StartsWith("s/shardId-000000000000/"));
}

struct Named {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(Named, (), (name))

// A handler that waits while other shards' records are decoded still sees its own text, unescaped or not.
TEST_F(SourceTest, KeepsAnUnescapedTextWhileItsHandlerWaits) {
  ASSERT_TRUE(kinesis.create("s", 4));
  Texts put;
  Texts expected;
  for (int i = 0; i < 20; ++i) {
    const auto text = std::string(100, static_cast<char>('a' + i));
    put.push_back("{\"name\":\"\\u0041" + text + "\"}");
    expected.push_back("A" + text);
  }
  ASSERT_TRUE(kinesis.put("s", put));
  Config<Named> typed;
  static_cast<ReaderConfig&>(typed) = config;
  typed.decode = decode::json_decoder<Named>();
  auto made = Source<Named>::make(typed);
  ASSERT_TRUE(made);
  Texts got;
  const auto handle = [&](const stream::Record<Named>& record) -> Task<void> {
    static_cast<void>(co_await time.sleep(milliseconds(10), std::stop_token()));
    got.emplace_back(record.value.name);
    co_return Result<void>();
  };
  time.start((*made)->each(handle, stop.get_token()), outcome);
  time.run_while([&] { return got.size() < put.size(); });
  EXPECT_TRUE(finish());
  EXPECT_THAT(got, ::testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace weir::kinesis::testing
