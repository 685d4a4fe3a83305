#include "weir/aws/kinesis_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "fakes.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"

namespace weir::aws {
namespace {

using testing::error_reply;
using ::testing::HasSubstr;
using testing::recorded_reply;
using testing::reply_of;

class KinesisClientTest : public ::testing::Test {
 protected:
  KinesisClientTest() {
    Settings settings;
    settings.region = "us-east-1";
    settings.endpoint = "http://127.0.0.1:4567";
    settings.credentials = static_credentials(Credentials("AKIDEXAMPLE", "secret"));
    client_ = std::make_unique<KinesisClient>(settings, script_.transport(), clock_);
  }
  std::string operation() const { return script_.sent.back().headers.at("x-amz-target").substr(17); }
  const std::string& body() const { return script_.sent.back().body; }

  testing::FakeClock clock_;
  testing::Script script_;
  std::unique_ptr<KinesisClient> client_;
  api::StreamRef ref_{"ref", ""};
};

/// A message's members as text, for looking at requests: `Limit=5 StreamName=ref`.
std::string members(std::string_view cbor) {
  auto document = wire::Document::parse_cbor(cbor);
  if (!document) {
    return to_string(document.error());
  }
  std::string text;
  for (const auto value : document->root()) {
    text.append(text.empty() ? "" : " ").append(value.name()).append("=");
    switch (value.kind()) {
      case wire::Value::Kind::integer:
        text.append(std::to_string(*value.integer()));
        break;
      case wire::Value::Kind::text:
      case wire::Value::Kind::bytes:
        text.append(value.blob() ? *value.blob() : *value.text());
        break;
      default:
        text.append("?");
    }
  }
  return text;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    text += digits;
  }
  return text;
}

// Byte for byte what the official Java client sends, as far as it was seen on the wire.
TEST_F(KinesisClientTest, WritesRequestsAsAwsClientsDo) {
  script_.then(reply_of(500));
  api::GetShardIteratorRequest at_time;
  at_time.stream = ref_;
  at_time.shard_id = "shardId-000000000001";
  at_time.type = api::IteratorType::at_timestamp;
  at_time.timestamp = Timestamp(std::chrono::milliseconds(1'787'036'486'712));
  EXPECT_FALSE(testing::run(client_->get_shard_iterator(at_time, {})));
  EXPECT_EQ(
      hex(body()),
      "bf6a53747265616d4e616d6563726566675368617264496474736861726449642d3030303030303030303030317153686172644974657261"
      "746f72547970656c41545f54494d455354414d506954696d657374616d70c11b000001a013accc38ff");

  script_.then(reply_of(500));
  api::GetRecordsRequest get;
  get.shard_iterator = "AAAAAAAAAAE=";
  EXPECT_FALSE(testing::run(client_->get_records(get, {})));
  EXPECT_EQ(hex(body()), "bf6d53686172644974657261746f726c41414141414141414141453d654c696d6974192710ff");

  script_.then(error_reply(400, "ResourceNotFoundException"));
  api::PutRecordRequest put;
  put.stream = ref_;
  put.record.data = std::string_view("\0\1\2", 3);
  put.record.partition_key = "k";
  put.record.explicit_hash_key = "0";
  EXPECT_FALSE(testing::run(client_->put_record(put, {})));
  EXPECT_EQ(hex(body()),
            "bf6a53747265616d4e616d65637265666444617461430001026c506172746974696f6e4b6579616b6f4578706c69636974"
            "486173684b65796130ff");
}

TEST_F(KinesisClientTest, SendsEachCallsMembersUnderItsName) {
  const auto sends = [this](auto task, std::string_view name, std::string_view expected) {
    const auto result = testing::run(std::move(task));
    EXPECT_EQ(result.error().code, "ResourceNotFoundException");
    EXPECT_EQ(operation(), name);
    EXPECT_EQ(members(body()), expected) << name;
  };
  for (int i = 0; i < 13; ++i) {
    script_.then(error_reply(400, "ResourceNotFoundException"));
  }
  const api::StreamRef both{"ref", "arn:ref"};
  api::CreateStreamRequest create;
  create.name = "ref";
  create.shard_count = 4;
  sends(client_->create_stream(create, {}), "CreateStream", "StreamName=ref ShardCount=4");
  sends(client_->delete_stream(ref_, {}), "DeleteStream", "StreamName=ref");
  sends(client_->describe_stream_summary(both, {}), "DescribeStreamSummary", "StreamARN=arn:ref");
  api::ListStreamsRequest streams;
  streams.limit = 5;
  streams.exclusive_start_stream_name = "a";
  sends(client_->list_streams(streams, {}), "ListStreams", "Limit=5 ExclusiveStartStreamName=a");
  api::ListShardsRequest shards;
  shards.stream = ref_;
  shards.exclusive_start_shard_id = "shardId-000000000001";
  shards.results_max = 7;
  sends(client_->list_shards(shards, {}), "ListShards",
        "StreamName=ref ExclusiveStartShardId=shardId-000000000001 MaxResults=7");
  // The token excludes everything else: the service refuses both together.
  shards.next_token = "token";
  sends(client_->list_shards(shards, {}), "ListShards", "NextToken=token MaxResults=7");
  api::GetShardIteratorRequest iterator;
  iterator.stream = ref_;
  iterator.shard_id = "s";
  iterator.type = api::IteratorType::after_sequence_number;
  iterator.starting_sequence_number = "17";
  sends(client_->get_shard_iterator(iterator, {}), "GetShardIterator",
        "StreamName=ref ShardId=s ShardIteratorType=AFTER_SEQUENCE_NUMBER StartingSequenceNumber=17");
  // A sequence number beside TRIM_HORIZON is refused by the service, so it is not sent.
  iterator.type = api::IteratorType::trim_horizon;
  sends(client_->get_shard_iterator(iterator, {}), "GetShardIterator",
        "StreamName=ref ShardId=s ShardIteratorType=TRIM_HORIZON");
  api::GetRecordsRequest records;
  records.shard_iterator = "i";
  records.limit = 100;
  records.stream_arn = "arn:ref";
  sends(client_->get_records(records, {}), "GetRecords", "ShardIterator=i Limit=100 StreamARN=arn:ref");
  api::SplitShardRequest split;
  split.stream = ref_;
  split.shard = "s";
  split.new_starting_hash_key = "99";
  sends(client_->split_shard(split, {}), "SplitShard", "StreamName=ref ShardToSplit=s NewStartingHashKey=99");
  api::MergeShardsRequest merge;
  merge.stream = ref_;
  merge.shard = "s";
  merge.adjacent_shard = "t";
  sends(client_->merge_shards(merge, {}), "MergeShards", "StreamName=ref ShardToMerge=s AdjacentShardToMerge=t");
  api::UpdateShardCountRequest update;
  update.stream = ref_;
  update.target = 8;
  sends(client_->update_shard_count(update, {}), "UpdateShardCount",
        "StreamName=ref TargetShardCount=8 ScalingType=UNIFORM_SCALING");
  api::PutRecordsRequest put;
  put.stream = ref_;
  sends(client_->put_records(put, {}), "PutRecords", "StreamName=ref Records=?");
}

TEST_F(KinesisClientTest, ReadsTheRecordedRepliesOfAnEmulator) {
  script_.then(recorded_reply("kinesis/cbor-describe-stream-summary.response.bin"));
  const auto summary = testing::run(client_->describe_stream_summary(ref_, {}));
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->name, "ref");
  EXPECT_EQ(summary->arn, "arn:aws:kinesis:us-east-1:000000000000:stream/ref");
  EXPECT_EQ(summary->status, api::StreamStatus::active);
  EXPECT_EQ(summary->created.time_since_epoch().count(), 1'795'485'969'342);
  EXPECT_EQ(summary->retention_hours, 24U);
  EXPECT_EQ(summary->open_shard_count, 2U);
  EXPECT_EQ(to_string(summary->service_time).substr(0, 13), "2026-11-24T02") << "from the Date header";

