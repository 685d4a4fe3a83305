// What each call's reply becomes, member by member. The recorded replies come from an emulator that leaves much
// out (no parents, no pages, no closed shards), so these are written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "fakes.hpp"
#include "weir/aws/kinesis_client.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"

namespace weir::aws {
namespace {

using ::testing::ElementsAre;
using testing::reply_of;

void write(wire::CborWriter& out, wire::Value value) {
  switch (value.kind()) {
    case wire::Value::Kind::map:
      out.begin_map();
      for (const auto member : value) {
        out.key(member.name());
        write(out, member);
      }
      return out.end_map();
    case wire::Value::Kind::array:
      out.begin_array();
      for (const auto item : value) {
        write(out, item);
      }
      return out.end_array();
    case wire::Value::Kind::integer:
      return out.integer(*value.integer());
    case wire::Value::Kind::boolean:
      return out.boolean(*value.boolean());
    default:
      return out.text(value.text().value());
  }
}

/// The same message in CBOR.
std::string cbor(std::string_view json) {
  auto document = wire::Document::parse_json(json).value();
  std::string bytes;
  wire::CborWriter writer(bytes);
  write(writer, document.root());
  return bytes;
}

class KinesisRepliesTest : public ::testing::Test {
 protected:
  KinesisRepliesTest() {
    Settings settings;
    settings.region = "us-east-1";
    settings.endpoint = "http://127.0.0.1:4567";
    settings.credentials = static_credentials(Credentials("AKIDEXAMPLE", "secret"));
    client_ = std::make_unique<KinesisClient>(settings, script_.transport(), clock_);
  }
  void answer(std::string_view json, const std::vector<std::string>& headers = {}) {
    script_.then(reply_of(200, cbor(json), headers));
  }

  testing::FakeClock clock_;
  testing::Script script_;
  std::unique_ptr<KinesisClient> client_;
};

constexpr const char* summary_json = R"({"StreamDescriptionSummary": {"StreamName": "orders", "StreamARN": "arn:orders",
  "StreamStatus": "UPDATING", "StreamCreationTimestamp": 1795485969342, "RetentionPeriodHours": 168,
  "OpenShardCount": 12, "ConsumerCount": 3, "MaxRecordSizeInKiB": 2048}})";

// The retention says how far back a worker may start, the size what a putter may send: a member passed over
// leaves a default that looks like an answer.
TEST_F(KinesisRepliesTest, OfDescribeStreamSummaryHoldEveryMember) {
  answer(summary_json);
  const auto summary = testing::run(client_->describe_stream_summary(api::StreamRef(), {}));
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->name, "orders");
  EXPECT_EQ(summary->arn, "arn:orders");
  EXPECT_EQ(summary->status, api::StreamStatus::updating);
  EXPECT_EQ(summary->created.time_since_epoch().count(), 1'795'485'969'342);
  EXPECT_EQ(summary->retention_hours, 168U);
  EXPECT_EQ(summary->open_shard_count, 12U);
  EXPECT_EQ(summary->consumer_count, 3U);
  EXPECT_EQ(summary->record_bytes_max, 2048U * 1024);
}

// A worker takes "now" from the service, so that one set to the wrong day still starts at the right record and
// trusts the right retention. The local clock stands in only where the reply says nothing.
TEST_F(KinesisRepliesTest, TellTheServicesTimeNotThisMachines) {
  const auto theirs = clock_.now() + std::chrono::days(9) + std::chrono::hours(5);
  answer(summary_json, {"Date: " + testing::http_date(theirs)});
  EXPECT_EQ(testing::run(client_->describe_stream_summary(api::StreamRef(), {}))->service_time,
            std::chrono::floor<std::chrono::seconds>(theirs));
  answer(summary_json);
  EXPECT_EQ(testing::run(client_->describe_stream_summary(api::StreamRef(), {}))->service_time,
            std::chrono::floor<std::chrono::seconds>(clock_.now()));
}

