#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "aws/kinesis_messages.hpp"
#include "fakes.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"

namespace weir::aws {
namespace {

using ::testing::HasSubstr;

const std::string sequence_number = "49590338271490256608559692538361571095921575989136588898";

std::string constructed(std::string_view name) {
  const auto text = testing::vector_file("kinesis/aws-cbor-constructed.json");
  auto document = wire::Document::parse_json(text);
  for (const auto vector : document->root()["cases"]) {
    if (vector.text("name") == name) {
      return testing::from_hex(vector.text("hex"));
    }
  }
  throw std::runtime_error("no case " + std::string(name));
}

Result<api::GetRecordsReply> decode(std::string_view body) {
  const auto buffer = testing::buffer_of(body);
  return decode_get_records(buffer.bytes(), buffer.owner());
}

/// One reply of the service's, with a record that `write_record` writes.
template <class WriteRecord>
std::string reply_with(WriteRecord&& write_record) {
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.begin_array("Records");
  write_record(writer);
  writer.end_array();
  writer.end_map();
  return body;
}

std::string problem_of(const std::string& body) {
  const auto reply = decode(body);
  if (reply) {
    return "none";
  }
  EXPECT_EQ(reply.error().next, Next::corrupt);
  return reply.error().message;
}

TEST(GetRecordsReply, DecodesWhatAwsSends) {
  for (const auto* name : {"resp-get-records", "resp-get-records-definite"}) {
    SCOPED_TRACE(name);
    const auto reply = decode(constructed(name));
    ASSERT_TRUE(reply) << to_string(reply.error());
    ASSERT_EQ(reply->records.size(), 2U);
    const auto& first = reply->records[0];
    EXPECT_EQ(first.data, "Hello, this is a test.");
    EXPECT_EQ(first.sequence_number, sequence_number);
    EXPECT_EQ(first.partition_key, "1");
    EXPECT_EQ(first.arrival.time_since_epoch().count(), 1'545'084'650'987);
    const auto& second = reply->records[1];
    ASSERT_EQ(second.data.size(), 256U);
    EXPECT_EQ(static_cast<unsigned char>(second.data[255]), 255);
    EXPECT_EQ(second.partition_key, "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87");
    EXPECT_EQ(reply->next_shard_iterator, "AAAAAAAAAAE=");
    EXPECT_TRUE(reply->child_shards.empty());
  }
  EXPECT_EQ(decode(constructed("resp-get-records-definite"))->behind.count(), 123'456'789);
}

// Only a missing iterator ends a shard. Taking a null for one would poll a dead shard for ever; taking an
// iterator for none would end a live one.
TEST(GetRecordsReply, TakesAMissingOrNullIteratorForTheShardsEnd) {
  const auto end = decode(constructed("resp-get-records-shard-end"));
  ASSERT_TRUE(end) << to_string(end.error());
  EXPECT_FALSE(end->next_shard_iterator);
  ASSERT_EQ(end->child_shards.size(), 1U);
  EXPECT_EQ(end->child_shards[0].id, "shardId-000000000002");
  EXPECT_EQ(end->child_shards[0].parents, std::vector<std::string>{"shardId-000000000001"});
  EXPECT_EQ(end->child_shards[0].hash_key_start, "0");
  EXPECT_EQ(end->child_shards[0].hash_key_end, "1");
  const auto null = decode(constructed("resp-get-records-null-iterator"));
  ASSERT_TRUE(null) << to_string(null.error());
  EXPECT_FALSE(null->next_shard_iterator);
}

// An emulator sends data as base64 text, times as bare integers, nulls, and definite lengths.
TEST(GetRecordsReply, DecodesTheRecordedRepliesOfAnEmulator) {
  const auto recorded = testing::recorded_reply("kinesis/cbor-get-records.response.bin");
  const auto page = decode(recorded.body.bytes());
  ASSERT_TRUE(page) << to_string(page.error());
  ASSERT_EQ(page->records.size(), 10U);
  EXPECT_EQ(page->records[0].data, "record 1 \xc3\xa9");
  EXPECT_EQ(page->records[0].partition_key, "b");
  EXPECT_EQ(page->records[0].arrival.time_since_epoch().count(), 1'795'486'198'347);
  EXPECT_EQ(page->records[1].data, "record 2 \xc3\xa9");
  EXPECT_TRUE(page->next_shard_iterator);

  const auto end = decode(testing::recorded_reply("kinesis/cbor-get-records-shard-end.response.bin").body.bytes());
  ASSERT_TRUE(end) << to_string(end.error());
  EXPECT_FALSE(end->records.empty()) << "the last records and the end come together";
  EXPECT_FALSE(end->next_shard_iterator);
  ASSERT_EQ(end->child_shards.size(), 2U);
  EXPECT_EQ(end->child_shards[1].parents, std::vector<std::string>{"shardId-000000000000"});

  EXPECT_TRUE(decode(testing::recorded_reply("kinesis/cbor-get-records-at-timestamp.response.bin").body.bytes()));
}

TEST(GetRecordsReply, JoinsStringsSentInChunks) {
  const auto reply = decode(constructed("resp-chunked-strings"));
  ASSERT_TRUE(reply) << to_string(reply.error());
  ASSERT_EQ(reply->records.size(), 1U);
  EXPECT_EQ(reply->records[0].data, "Hello");
  EXPECT_EQ(reply->records[0].partition_key, "part");
}

// The batch outlives the reply object, and decoders read up to 64 bytes beyond each record. Run under the
// address sanitizer, which sees a byte too few.
TEST(GetRecordsReply, KeepsItsRecordsAndTheirPaddingAliveWithTheBuffer) {
  for (const auto& body :
       {constructed("resp-get-records"), constructed("resp-chunked-strings"),
        std::string(testing::recorded_reply("kinesis/cbor-get-records.response.bin").body.bytes())}) {
    std::shared_ptr<const void> buffer;
    std::vector<stream::RawRecord> records;
    {
      auto reply = decode(body);
      ASSERT_TRUE(reply) << to_string(reply.error());
      buffer = reply->buffer;
      records = reply->records;
      EXPECT_GE(reply->wire_bytes, body.size());
    }
    unsigned sum = 0;
    for (const auto& record : records) {
      for (std::size_t i = 0; i < record.data.size() + stream::padding_bytes; ++i) {
        sum += static_cast<unsigned char>(record.data.data()[i]);
      }
    }
    EXPECT_GT(sum, 0U);
  }
}

TEST(GetRecordsReply, PassesOverMembersItDoesNotKnow) {
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.begin_map("Later");
  writer.begin_array("Records");
  writer.integer(1);
  writer.end_array();
  writer.end_map();
  writer.begin_array("Records");
  writer.begin_map();
  writer.begin_array("Headers");
  writer.begin_map();
  writer.number("x", 1.5);
  writer.end_map();
  writer.end_array();
  writer.blob("Data", "");
  writer.text("SequenceNumber", "0");
  writer.text("PartitionKey", "k");
  writer.end_map();
  writer.end_array();
  writer.end_map();
  const auto reply = decode(body);
  ASSERT_TRUE(reply) << to_string(reply.error());
  ASSERT_EQ(reply->records.size(), 1U);
  EXPECT_EQ(reply->records[0].data, "");
  EXPECT_EQ(reply->behind.count(), 0);
}

// A record without its parts has no place in the stream: counting it would be a guess.
TEST(GetRecordsReply, RefusesRecordsThatLackSomething) {
  struct Case {
    std::string number;
    std::string key;
    bool data;
    const char* expected;
  };
  const std::string digits(56, '1');
  for (const auto& bad : {Case{"", "k", true, "SequenceNumber"}, Case{"01", "k", true, "SequenceNumber"},
                          Case{"0" + digits.substr(1), "k", true, "SequenceNumber"},
                          Case{digits.substr(1) + "x", "k", true, "SequenceNumber"},
                          Case{"1/" + digits.substr(2), "k", true, "SequenceNumber"},
                          Case{digits.substr(8) + ":1111111", "k", true, "SequenceNumber"},
                          Case{std::string(130, '1'), "k", true, "SequenceNumber"}, Case{"1", "", true, "PartitionKey"},
                          Case{"1", std::string(1025, 'k'), true, "PartitionKey"},
                          Case{"1", "\xff", true, "PartitionKey"}, Case{"1", "k", false, "Data"}}) {
    EXPECT_THAT(problem_of(reply_with([&](wire::CborWriter& writer) {
                  writer.begin_map();
                  if (!bad.number.empty()) {
                    writer.text("SequenceNumber", bad.number);
                  }
                  if (!bad.key.empty()) {
                    writer.text("PartitionKey", bad.key);
                  }
                  if (bad.data) {
                    writer.blob("Data", "x");
                  }
                  writer.end_map();
                })),
                HasSubstr(bad.expected));
  }
}

void write_record(wire::CborWriter& writer, std::string_view data) {
  writer.begin_map();
  writer.text("SequenceNumber", sequence_number);
  writer.text("PartitionKey", "k");
  writer.blob("Data", data);
  writer.end_map();
}

// Limits of the service, so that a hostile endpoint cannot fill the memory from a small reply.
TEST(GetRecordsReply, RefusesMoreThanTheServiceGives) {
  EXPECT_EQ(problem_of(reply_with([](wire::CborWriter& writer) {
              for (int i = 0; i < 10'000; ++i) {
                write_record(writer, "");
              }
            })),
            "none");
  EXPECT_THAT(problem_of(reply_with([](wire::CborWriter& writer) {
                for (int i = 0; i < 10'001; ++i) {
                  write_record(writer, "");
                }
              })),
              HasSubstr("more records"));
  EXPECT_EQ(problem_of(reply_with([](wire::CborWriter& writer) { write_record(writer, std::string(10 << 20, 'x')); })),
            "none");
  EXPECT_THAT(
      problem_of(reply_with([](wire::CborWriter& writer) { write_record(writer, std::string((10 << 20) + 1, 'x')); })),
      HasSubstr("larger"));
}

TEST(GetRecordsReply, RefusesWhatIsNoReply) {
  EXPECT_THAT(problem_of(""), HasSubstr("the reply to GetRecords is malformed"));
  EXPECT_NE(problem_of("{}"), "none");
  EXPECT_NE(problem_of("\xa0\xa0"), "none") << "something follows";
  EXPECT_THAT(problem_of(testing::from_hex("a2675265636f72647380714e65787453686172644974657261746f7260")),
              HasSubstr("empty NextShardIterator"));
  EXPECT_THAT(problem_of(testing::from_hex("a2675265636f726473806b4368696c6453686172647381a0")),
              HasSubstr("child shard without ShardId"));
}

// The service always sends Records. An empty map has no iterator either, which says that the shard has ended:
// taken at its word, it would end a live shard and lose what is left in it.
TEST(GetRecordsReply, RefusesAReplyWithoutRecords) {
  EXPECT_THAT(problem_of("\xa0"), HasSubstr("has no Records"));
  EXPECT_THAT(problem_of("\xbf\xff"), HasSubstr("has no Records"));
  EXPECT_THAT(problem_of(testing::from_hex("a1675265636f726473f6")), HasSubstr("has no Records")) << "null";
  EXPECT_THAT(problem_of(testing::from_hex("a1714e65787453686172644974657261746f726141")), HasSubstr("has no Records"))
      << "an iterator alone";
  EXPECT_EQ(problem_of(testing::from_hex("a1675265636f72647380")), "none") << "an empty list is one";
}

std::string described(const Result<api::GetRecordsReply>& reply) {
  if (!reply) {
    return to_string(reply.error());
  }
  std::string text = std::to_string(reply->behind.count()) + " " + reply->next_shard_iterator.value_or("(end)");
  for (const auto& record : reply->records) {
    text.append("|").append(record.sequence_number).append(",").append(record.data).append(",");
    text.append(record.partition_key).append(",").append(to_string(record.arrival));
  }
  for (const auto& child : reply->child_shards) {
    text.append("|").append(child.id).append(child.hash_key_start).append(child.hash_key_end);
  }
  return text;
}

// Replies of AWS' shape take a shortcut. It must read every byte as the general reader does, and say the
// same of what is wrong; so each byte of a reply is changed in turn and both are asked.
TEST(GetRecordsReply, MeansTheSameByTheShortcutAsInGeneral) {
  std::string page;
  wire::CborWriter writer(page);
  writer.begin_map();
  writer.begin_array("Records");
  for (int i = 0; i < 3; ++i) {
    writer.begin_map();
    writer.text("SequenceNumber", sequence_number);
    writer.timestamp("ApproximateArrivalTimestamp", Timestamp(std::chrono::milliseconds(1'545'084'650'987)));
    writer.blob("Data", std::string(i == 0 ? 3 : 300, 'd'));
    writer.text("PartitionKey", i == 0 ? std::string(30, 'k') : "key");
    writer.text("EncryptionType", i == 0 ? "NONE" : "KMS");
    writer.end_map();
  }
  writer.end_array();
  writer.integer("MillisBehindLatest", 7);
  writer.text("NextShardIterator", "AAAA");
  writer.end_map();
  int accepted = 0;
  for (const auto& body : {page, constructed("resp-get-records"), constructed("resp-get-records-definite"),
                           constructed("resp-get-records-shard-end")}) {
    for (std::size_t at = 0; at < body.size(); ++at) {
      for (const unsigned flip : {0x00U, 0x01U, 0x20U, 0x40U, 0x80U, 0x7fU, 0xffU}) {
        auto changed = body;
        changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
        const auto buffer = testing::buffer_of(changed);
        const auto quick = decode_get_records(buffer.bytes(), buffer.owner());
        const auto general = decode_get_records_in_general(buffer.bytes(), buffer.owner());
        ASSERT_EQ(described(quick), described(general)) << "byte " << at << " xor " << flip;
        accepted += quick.ok() ? 1 : 0;
      }
    }
  }
  EXPECT_GT(accepted, 1'000) << "both kinds of outcome were compared";
}

// A reply cut anywhere must be noticed: half a page taken for a whole one would skip records.
TEST(GetRecordsReply, NoticesAReplyCutAtAnyByte) {
  for (const auto& body :
       {constructed("resp-get-records"), constructed("resp-get-records-definite"),
        constructed("resp-get-records-shard-end"), constructed("resp-chunked-strings"),
        std::string(testing::recorded_reply("kinesis/cbor-get-records.response.bin").body.bytes())}) {
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_NE(problem_of(body.substr(0, size)), "none") << size << " of " << body.size();
    }
    EXPECT_EQ(problem_of(body), "none");
  }
}

}  // namespace
}  // namespace weir::aws