  script_.then(recorded_reply("kinesis/cbor-list-shards.response.bin"));
  api::ListShardsRequest list;
  list.stream = ref_;
  const auto shards = testing::run(client_->list_shards(list, {}));
  ASSERT_TRUE(shards) << to_string(shards.error());
  ASSERT_EQ(shards->shards.size(), 2U);
  EXPECT_EQ(shards->shards[1].id, "shardId-000000000001");
  EXPECT_EQ(shards->shards[1].parent, "");
  EXPECT_EQ(shards->shards[1].hash_key_start, "170141183460469231731687303715884105727");
  EXPECT_EQ(shards->shards[1].sequence_number_end, "");
  EXPECT_EQ(shards->next_token, "");

  script_.then(recorded_reply("kinesis/cbor-put-record.response.bin"));
  api::PutRecordRequest put;
  put.stream = ref_;
  const auto one = testing::run(client_->put_record(put, {}));
  ASSERT_TRUE(one) << to_string(one.error());
  EXPECT_EQ(one->shard_id, "shardId-000000000001");

  script_.then(recorded_reply("kinesis/cbor-put-records.response.bin"));
  api::PutRecordsRequest many;
  many.stream = ref_;
  many.records.resize(2);
  const auto two = testing::run(client_->put_records(many, {}));
  ASSERT_TRUE(two) << to_string(two.error());
  EXPECT_EQ(two->failed_count, 0U);
  EXPECT_EQ(two->results[0].error_code, "");
  EXPECT_EQ(two->results[1].shard_id, "shardId-000000000001");

