// The requests recorded against another emulator, sent again to ours byte for byte, and the replies compared
// field by field. Where the two differ, the service's documented behaviour wins; each such difference is
// listed here with its reason.

#include <atomic>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "emulator/hash_key.hpp"
#include "emulator/sequence.hpp"
#include "http_client.hpp"
#include "support.hpp"
#include "weir/emulator/server.hpp"
#include "weir/wire/base64.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::emulator {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view stream = "ref";

std::string file(const std::string& name) {
  std::ifstream in(std::string(WEIR_SOURCE_DIR "/tests/vectors/kinesis/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Not sent: the endpoint has no enhanced fan-out.
bool is_fan_out(std::string_view operation) { return operation.find("Consumer") != std::string_view::npos; }

/// Answered otherwise than recorded, as a whole.
struct Different {
  int status;
  std::string_view type;  // empty: a success
};
const std::map<std::string, Different, std::less<>> different = {
    // AWS answers an iterator that is none with InvalidArgumentException; the other one with an empty 500.
    {"json-err-bad-iterator", {400, "InvalidArgumentException"}},
    // AWS's name for an operation it does not have.
    {"json-err-unknown-operation", {400, "UnknownOperationException"}},
    // RFC 8949's form of a time, seconds as a double, is understood: it cannot mean anything else.
    {"cbor-get-shard-iterator-at-timestamp-double-seconds", {200, ""}},
};

/// Compares one reply with what was recorded.
class Comparison {
 public:
  Comparison(std::string name, wire::Format format) : name_(std::move(name)), format_(format) {}

  void compare(wire::Value recorded, wire::Value ours, const std::string& path) const {
    for (const wire::Value member : recorded) {
      const std::string member_name(member.name());
      const std::string at = path + "." + member_name;
      // The service tells a stream's setting since 2025; the other emulator knows the member but not the value.
      if (member_name == "MaxRecordSizeInKiB") {
        continue;
      }
      if (!member.exists()) {  // null, where AWS and we send nothing
        EXPECT_FALSE(ours[member_name].exists()) << name_ << at;
        continue;
      }
      // Its records say that they are not encrypted; ours leave it out, as the service's sample replies do.
      if (member_name == "EncryptionType" && path.find("Records") != std::string::npos) {
        continue;
      }
      ASSERT_TRUE(ours[member_name].exists()) << name_ << at;
      compare_member(member_name, member, ours[member_name], at);
    }
    // Nothing of ours that was not recorded, in a form it could have had.
    for (const wire::Value member : ours) {
      const std::string member_name(member.name());
      const bool expected =
          member_name == "NextToken" || member_name == "ChildShards" || member_name == "MaxRecordSizeInKiB";
      EXPECT_TRUE(recorded[member_name].exists() || expected) << name_ << path << "." << member_name;
    }
  }

 private:
  void compare_member(const std::string& member, wire::Value recorded, wire::Value ours, const std::string& at) const {
    static const std::set<std::string> opaque = {"ShardIterator", "NextShardIterator", "NextToken", "message"};
    if (opaque.contains(member)) {
      EXPECT_FALSE(ours.text().value_or("").empty()) << name_ << at;
    } else if (member == "SequenceNumber" || member == "StartingSequenceNumber") {
      compare_numbers(*recorded.text(), *ours.text(), at);
    } else if (member == "EndingSequenceNumber") {
      // The other one sends 2^63 - 1, which is below every record; ours is above them.
      EXPECT_TRUE(decode_sequence(*ours.text()).has_value()) << name_ << at;
    } else if (member == "StartingHashKey" || member == "EndingHashKey") {
      // The other one divides 2^128 - 1, so that its boundaries are up to one lower.
      const HashKey theirs = *parse_hash_key(*recorded.text());
      const HashKey mine = *parse_hash_key(*ours.text());
      EXPECT_LE(mine > theirs ? mine - theirs : theirs - mine, HashKey{1}) << name_ << at;
    } else if (member == "MillisBehindLatest") {
      // From now on the service and with us, from the shard's last record there; zero means the same.
      EXPECT_EQ(recorded.integer() == 0, ours.integer() == 0) << name_ << at;
    } else if (member == "Data") {
      // Base64 text there, also in CBOR, where the service and we send bytes.
      EXPECT_EQ(recorded.text(), wire::encode_base64(*ours.blob())) << name_ << at;
    } else if (member == "ApproximateArrivalTimestamp" || member == "StreamCreationTimestamp") {
      const double scale = format_ == wire::Format::cbor ? 1 : 1000;  // what was recorded: ms in CBOR
      const auto theirs = static_cast<std::int64_t>(std::llround(*recorded.number() * scale));
      EXPECT_EQ(ours.timestamp()->time_since_epoch().count(), theirs) << name_ << at;
    } else if (recorded.is_map()) {
      compare(recorded, ours, at);
    } else if (recorded.text().has_value()) {
      EXPECT_EQ(recorded.text(), ours.text()) << name_ << at;
    } else if (recorded.integer().has_value()) {
      EXPECT_EQ(recorded.integer(), ours.integer()) << name_ << at;
    } else {
      compare_lists(recorded, ours, at);
    }
  }

  void compare_lists(wire::Value recorded, wire::Value ours, const std::string& at) const {
    ASSERT_EQ(recorded.size(), ours.size()) << name_ << at;
    auto mine = ours.begin();
    for (const wire::Value theirs : recorded) {
      if (theirs.is_map()) {
        compare(theirs, *mine, at + "[]");
      } else {
        EXPECT_EQ(theirs.text(), (*mine).text()) << name_ << at;
      }
      ++mine;
    }
  }

  /// The counters differ (ours leave gaps), and a child's second of creation (ours is above its parents').
  void compare_numbers(std::string_view theirs, std::string_view ours, const std::string& at) const {
    const auto recorded = decode_sequence(theirs);
    const auto made = decode_sequence(ours);
    ASSERT_TRUE(recorded && made) << name_ << at;
    // A merged shard's starting number names its first parent there.
    if (made->shard_index != 4) {
      EXPECT_EQ(recorded->shard_index, made->shard_index) << name_ << at;
    }
    EXPECT_EQ(recorded->counter == 0, made->counter == 0) << name_ << at;
    if (made->shard_index < 2) {
      EXPECT_EQ(recorded->shard_created_s, made->shard_created_s) << name_ << at;
      if (recorded->counter != 0) {
        EXPECT_EQ(recorded->record_s, made->record_s) << name_ << at;
      }
    }
  }

  std::string name_;
  wire::Format format_;
};

/// A clock that tells the moment of the recording; the server's threads read it.
class RecordingClock : public Clock {
 public:
  Timestamp now() const override { return Timestamp(milliseconds(now_ms_.load())); }
  Duration elapsed() const override { return milliseconds(now_ms_.load()); }
  Task<void> sleep(Duration, std::stop_token) override { co_return Result<void>(); }
  void at(std::int64_t ms) { now_ms_ = ms; }

 private:
  std::atomic<std::int64_t> now_ms_{1'795'485'969'342};
};

struct Captures : testing::Test {
  RecordingClock clock;
  Kinesis kinesis{clock};
  std::unique_ptr<Server> server = must(Server::start(kinesis));
  Caller in_process{kinesis};
  std::map<std::string, std::string> numbers;    // theirs to ours
  std::map<std::string, std::string> iterators;  // theirs to ours

  /// The records that were there before the recording began, at their times.
  void put_history(wire::Value captures) {
    std::map<std::int64_t, std::pair<wire::Value, std::string_view>> history;  // and where it was put
    for (const wire::Value capture : captures) {
      const std::string_view name = capture.text("name");
      if (name != "cbor-get-records" && name != "cbor-get-records-shard-end") {
        continue;
      }
      for (const wire::Value record : capture["response_decoded"]["Records"]) {
        if (*record["ApproximateArrivalTimestamp"].integer() < 1'795'486'250'000) {
          history[*record["ApproximateArrivalTimestamp"].integer()] = {
              record, name == "cbor-get-records" ? "340282366920938463463374607431768211455" : "0"};
        }
      }
    }
    for (const auto& [time, put] : history) {
      const auto& [record, hash_key] = put;
      clock.at(time);
      const auto data = wire::decode_base64(record.text("Data"));
      const auto placed = must(in_process.put(std::string(stream), *data, record.text("PartitionKey"), hash_key));
      numbers[std::string(record.text("SequenceNumber"))] = placed.sequence_number;
    }
  }

  /// The recorded request with the numbers and iterators that only the other emulator knows made ours.
  std::string ours(std::string request) const {
    for (const auto* known : {&numbers, &iterators}) {
      for (const auto& [theirs, mine] : *known) {
        const auto at = request.find(theirs);
        if (at == std::string::npos) {
          continue;
        }
        // An iterator's length differs: in CBOR it has a head of two bytes, and both have the HTTP length.
        request.replace(at, theirs.size(), mine);
        if (request[at - 2] == '\x78') {
          request[at - 1] = static_cast<char>(mine.size());
        }
      }
    }
    const auto body = request.substr(request.find("\r\n\r\n") + 4);
    const auto from = request.find("Content-Length: ") + 16;
    request.replace(from, request.find("\r\n", from) - from, std::to_string(body.size()));
    return request;
  }

  std::string opened(const std::string& shard, api::IteratorType type) {
    return must(in_process.iterator(std::string(stream), shard, type));
  }
};

std::string iterator_in(std::string_view request) {
  const auto from = request.find("AAAAAAAAAA");
  if (from == std::string_view::npos) {
    return {};
  }
  const auto end = request.find('=', from);
  return std::string(request.substr(from, end == std::string_view::npos ? 0 : end + 1 - from));
}

// A client that works with one emulator and not with the other has found a mistake in one of them.
TEST_F(Captures, AreAnsweredFieldByFieldAsRecorded) {
  const std::string text = file("index.json");
  auto index = must(wire::Document::parse_json(text));
  must(kinesis.create(stream, 2));
  put_history(index.root()["captures"]);
  // Opened before or beside the recording: what their iterators stood for.
  const std::map<std::string, std::pair<std::string, api::IteratorType>> unrecorded = {
      {"json-get-records-shard-end", {shard_0, api::IteratorType::trim_horizon}},
      {"cbor-get-records-shard-end", {shard_0, api::IteratorType::trim_horizon}},
      {"json-get-records-closed-latest", {shard_0, api::IteratorType::latest}},
      {"json-get-records-merged-parent", {shard_2, api::IteratorType::trim_horizon}},
  };

  std::size_t sent = 0;
  std::string last_token;
  for (const wire::Value capture : index.root()["captures"]) {
    const std::string name(capture.text("name"));
    if (is_fan_out(capture.text("operation"))) {
      continue;
    }
    // Recorded while a status change took its time, which ours takes none: tested by name elsewhere.
    if (name == "json-err-split-while-updating") {
      continue;
    }
    SCOPED_TRACE(name);
    std::string request = file(name + ".request.bin");
    ASSERT_FALSE(request.empty());
    // The moment of the recorded arrivals; the put requests come after the history.
    clock.at(name.find("put-records") != std::string::npos
                 ? name.starts_with("cbor") ? 1'795'486'250'809 : 1'795'486'250'751
             : name == "json-put-record"
                 ? 1'795'486'250'674
                 : std::max<std::int64_t>(1'795'486'250'690, clock.now().time_since_epoch().count()));
    if (const auto found = unrecorded.find(name); found != unrecorded.end()) {
      iterators[iterator_in(request)] = opened(found->second.first, found->second.second);
    }
    if (name == "json-list-shards-page2") {
      request.replace(request.find("ref::shardId-000000000000"), 25, last_token);
    }
    HttpClient client(server->port());
    client.send(ours(std::move(request)));
    const HttpReply reply = client.read();
    ++sent;

    const auto format =
        capture.text("content_type").find("cbor") != std::string_view::npos ? wire::Format::cbor : wire::Format::json;
    if (const auto found = different.find(name); found != different.end()) {
      EXPECT_EQ(reply.status, found->second.status);
      auto document = must(wire::Document::parse(format, reply.body));
      EXPECT_EQ(document.root().text("__type"), found->second.type);
      continue;
    }
    EXPECT_EQ(reply.status, capture["status"].integer());
    EXPECT_EQ(reply.header("Content-Type"), capture.text("content_type"));
    const wire::Value recorded = capture["response_decoded"];
    if (!recorded.exists()) {
      EXPECT_EQ(reply.body, "");
      continue;
    }
    auto document = must(wire::Document::parse(format, reply.body));
    const wire::Value root = document.root();
    if (name == "json-list-shards-after-update-count") {
      // Which shards come first in a count change is the service's own affair; what is open at the end is not.
      std::size_t open = 0;
      for (const wire::Value shard : root["Shards"]) {
        open += shard["SequenceNumberRange"]["EndingSequenceNumber"].exists() ? 0 : 1;
      }
      EXPECT_EQ(open, 4U);
      continue;
    }
    Comparison(name, format).compare(recorded, root, "");
    EXPECT_TRUE(document.check().ok());
    if (recorded["ShardIterator"].exists()) {
      iterators[std::string(recorded.text("ShardIterator"))] = root.text("ShardIterator");
    }
    if (root["NextToken"].exists()) {
      last_token = root.text("NextToken");
    }
  }
  EXPECT_EQ(sent, 45U);
}

// What the service's own SDKs send and the bytes they expect, for which no recording exists.
TEST_F(Captures, UnderstandWhatTheSdksSendInCbor) {
  const std::string text = file("aws-cbor-constructed.json");
  auto vectors = must(wire::Document::parse_json(text));
  must(kinesis.create(stream, 2));
  clock.at(1'795'486'250'690);
  const std::map<std::string, std::string, std::less<>> operations = {
      {"req-get-shard-iterator-at-timestamp", "GetShardIterator"}, {"req-put-record", "PutRecord"}};
  std::size_t sent = 0;
  for (const wire::Value vector : vectors.root()["cases"]) {
    const auto operation = operations.find(vector.text("name"));
    if (operation == operations.end()) {
      continue;
    }
    std::string body;
    const std::string_view hex = vector.text("hex");
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      body.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    HttpClient client(server->port());
    EXPECT_EQ(client.call(operation->second, body, wire::Format::cbor).status, 200) << vector.text("name");
    ++sent;
  }
  EXPECT_EQ(sent, 2U);
  const auto page = must(in_process.read(std::string(stream), shard_0));
  ASSERT_EQ(page.records.size(), 1U);
  EXPECT_EQ(page.records[0].data, std::string_view("\0\1\2", 3));
}

}  // namespace
}  // namespace weir::emulator
