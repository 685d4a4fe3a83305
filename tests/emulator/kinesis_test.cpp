#include "weir/emulator/kinesis.hpp"

#include <algorithm>
#include <set>

#include "support.hpp"

namespace weir::emulator {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Type = api::IteratorType;

struct KinesisTest : testing::Test {
  ManualClock clock;
  Kinesis kinesis{clock};
  Caller call{kinesis};
};

// A reader that misses a record, repeats one or gets them out of order counts wrongly for ever.
TEST_F(KinesisTest, HandsOutWhatWasPutInOrderPageByPage) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a", "b", "c"}));

  const auto first = must(call.get(must(call.iterator("s", shard_0)), 2));
  EXPECT_EQ(texts(first), (Texts{"a", "b"}));
  must(kinesis.put("s", {"d"}));
  const auto second = must(call.get(*first.next_shard_iterator));
  EXPECT_EQ(texts(second), (Texts{"c", "d"}));
  const auto third = must(call.get(*second.next_shard_iterator));
  EXPECT_EQ(texts(third), Texts{});
  EXPECT_TRUE(third.next_shard_iterator.has_value());
}

TEST_F(KinesisTest, OpensIteratorsOfTheFiveTypesWhereTheySay) {
  must(kinesis.create("s"));
  std::vector<std::string> numbers;
  std::vector<Timestamp> times;
  for (const char* text : {"a", "b", "c"}) {
    numbers.push_back(must(kinesis.put("s", {text})).front());
    times.push_back(clock.now());
    clock.advance(seconds(1));
  }
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::trim_horizon))), (Texts{"a", "b", "c"}));
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::at_sequence_number, numbers[1]))), (Texts{"b", "c"}));
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::after_sequence_number, numbers[1]))), Texts{"c"});
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::at_timestamp, {}, times[1]))), (Texts{"b", "c"}));
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::at_timestamp, {}, times[1] + milliseconds(1)))), Texts{"c"});
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::at_timestamp, {}, Timestamp()))), (Texts{"a", "b", "c"}));
  const std::string latest = must(call.iterator("s", shard_0, Type::latest));
  must(kinesis.put("s", {"d"}));
  EXPECT_EQ(texts(must(call.get(latest))), Texts{"d"});
}

// LATEST is pinned to the service's time at the first start: records that come after it must all be seen.
TEST_F(KinesisTest, AnIteratorAtATimeWithoutRecordsSeesTheNextOnes) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"before"}));
  clock.advance(seconds(1));
  const std::string iterator = must(call.iterator("s", shard_0, Type::at_timestamp, {}, clock.now()));
  must(kinesis.put("s", {"after"}));
  EXPECT_EQ(texts(must(call.get(iterator))), Texts{"after"});
}

TEST_F(KinesisTest, RefusesATimeInTheFuture) {
  must(kinesis.create("s"));
  const auto later = clock.now() + milliseconds(1);
  EXPECT_EQ(code(call.iterator("s", shard_0, Type::at_timestamp, {}, later)), "InvalidArgumentException");
}

TEST_F(KinesisTest, RefusesASequenceNumberWithTypesThatTakeNone) {
  must(kinesis.create("s"));
  const std::string number = must(kinesis.put("s", {"a"})).front();
  EXPECT_EQ(code(call.iterator("s", shard_0, Type::latest, number)), "InvalidArgumentException");
  EXPECT_EQ(code(call.iterator("s", shard_0, Type::at_sequence_number)), "InvalidArgumentException");
}

// A position of one shard used on another would skip or repeat records without a word.
TEST_F(KinesisTest, RefusesTheSequenceNumberOfAnotherShardOrStream) {
  must(kinesis.create("s", 2));
  const auto put = must(call.put("s", "a", "k", "0"));
  ASSERT_EQ(put.shard_id, shard_0);
  EXPECT_EQ(code(call.iterator("s", shard_1, Type::after_sequence_number, put.sequence_number)),
            "InvalidArgumentException");
  clock.advance(seconds(5));
  must(kinesis.create("other", 2));
  EXPECT_EQ(code(call.iterator("other", shard_0, Type::after_sequence_number, put.sequence_number)),
            "InvalidArgumentException");
  for (const char* number : {"0", "1", "12x", "00", "99999999999999999999999999999999999999999999999999999999"}) {
    EXPECT_EQ(code(call.iterator("s", shard_0, Type::after_sequence_number, number)), "InvalidArgumentException")
        << number;
  }
}