  script_.then(recorded_reply("kinesis/cbor-get-shard-iterator-trim-horizon.response.bin"));
  const auto iterator = testing::run(client_->get_shard_iterator(api::GetShardIteratorRequest(), {}));
  ASSERT_TRUE(iterator) << to_string(iterator.error());
  EXPECT_TRUE(iterator->starts_with("AAAAAAAAAAHGJ8eDTpbmE"));

  script_.then(recorded_reply("kinesis/cbor-get-records.response.bin"));
  const auto records = testing::run(client_->get_records(api::GetRecordsRequest(), {}));
  ASSERT_TRUE(records) << to_string(records.error());
  EXPECT_EQ(records->records.size(), 10U);
}

// Calls without results answer 200 with no body at all, on AWS too.
TEST_F(KinesisClientTest, TakesAnEmptyBodyForSuccessWhereThereIsNoResult) {
  for (int i = 0; i < 4; ++i) {
    script_.then(reply_of(200, "", {"content-type: application/x-amz-cbor-1.1"}));
  }
  EXPECT_TRUE(testing::run(client_->create_stream(api::CreateStreamRequest(), {})));
  EXPECT_TRUE(testing::run(client_->delete_stream(ref_, {})));
  EXPECT_TRUE(testing::run(client_->split_shard(api::SplitShardRequest(), {})));
  EXPECT_TRUE(testing::run(client_->merge_shards(api::MergeShardsRequest(), {})));
  script_.then(reply_of(200));
  EXPECT_EQ(testing::run(client_->describe_stream_summary(ref_, {})).error().next, Next::corrupt);
}