TEST_F(KinesisRepliesTest, OfListStreamsHoldEveryMember) {
  answer(R"({"StreamNames": ["a", "b"], "HasMoreStreams": true, "NextToken": "more"})");
  const auto reply = testing::run(client_->list_streams(api::ListStreamsRequest(), {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_THAT(reply->names, ElementsAre("a", "b"));
  EXPECT_TRUE(reply->has_more);
  EXPECT_EQ(reply->next_token, "more");
}

// Parents say what must be read first, the end that a shard is closed, and the token that there are more shards:
// any of them lost loses records or their order, and nothing fails.
TEST_F(KinesisRepliesTest, OfListShardsHoldEveryMember) {
  answer(
      R"({"NextToken": "page-2", "Shards": [{"ShardId": "s-3", "ParentShardId": "s-1", "AdjacentParentShardId": "s-2",
             "HashKeyRange": {"StartingHashKey": "10", "EndingHashKey": "99"},
             "SequenceNumberRange": {"StartingSequenceNumber": "4957", "EndingSequenceNumber": "4960"}}]})");
  const auto reply = testing::run(client_->list_shards(api::ListShardsRequest(), {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->next_token, "page-2");
  ASSERT_EQ(reply->shards.size(), 1U);
  const auto& shard = reply->shards[0];
  EXPECT_EQ(shard.id, "s-3");
  EXPECT_EQ(shard.parent, "s-1");
  EXPECT_EQ(shard.adjacent_parent, "s-2");
  EXPECT_EQ(shard.hash_key_start, "10");
  EXPECT_EQ(shard.hash_key_end, "99");
  EXPECT_EQ(shard.sequence_number_start, "4957");
  EXPECT_EQ(shard.sequence_number_end, "4960");
}

TEST_F(KinesisRepliesTest, OfUpdateShardCountHoldEveryMember) {
  answer(R"({"StreamName": "orders", "CurrentShardCount": 4, "TargetShardCount": 8})");
  const auto reply = testing::run(client_->update_shard_count(api::UpdateShardCountRequest(), {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->stream_name, "orders");
  EXPECT_EQ(reply->current, 4U);
  EXPECT_EQ(reply->target, 8U);
}

// The message says which shard was too busy, or that an internal failure it was: it is what `put` prints.
TEST_F(KinesisRepliesTest, OfPutRecordsHoldEveryMemberOfAnEntry) {
  answer(R"({"FailedRecordCount": 1, "Records": [
      {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard s-1"},
      {"SequenceNumber": "4957", "ShardId": "s-2"}]})");
  api::PutRecordsRequest put;
  put.records.resize(2);
  const auto reply = testing::run(client_->put_records(put, {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->failed_count, 1U);
  EXPECT_EQ(reply->results[0].error_code, "ProvisionedThroughputExceededException");
  EXPECT_EQ(reply->results[0].error_message, "Rate exceeded for shard s-1");
  EXPECT_EQ(reply->results[0].sequence_number, "");
  EXPECT_EQ(reply->results[1].error_code, "");
  EXPECT_EQ(reply->results[1].sequence_number, "4957");
  EXPECT_EQ(reply->results[1].shard_id, "s-2");
}

/// One call of each kind that has a result; all answer with the error, or nothing.
using Call = std::function<std::optional<Error>(KinesisClient&)>;
template <class T>
std::optional<Error> failure(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error());
}
Call describes() {
  return [](auto& client) { return failure(testing::run(client.describe_stream_summary(api::StreamRef(), {}))); };
}
Call lists_shards() {
  return [](auto& client) { return failure(testing::run(client.list_shards(api::ListShardsRequest(), {}))); };
}
Call puts() {
  return [](auto& client) { return failure(testing::run(client.put_record(api::PutRecordRequest(), {}))); };
}
Call puts_one_in_a_batch() {
  return [](auto& client) {
    api::PutRecordsRequest put;
    put.records.resize(1);
    return failure(testing::run(client.put_records(put, {})));
  };
}

// Taken for good, each would be believed: a stream in no state, a shard that cannot be read, a record that
// counts as stored and is nowhere.
TEST_F(KinesisRepliesTest, ThatLackWhatTheyAreForAreCorrupt) {
  const std::pair<Call, const char*> cases[] = {
      {describes(),
       R"({"StreamDescriptionSummary": {"StreamName": "a", "StreamARN": "b", "StreamStatus": "DREAMING"}})"},
      {describes(), R"({"StreamDescriptionSummary": {"StreamName": "a", "StreamARN": "b"}})"},
      {describes(), R"({"StreamDescriptionSummary": {"StreamName": "a", "StreamStatus": "ACTIVE"}})"},
      {lists_shards(), R"({"Shards": [{"ShardId": "s-1"}, {"ParentShardId": "s-1"}]})"},
      {puts(), R"({"ShardId": "s-1"})"},
      {puts_one_in_a_batch(), R"({"Records": [{"ShardId": "s-1"}]})"},
      {puts_one_in_a_batch(), R"({"Records": [{"ShardId": "s-1", "SequenceNumber": "none"}]})"},
      {puts_one_in_a_batch(), R"({"Records": [{"SequenceNumber": "4957"}]})"},
  };
  for (const auto& [call, json] : cases) {
    answer(json);
    const auto error = call(*client_);
    ASSERT_TRUE(error) << json;
    EXPECT_EQ(error->next, Next::corrupt) << json;
    EXPECT_EQ(error->code, "BadReply") << json;
  }
}

// A proxy or an old emulator that answers in JSON is named; "malformed CBOR" would send somebody looking for a
// network fault.
TEST_F(KinesisRepliesTest, InJsonAreSaidToBeByEveryCallWithAResult) {
  const std::pair<const char*, Call> calls[] = {
      {"DescribeStreamSummary", describes()},
      {"ListShards", lists_shards()},
      {"PutRecord", puts()},
      {"PutRecords", puts_one_in_a_batch()},
      {"ListStreams",
       [](auto& client) { return failure(testing::run(client.list_streams(api::ListStreamsRequest(), {}))); }},
      {"GetShardIterator",
       [](auto& client) {
         return failure(testing::run(client.get_shard_iterator(api::GetShardIteratorRequest(), {})));
       }},
      {"GetRecords",
       [](auto& client) { return failure(testing::run(client.get_records(api::GetRecordsRequest(), {}))); }},
      {"UpdateShardCount",
       [](auto& client) {
         return failure(testing::run(client.update_shard_count(api::UpdateShardCountRequest(), {})));
       }},
  };
  for (const auto& [name, call] : calls) {
    script_.then(reply_of(200, "{}", {"content-type: application/x-amz-json-1.1", "x-amzn-requestid: r-9"}));
    const auto error = call(*client_);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->message, "the reply to " + std::string(name) + " is JSON, not CBOR as asked for");
    EXPECT_EQ(error->request_id, "r-9") << name;
  }
}

// The library's user sets these; dropped, a batch job waits for minutes, or a reader hammers a shard.
TEST_F(KinesisRepliesTest, AreWaitedForAsOftenAsTheOptionsSay) {
  Settings settings;
  settings.region = "us-east-1";
  settings.endpoint = "http://127.0.0.1:4567";
  settings.credentials = static_credentials(Credentials("AKIDEXAMPLE", "secret"));
  KinesisClient::Options options;
  options.retry.attempts_max = 5;
  options.retry.retry_reads = true;
  KinesisClient client(settings, script_.transport(), clock_, options);
  for (int i = 0; i < 5; ++i) {
    script_.then(testing::error_reply(500, "InternalFailure"));
  }
  EXPECT_FALSE(testing::run(client.get_records(api::GetRecordsRequest(), {})));
  EXPECT_EQ(script_.sent.size(), 5U);
}

}  // namespace
}  // namespace weir::aws