// Readers hold numbers between records too: a shard's starting number, a number whose record is not first.
TEST_F(KinesisTest, OpensAtAShardsStartingNumber) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a"}));
  const auto start = must(call.shards("s")).front().sequence_number_start;
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::at_sequence_number, start))), Texts{"a"});
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::after_sequence_number, start))), Texts{"a"});
}

TEST_F(KinesisTest, AnIteratorLivesFiveMinutes) {
  must(kinesis.create("s"));
  const std::string iterator = must(call.iterator("s", shard_0));
  clock.advance(minutes(5));
  EXPECT_TRUE(call.get(iterator).ok());
  clock.advance(milliseconds(1));
  const auto expired = call.get(iterator);
  ASSERT_EQ(code(expired), "ExpiredIteratorException");
  EXPECT_EQ(expired.error().next, Next::reopen);
}

TEST_F(KinesisTest, ExpiresIteratorsWhenToldTo) {
  must(kinesis.create("s"));
  const std::string old = must(call.iterator("s", shard_0));
  kinesis.expire_iterators();
  EXPECT_EQ(code(call.get(old)), "ExpiredIteratorException");
  EXPECT_TRUE(call.get(must(call.iterator("s", shard_0))).ok());
}

// Whoever builds on what an iterator looks like breaks on the service.
TEST_F(KinesisTest, IteratorsAreOpaqueAndRefusedWhenChanged) {
  must(kinesis.create("s"));
  const std::string iterator = must(call.iterator("s", shard_0));
  EXPECT_NE(iterator, must(call.iterator("s", shard_0)));
  EXPECT_GE(iterator.size(), 56U);
  EXPECT_LE(iterator.size(), 512U);
  for (std::size_t i = 0; i < iterator.size(); ++i) {
    std::string changed = iterator;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (i < 10) {
      continue;  // the version, the same in all
    }
    EXPECT_EQ(code(call.get(changed)), "InvalidArgumentException") << i;
  }
  for (const std::string& text : {std::string(), std::string("abc"), std::string(600, 'A')}) {
    EXPECT_EQ(code(call.get(text)), "InvalidArgumentException");
  }
}

// Position within a shard is a comparison of numbers, and nothing may rely on their being contiguous.
TEST_F(KinesisTest, SequenceNumbersGrowWithGapsWithinAShard) {
  must(kinesis.create("s"));
  std::vector<stream::SequenceNumber> numbers;
  for (const std::string& text : must(kinesis.put("s", Texts(200, "x")))) {
    EXPECT_EQ(text.size(), 56U);
    numbers.emplace_back(text);
  }
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  EXPECT_EQ(std::adjacent_find(numbers.begin(), numbers.end()), numbers.end());
}

TEST_F(KinesisTest, OneSeedAndOneOrderOfCallsGiveTheSameNumbers) {
  Kinesis other{clock};
  must(kinesis.create("s"));
  must(other.create("s"));
  EXPECT_EQ(must(kinesis.put("s", {"a", "b", "c"})), must(other.put("s", {"a", "b", "c"})));
}

// Shard ids restart in a stream made again, so numbers and the creation time alone tell the makings apart.
TEST_F(KinesisTest, AStreamMadeAgainIsEmptyNewAndNumbersHigher) {
  must(kinesis.create("s", 2));
  const auto first = must(call.describe("s"));
  const stream::SequenceNumber before(must(kinesis.put("s", {"a"}, "k")).front());
  const std::string iterator = must(call.iterator("s", shard_0));
  must(kinesis.recreate("s"));
  EXPECT_EQ(code(call.get(iterator)), "ResourceNotFoundException");
  const auto second = must(call.describe("s"));
  EXPECT_GT(second.created, first.created);
  EXPECT_EQ(second.open_shard_count, 2U);
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{});
  const stream::SequenceNumber after(must(kinesis.put("s", {"b"}, "k")).front());
  EXPECT_GT(after, before);
}