// HTTP 200 does not mean that all were stored; what failed must be seen per record.
TEST_F(KinesisClientTest, TellsWhichRecordsOfAPutFailed) {
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.integer("FailedRecordCount", 1);
  writer.begin_array("Records");
  writer.begin_map();
  writer.text("ErrorCode", "ProvisionedThroughputExceededException");
  writer.text("ErrorMessage", "Rate exceeded");
  writer.end_map();
  writer.begin_map();
  writer.text("SequenceNumber", "17");
  writer.text("ShardId", "shardId-000000000000");
  writer.end_map();
  writer.end_array();
  writer.end_map();
  script_.then(reply_of(200, body));
  script_.then(reply_of(200, body, {"x-amzn-requestid: r-7"}));
  api::PutRecordsRequest put;
  put.stream = ref_;
  put.records.resize(2);
  const auto reply = testing::run(client_->put_records(put, {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->failed_count, 1U);
  EXPECT_EQ(reply->results[0].error_code, "ProvisionedThroughputExceededException");
  EXPECT_EQ(reply->results[1].sequence_number, "17");

  // A reply that does not answer each record would let some vanish.
  put.records.resize(3);
  const auto wrong = testing::run(client_->put_records(put, {}));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().next, Next::corrupt);
  EXPECT_EQ(wrong.error().request_id, "r-7");
}

TEST_F(KinesisClientTest, SaysSoWhenAnEndpointAnswersInJson) {
  script_.then(reply_of(200, R"({"Records":[]})", {"content-type: application/x-amz-json-1.1"}));
  const auto reply = testing::run(client_->get_records(api::GetRecordsRequest(), {}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().next, Next::corrupt);
  EXPECT_THAT(reply.error().message, HasSubstr("JSON, not CBOR"));
}

// Reads are left to their reader; control and put calls are tried again; effects are not repeated.
TEST_F(KinesisClientTest, RetriesEachCallAsItsKindAllows) {
  const auto attempts = [this](auto task) {
    const auto before = script_.sent.size();
    (void)testing::run(std::move(task));
    return script_.sent.size() - before;
  };
  for (int i = 0; i < 100; ++i) {
    script_.then(error_reply(500, "InternalFailure"));
  }
  EXPECT_EQ(attempts(client_->get_records(api::GetRecordsRequest(), {})), 1U);
  EXPECT_EQ(attempts(client_->get_shard_iterator(api::GetShardIteratorRequest(), {})), 1U);
  EXPECT_EQ(attempts(client_->describe_stream_summary(ref_, {})), 3U);
  EXPECT_EQ(attempts(client_->list_streams(api::ListStreamsRequest(), {})), 3U);
  EXPECT_EQ(attempts(client_->list_shards(api::ListShardsRequest(), {})), 3U);
  EXPECT_EQ(attempts(client_->put_record(api::PutRecordRequest(), {})), 3U);
  EXPECT_EQ(attempts(client_->put_records(api::PutRecordsRequest(), {})), 3U);
  EXPECT_EQ(attempts(client_->create_stream(api::CreateStreamRequest(), {})), 1U);
  EXPECT_EQ(attempts(client_->delete_stream(ref_, {})), 1U);
  EXPECT_EQ(attempts(client_->split_shard(api::SplitShardRequest(), {})), 1U);
  EXPECT_EQ(attempts(client_->merge_shards(api::MergeShardsRequest(), {})), 1U);
  EXPECT_EQ(attempts(client_->update_shard_count(api::UpdateShardCountRequest(), {})), 1U);
}

/// Every decoder of a reply, run on any bytes.
TEST_F(KinesisClientTest, NoticesRepliesCutAtAnyByte) {
  api::PutRecordsRequest put;
  put.records.resize(2);
  const std::pair<const char*, std::function<bool()>> calls[] = {
      {"describe-stream-summary", [&] { return testing::run(client_->describe_stream_summary(ref_, {})).ok(); }},
      {"list-shards", [&] { return testing::run(client_->list_shards(api::ListShardsRequest(), {})).ok(); }},
      {"put-record", [&] { return testing::run(client_->put_record(api::PutRecordRequest(), {})).ok(); }},
      {"put-records", [&] { return testing::run(client_->put_records(put, {})).ok(); }},
      {"get-shard-iterator-trim-horizon",
       [&] { return testing::run(client_->get_shard_iterator(api::GetShardIteratorRequest(), {})).ok(); }},
  };
  for (const auto& [name, call] : calls) {
    const auto whole = recorded_reply(std::string("kinesis/cbor-") + name + ".response.bin");
    const auto bytes = std::string(whole.body.bytes());
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      script_.then(reply_of(200, std::string_view(bytes).substr(0, size)));
      EXPECT_EQ(call(), size == bytes.size()) << name << " cut at " << size;
    }
  }
}

}  // namespace
}  // namespace weir::aws
