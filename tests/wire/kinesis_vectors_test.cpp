// Real bytes: requests and replies recorded from an emulator, and messages built by the service's rules.
#include <gtest/gtest.h>

#include <vector>

#include "bytes.hpp"
#include "weir/base/random.hpp"
#include "weir/stream/record.hpp"
#include "weir/wire/aws_error.hpp"
#include "weir/wire/base64.hpp"
#include "weir/wire/cbor_reader.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::wire {
namespace {

using Kind = Value::Kind;

// Compares a message with what another implementation read out of it. Bytes and tagged values are told as
// {"$bytes_hex": ...} and {"$tag": 1, "$value": ...}; null and absent are the same.
void expect_same(Value found, Value expected, const std::string& path) {
  if (const auto hex = expected.is_map() ? expected["$bytes_hex"] : Value(); hex.exists()) {
    EXPECT_EQ(found.blob(), from_hex(hex.text().value())) << path;
    return;
  }
  if (const auto value = expected.is_map() ? expected["$value"] : Value(); value.exists()) {
    expect_same(found, value, path);
    return;
  }
  switch (expected.kind()) {
    case Kind::null:
      EXPECT_FALSE(found.exists()) << path;
      return;
    case Kind::text:
      EXPECT_EQ(found.text(), expected.text()) << path;
      return;
    case Kind::boolean:
      EXPECT_EQ(found.boolean(), expected.boolean()) << path;
      return;
    case Kind::map:
      for (const auto member : expected) {
        expect_same(found[member.name()], member, path + "." + std::string(member.name()));
      }
      for (const auto member : found) {
        EXPECT_TRUE(expected[member.name()].exists() || !member.exists()) << path << " " << member.name();
      }
      return;
    case Kind::array: {
      ASSERT_EQ(found.size(), expected.size()) << path;
      auto at = found.begin();
      for (const auto item : expected) {
        expect_same(*at, item, path + "[]");
        ++at;
      }
      return;
    }
    default:
      EXPECT_EQ(found.number(), expected.number()) << path;
  }
}

std::string body_of(const std::string& http) {
  const auto end = http.find("\r\n\r\n");
  return end == std::string::npos ? std::string() : http.substr(end + 4);
}

struct Message {
  std::string name;
  Format format;
  std::string body;
};
std::vector<Message> captured() {
  const auto index = read_vector("index.json");
  auto document = Document::parse_json(index);
  std::vector<Message> messages;
  for (const auto capture : document->root()["captures"]) {
    const std::string name(capture.text("name"));
    const auto format = capture.text("content_type") == content_type(Format::cbor) ? Format::cbor : Format::json;
    messages.push_back({name + ".request", format, body_of(read_vector(name + ".request.bin"))});
    messages.push_back({name + ".response", format, body_of(read_vector(name + ".response.bin"))});
  }
  return messages;
}
std::vector<Message> constructed() {
  const auto file = read_vector("aws-cbor-constructed.json");
  auto document = Document::parse_json(file);
  std::vector<Message> messages;
  for (const auto entry : document->root()["cases"]) {
    messages.push_back({std::string(entry.text("name")), Format::cbor, from_hex(entry.text("hex"))});
  }
  return messages;
}
std::vector<Message> all_messages() {
  auto messages = captured();
  for (auto& message : constructed()) {
    messages.push_back(std::move(message));
  }
  return messages;
}

TEST(KinesisVectors, ConstructedMessagesReadAsExpected) {
  const auto file = read_vector("aws-cbor-constructed.json");
  auto document = Document::parse_json(file);
  std::size_t count = 0;
  for (const auto entry : document->root()["cases"]) {
    const std::string name(entry.text("name"));
    const Exact bytes(from_hex(entry.text("hex")));
    auto message = Document::parse_cbor(bytes.view());
    ASSERT_TRUE(message.ok()) << name << to_string(message.error());
    expect_same(message->root(), entry["decoded"], name);
    EXPECT_TRUE(message->check().ok()) << name;
    ++count;
  }
  EXPECT_EQ(count, 13U);
}

TEST(KinesisVectors, CapturedRepliesReadAsTheyWereDecodedThen) {
  const auto index = read_vector("index.json");
  auto document = Document::parse_json(index);
  std::size_t count = 0;
  for (const auto capture : document->root()["captures"]) {
    const std::string name(capture.text("name"));
    const auto body = body_of(read_vector(name + ".response.bin"));
    ++count;
    if (!capture["response_decoded"].exists()) {
      EXPECT_EQ(body, "") << name;
      continue;
    }
    const bool cbor = capture.text("content_type") == content_type(Format::cbor);
    auto message = Document::parse(cbor ? Format::cbor : Format::json, body);
    ASSERT_TRUE(message.ok()) << name << to_string(message.error());
    expect_same(message->root(), capture["response_decoded"], name);
    EXPECT_TRUE(message->check().ok()) << name;
    if (capture["status"].integer() != 200) {
      const auto error = read_aws_error("", body);
      EXPECT_EQ(error.code, capture["response_decoded"].text("__type")) << name;
      EXPECT_EQ(error.message, capture["response_decoded"].text("message")) << name;
    }
  }
  EXPECT_EQ(count, 53U);
}

TEST(KinesisVectors, CapturedRequestsAreRead) {
  for (const auto& message : captured()) {
    if (message.name.ends_with(".request") && message.name != "json-err-serialization.request") {
      EXPECT_TRUE(Document::parse(message.format, message.body).ok()) << message.name;
    }
  }
  EXPECT_FALSE(Document::parse_json(body_of(read_vector("json-err-serialization.request.bin"))).ok());
}

struct Page {
  std::vector<stream::RawRecord> records;
  std::optional<std::string_view> next;
  std::int64_t behind = -1;
  bool ok = false;
};
// The loop a client reads a page of records with.
Page read_page(std::string_view body, Arena& arena) {
  Page page;
  CborReader reader(body, arena);
  if (reader.enter_map()) {
    while (reader.next()) {
      const auto member = reader.key();
      if (is(member, "Records")) {
        if (reader.enter_array()) {
          while (reader.next()) {
            stream::RawRecord record;
            if (reader.enter_map()) {
              while (reader.next()) {
                const auto name = reader.key();
                if (is(name, "Data")) {
                  record.data = reader.blob();
                } else if (is(name, "PartitionKey")) {
                  record.partition_key = reader.text();
                } else if (is(name, "SequenceNumber")) {
                  record.sequence_number = reader.text();
                } else if (is(name, "ApproximateArrivalTimestamp")) {
                  record.arrival = reader.timestamp();
                } else {
                  reader.skip();
                }
              }
            }
            page.records.push_back(record);
          }
        }
      } else if (is(member, "NextShardIterator")) {
        if (!reader.null()) {
          page.next = reader.text();
        }
      } else if (is(member, "MillisBehindLatest")) {
        page.behind = reader.integer();
      } else {
        reader.skip();
      }
    }
  }
  page.ok = reader.finish().ok();
  return page;
}

TEST(KinesisVectors, PagesOfRecordsReadTheSameInAllTheirForms) {
  for (const auto& message : constructed()) {
    if (message.name != "resp-get-records" && message.name != "resp-get-records-definite") {
      continue;
    }
    Arena arena;
    const auto page = read_page(message.body, arena);
    ASSERT_TRUE(page.ok) << message.name;
    ASSERT_EQ(page.records.size(), 2U);
    EXPECT_EQ(page.next, "AAAAAAAAAAE=");
    EXPECT_EQ(page.records[0].data, "Hello, this is a test.");
    EXPECT_EQ(page.records[0].sequence_number, "49590338271490256608559692538361571095921575989136588898");
    EXPECT_EQ(page.records[0].arrival, Timestamp(std::chrono::milliseconds(1545084650987)));
    EXPECT_EQ(page.records[1].data.size(), 256U);
    EXPECT_EQ(page.records[1].partition_key, "ключ");
    EXPECT_EQ(arena.bytes(), 0U);  // all views, no copies
  }
}

// A page read by members and the same page read as a tree must agree, in the emulator's form too.
TEST(KinesisVectors, PagesAndTreesAgree) {
  for (const auto& message : all_messages()) {
    if (message.format != Format::cbor || message.body.empty()) {
      continue;
    }
    auto document = Document::parse_cbor(message.body);
    ASSERT_TRUE(document.ok()) << message.name;
    const auto records = document->root()["Records"];
    if (!records.exists() || !document->root()["MillisBehindLatest"].exists()) {
      continue;
    }
    Arena arena;
    const auto page = read_page(message.body, arena);
    ASSERT_TRUE(page.ok) << message.name;
    EXPECT_EQ(page.next.has_value(), document->root()["NextShardIterator"].exists()) << message.name;
    ASSERT_EQ(page.records.size(), records.size());
    auto at = page.records.begin();
    for (const auto record : records) {
      EXPECT_EQ(at->data, record.blob("Data"));
      EXPECT_EQ(at->partition_key, record.text("PartitionKey"));
      EXPECT_EQ(at->sequence_number, record.text("SequenceNumber"));
      ++at;
    }
  }
}

void read_all_ways(std::string_view body) {
  Arena arena;
  read_page(body, arena);
  CborReader skipper(body, arena);
  skipper.skip();
  const bool skipped = skipper.finish().ok();
  const bool tree = Document::parse_cbor(body).ok();
  // Skipping takes all well-formed CBOR; a tree only what AWS sends. Never the other way round.
  EXPECT_TRUE(skipped || !tree);
  static_cast<void>(Document::parse_json(body).ok());
  const auto error = read_aws_error("", body);
  EXPECT_TRUE(is_utf8(error.message));
}

// A reply cut off anywhere must be an error: taking part of it for the whole would skip records.
TEST(KinesisVectors, NoMessageIsReadWhenCutOff) {
  for (const auto& message : all_messages()) {
    for (std::size_t size = 0; size < message.body.size(); ++size) {
      const Exact cut(std::string_view(message.body).substr(0, size));
      EXPECT_FALSE(Document::parse(message.format, cut.view()).ok()) << message.name << " " << size;
      if (message.format == Format::cbor) {
        Arena arena;
        EXPECT_FALSE(read_page(cut.view(), arena).ok) << message.name << " " << size;
      }
      read_aws_error("", cut.view());
    }
  }
}

// Whatever a byte is changed to, reading ends, in bounds (the sanitizers watch), and the ways agree.
TEST(KinesisVectors, DamagedMessagesAreReadOrRefused) {
  Random random(20261124);
  for (const auto& message : all_messages()) {
    for (int round = 0; round < 300 && !message.body.empty(); ++round) {
      auto damaged = message.body;
      const auto changes = 1 + random.below(4);
      for (std::uint64_t i = 0; i < changes; ++i) {
        const auto at = random.below(damaged.size());
        switch (random.below(3)) {
          case 0:
            damaged[at] = static_cast<char>(random());
            break;
          case 1:
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
            break;
          default:
            damaged.erase(at, random.below(9));
            damaged.push_back('\xff');
        }
      }
      const Exact exact(damaged);
      read_all_ways(exact.view());
    }
  }
}

}  // namespace
}  // namespace weir::wire