TEST_F(KinesisTest, AStreamMadeAgainRepeatsItsNumbersWhenAskedTo) {
  Kinesis::Options options;
  options.numbers_grow_when_made_again = false;
  Kinesis repeating{clock, options};
  must(repeating.create("s"));
  const auto before = must(repeating.put("s", {"a", "b"}));
  must(repeating.recreate("s"));
  EXPECT_EQ(must(repeating.put("s", {"a", "b"})), before);
}

TEST_F(KinesisTest, DeletesAStream) {
  must(kinesis.create("s"));
  const std::string iterator = must(call.iterator("s", shard_0));
  const auto ref = named("s");
  must(run(kinesis.delete_stream(ref, {})));
  EXPECT_EQ(code(call.get(iterator)), "ResourceNotFoundException");
  EXPECT_EQ(code(call.describe("s")), "ResourceNotFoundException");
  EXPECT_EQ(code(call.put("s", "a")), "ResourceNotFoundException");
  EXPECT_EQ(code(run(kinesis.delete_stream(ref, {}))), "ResourceNotFoundException");
  EXPECT_TRUE(call.create("s", 1).ok());
}

// Retention: what is gone must be gone at the right time, and reading goes on with what is left.
TEST_F(KinesisTest, TrimsWhatIsOlderThanTheRetention) {
  must(kinesis.create("s"));
  const auto old = must(kinesis.put("s", {"a"})).front();
  clock.advance(hours(1));
  must(kinesis.put("s", {"b"}));
  clock.advance(hours(23));
  EXPECT_EQ(texts(must(call.read("s", shard_0))), (Texts{"a", "b"}));
  clock.advance(milliseconds(1));
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{"b"});
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::after_sequence_number, old))), Texts{"b"});
  clock.advance(hours(1));
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{});
}

TEST_F(KinesisTest, TrimsUpToARecordWhenToldTo) {
  must(kinesis.create("s"));
  const auto numbers = must(kinesis.put("s", {"a", "b", "c"}));
  const std::string iterator = must(call.iterator("s", shard_0));
  must(kinesis.trim("s", shard_0, numbers[1]));
  EXPECT_EQ(texts(must(call.get(iterator))), Texts{"c"});
  must(kinesis.trim("s", shard_0));
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{});
}

// A reader must notice a trimmed position whichever way the service answers it.
TEST_F(KinesisTest, AnswersATrimmedPositionWithAnErrorWhenAskedTo) {
  must(kinesis.create("s"));
  const auto numbers = must(kinesis.put("s", {"a", "b", "c"}));
  must(kinesis.answer_trimmed("s", shard_0, TrimmedAnswer::error));
  must(kinesis.trim("s", shard_0, numbers[1]));
  EXPECT_EQ(code(call.iterator("s", shard_0, Type::after_sequence_number, numbers[0])), "InvalidArgumentException");
  EXPECT_EQ(texts(must(call.read("s", shard_0, Type::at_sequence_number, numbers[2]))), Texts{"c"});
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{"c"});
}

TEST_F(KinesisTest, AnswersATrimmedPositionWithEmptyRepliesForEverWhenAskedTo) {
  must(kinesis.create("s"));
  const auto numbers = must(kinesis.put("s", {"a", "b", "c"}));
  must(kinesis.answer_trimmed("s", shard_0, TrimmedAnswer::empty));
  must(kinesis.trim("s", shard_0, numbers[1]));
  std::string iterator = must(call.iterator("s", shard_0, Type::after_sequence_number, numbers[0]));
  for (int i = 0; i < 3; ++i) {
    const auto reply = must(call.get(iterator));
    EXPECT_EQ(texts(reply), Texts{});
    EXPECT_EQ(reply.behind, milliseconds(hours(24)));
    iterator = *reply.next_shard_iterator;
  }
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{"c"});
}

// `--until-caught-up` ends at zero: a zero with records left would end it early, and never a zero, never.
TEST_F(KinesisTest, SaysHowFarBehindTheReplyIs) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a", "b"}));
  const std::string iterator = must(call.iterator("s", shard_0));
  EXPECT_EQ(must(call.get(iterator, 1)).behind.count(), 1);  // not zero, though it came this millisecond
  clock.advance(seconds(7));
  EXPECT_EQ(must(call.get(iterator, 1)).behind, seconds(7));
  EXPECT_EQ(must(call.get(iterator, 2)).behind.count(), 0);
}

TEST_F(KinesisTest, APageHoldsTenMebibytesAndOneRecordAtLeast) {
  must(call.create("s", 1));
  const std::string mebibyte(1024 * 1024 - 1, 'x');
  for (int i = 0; i < 11; ++i) {
    must(call.put("s", mebibyte, "k"));
  }
  const auto page = must(call.read("s", shard_0));
  EXPECT_EQ(page.records.size(), 10U);
  EXPECT_EQ(must(call.get(*page.next_shard_iterator)).records.size(), 1U);

  Kinesis::Options options;
  options.reply_bytes_max = 10;
  Kinesis small{clock, options};
  must(small.create("s"));
  must(small.put("s", {"longer than ten bytes", "b"}));
  Caller small_call{small};
  EXPECT_EQ(must(small_call.read("s", shard_0)).records.size(), 1U);
}

TEST_F(KinesisTest, APageHoldsTenThousandRecords) {
  must(kinesis.create("s"));
  must(kinesis.put("s", Texts(10'001, "x")));
  const std::string iterator = must(call.iterator("s", shard_0));
  EXPECT_EQ(must(call.get(iterator)).records.size(), 10'000U);
  EXPECT_EQ(code(call.get(iterator, 10'001)), "InvalidArgumentException");
  EXPECT_EQ(code(call.get(iterator, 0)), "ValidationException");
}

// Decoders read up to 64 bytes past a record's data; those must be the page's own.
TEST_F(KinesisTest, DataIsFollowedByReadableBytes) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a", "", std::string(70'000, 'b')}, "k"));
  const auto page = must(call.read("s", shard_0));
  ASSERT_EQ(page.records.size(), 3U);
  for (const auto& record : page.records) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < stream::padding_bytes; ++i) {
      sum += static_cast<unsigned char>(record.data.data()[record.data.size() + i]);
    }
    EXPECT_GT(sum, 0U);
    EXPECT_EQ(record.partition_key, "k");
    EXPECT_EQ(record.arrival, clock.now());
  }
}

TEST_F(KinesisTest, APageOutlivesItsStreamAndItsKinesis) {
  auto other = std::make_unique<Kinesis>(clock);
  must(other->create("s"));
  must(other->put("s", {"a"}));
  Caller other_call{*other};
  const auto page = must(other_call.read("s", shard_0));
  other.reset();
  EXPECT_EQ(texts(page), Texts{"a"});
}

// Each size limit is the difference between a record that is stored and one that must be refused aloud.
TEST_F(KinesisTest, RefusesWhatBreaksTheLimitsOfARecord) {
  must(kinesis.create("s"));
  const std::string largest(1024 * 1024 - 1, 'x');
  EXPECT_TRUE(call.put("s", largest, "k").ok());
  EXPECT_EQ(code(call.put("s", largest, "kk")), "ValidationException");
  EXPECT_TRUE(call.put("s", "", "k").ok());
  EXPECT_EQ(code(call.put("s", "a", "")), "ValidationException");
  EXPECT_TRUE(call.put("s", "a", std::string(256, 'k')).ok());
  EXPECT_EQ(code(call.put("s", "a", std::string(257, 'k'))), "ValidationException");
  std::string umlauts;
  for (int i = 0; i < 256; ++i) {
    umlauts += "ü";
  }
  EXPECT_TRUE(call.put("s", "a", umlauts).ok());
  EXPECT_EQ(code(call.put("s", "a", umlauts + "ü")), "ValidationException");
  EXPECT_EQ(code(call.put("s", "a", "\xff")), "SerializationException");
}

TEST_F(KinesisTest, RefusesHashKeysThatAreNone) {
  must(kinesis.create("s"));
  EXPECT_TRUE(call.put("s", "a", "k", "340282366920938463463374607431768211455").ok());
  EXPECT_EQ(code(call.put("s", "a", "k", "340282366920938463463374607431768211456")), "InvalidArgumentException");
  EXPECT_EQ(code(call.put("s", "a", "k", std::string(60, '9'))), "InvalidArgumentException");
  for (const char* key : {"01", "-1", "1.0", "x", " 1"}) {
    EXPECT_EQ(code(call.put("s", "a", "k", key)), "ValidationException") << key;
  }
}

TEST_F(KinesisTest, RefusesRequestsThatBreakTheLimits) {
  must(kinesis.create("s"));
  api::PutRecordsEntry entry;
  entry.data = "a";
  entry.partition_key = "k";
  EXPECT_EQ(code(call.put_records("s", {})), "ValidationException");
  EXPECT_TRUE(call.put_records("s", std::vector(500, entry)).ok());
  EXPECT_EQ(code(call.put_records("s", std::vector(501, entry))), "ValidationException");
  const std::string mebibyte(1024 * 1024 - 1, 'x');
  entry.data = mebibyte;
  EXPECT_TRUE(call.put_records("s", std::vector(10, entry)).ok());
  EXPECT_EQ(code(call.put_records("s", std::vector(11, entry))), "InvalidArgumentException");
}

TEST_F(KinesisTest, NothingOfARequestIsStoredWhenOneOfItsRecordsIsWrong) {
  must(kinesis.create("s"));
  api::PutRecordsEntry good;
  good.data = "a";
  good.partition_key = "k";
  api::PutRecordsEntry bad = good;
  bad.partition_key = "";
  const auto reply = call.put_records("s", {good, bad});
  ASSERT_EQ(code(reply), "ValidationException");
  EXPECT_NE(reply.error().message.find("records.2.member.partitionKey"), std::string::npos) << reply.error().message;
  EXPECT_EQ(texts(must(call.read("s", shard_0))), Texts{});
}

TEST_F(KinesisTest, PutRecordsAnswersInTheRequestsOrder) {
  must(kinesis.create("s", 2));
  const std::string last = "340282366920938463463374607431768211455";
  std::vector<api::PutRecordsEntry> entries(3);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].data = "x";
    entries[i].partition_key = "k";
    entries[i].explicit_hash_key = i == 1 ? std::string_view(last) : std::string_view("0");
  }
  const auto reply = must(call.put_records("s", entries));
  EXPECT_EQ(reply.failed_count, 0U);
  ASSERT_EQ(reply.results.size(), 3U);
  EXPECT_EQ(reply.results[0].shard_id, shard_0);
  EXPECT_EQ(reply.results[1].shard_id, shard_1);
  EXPECT_EQ(reply.results[2].shard_id, shard_0);
}

// A full endpoint says so; it neither drops old records nor takes the machine's memory.
TEST_F(KinesisTest, RefusesPutsBeyondItsMemory) {
  Kinesis::Options options;
  options.bytes_max = std::size_t{64} * 1024;
  Kinesis small{clock, options};
  must(small.create("s"));
  Caller small_call{small};
  const std::string data(1000, 'x');
  Result<api::PutRecordReply> reply;
  for (int i = 0; i < 100 && reply.ok(); ++i) {
    reply = small_call.put("s", data);
  }
  ASSERT_EQ(code(reply), "InternalFailure");
  EXPECT_NE(reply.error().message.find("bytes_max"), std::string::npos);
  EXPECT_LE(small.bytes_held(), options.bytes_max);
  clock.advance(hours(25));
  EXPECT_TRUE(small_call.put("s", data).ok());
}

TEST_F(KinesisTest, RefusesNamesThatAreNone) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("ü"), std::string(129, 'a')}) {
    EXPECT_EQ(code(call.create(name, 1)), "ValidationException") << name;
  }
  EXPECT_TRUE(call.create(std::string(128, 'a'), 1).ok());
  EXPECT_EQ(code(call.create("s", 0)), "ValidationException");
  EXPECT_EQ(code(call.create("s", 100'001)), "ValidationException");
  EXPECT_EQ(code(call.create("s", 20'000)), "LimitExceededException");
  must(call.create("s", 1));
  EXPECT_EQ(code(call.create("s", 1)), "ResourceInUseException");
  EXPECT_EQ(code(call.iterator("s", "shardId-000000000001")), "ResourceNotFoundException");
  EXPECT_EQ(code(call.iterator("s", "no shard")), "ValidationException");
}

TEST_F(KinesisTest, TakesAnArnForAName) {
  must(kinesis.create("s"));
  const auto summary = must(call.describe("s"));
  EXPECT_EQ(summary.arn, "arn:aws:kinesis:us-east-1:000000000000:stream/s");
  api::StreamRef ref;
  ref.arn = summary.arn;
  EXPECT_EQ(must(run(kinesis.describe_stream_summary(ref, {}))).name, "s");
  ref.arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/s";
  EXPECT_EQ(code(run(kinesis.describe_stream_summary(ref, {}))), "ResourceNotFoundException");
  ref.arn = "s";
  EXPECT_EQ(code(run(kinesis.describe_stream_summary(ref, {}))), "ValidationException");
  const api::StreamRef neither;
  EXPECT_EQ(code(run(kinesis.describe_stream_summary(neither, {}))), "InvalidArgumentException");
}

TEST_F(KinesisTest, ListsStreamsPageByPage) {
  for (const char* name : {"c", "a", "b"}) {
    must(kinesis.create(name));
  }
  api::ListStreamsRequest request;
  request.limit = 2;
  const auto first = must(run(kinesis.list_streams(request, {})));
  EXPECT_EQ(first.names, (Texts{"a", "b"}));
  EXPECT_TRUE(first.has_more);
  request.next_token = first.next_token;
  const auto second = must(run(kinesis.list_streams(request, {})));
  EXPECT_EQ(second.names, Texts{"c"});
  EXPECT_FALSE(second.has_more);
}

TEST_F(KinesisTest, AStatusChangeTakesItsTime) {
  Kinesis::Options options;
  options.status_change = seconds(10);
  Kinesis slow{clock, options};
  Caller slow_call{slow};
  must(slow_call.create("s", 1));
  EXPECT_EQ(must(slow_call.describe("s")).status, api::StreamStatus::creating);
  EXPECT_EQ(code(slow_call.put("s", "a")), "ResourceNotFoundException");
  clock.advance(seconds(10));
  EXPECT_EQ(must(slow_call.describe("s")).status, api::StreamStatus::active);
  must(slow_call.put("s", "a"));

  must(slow_call.scale("s", 2));
  EXPECT_EQ(must(slow_call.describe("s")).status, api::StreamStatus::updating);
  EXPECT_EQ(code(slow_call.split("s", shard_0, "7")), "ResourceInUseException");
  EXPECT_EQ(must(slow_call.put("s", "b")).shard_id, shard_0);
  clock.advance(seconds(10));
  EXPECT_EQ(must(slow_call.describe("s")).open_shard_count, 2U);
  EXPECT_NE(must(slow_call.put("s", "c")).shard_id, shard_0);

  const auto ref = named("s");
  must(run(slow.delete_stream(ref, {})));
  EXPECT_EQ(must(slow_call.describe("s")).status, api::StreamStatus::deleting);
  clock.advance(seconds(10));
  EXPECT_EQ(code(slow_call.describe("s")), "ResourceNotFoundException");
}

// What exactness is checked against must itself miss nothing.
TEST_F(KinesisTest, LogsEveryRecordEverPutWhenAskedToKeepThem) {
  Kinesis::Options options;
  options.keep_trimmed = true;
  Kinesis keeping{clock, options};
  must(keeping.create("s"));
  must(keeping.put("s", {"a", "b"}, "k"));
  must(keeping.trim("s", shard_0));
  must(keeping.split("s", shard_0));
  must(keeping.put("s", {"c"}, "k"));
  Texts logged;
  for (const auto& shard : must(keeping.log("s"))) {
    for (const auto& record : shard.records) {
      logged.push_back(record.data);
    }
  }
  EXPECT_EQ(logged, (Texts{"a", "b", "c"}));
  Caller keeping_call{keeping};
  EXPECT_EQ(texts(must(keeping_call.read("s", shard_0))), Texts{});
}

TEST_F(KinesisTest, CountsCalls) {
  must(kinesis.create("s"));
  must(call.read("s", shard_0));
  must(call.read("s", shard_0));
  EXPECT_EQ(kinesis.calls(Operation::get_records), 2U);
  EXPECT_EQ(kinesis.calls(Operation::put_record), 0U);
}

TEST_F(KinesisTest, StopsWhenAskedTo) {
  must(kinesis.create("s"));
  std::stop_source stop;
  stop.request_stop();
  const auto ref = named("s");
  const auto reply = run(kinesis.describe_stream_summary(ref, stop.get_token()));
  ASSERT_FALSE(reply.ok());
  EXPECT_TRUE(reply.error().is_stopped());
}

}  // namespace
}  // namespace weir::emulator
