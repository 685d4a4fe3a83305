// What only a request over HTTP can ask for, or only a reply over HTTP shows.
#include <atomic>
#include <chrono>
#include <map>
#include <string>

#include "http_client.hpp"
#include "support.hpp"
#include "weir/emulator/server.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"

namespace weir::emulator {
namespace {

using Kind = Fault::Kind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A clock that the test moves while the server's threads look at it. Sleeping moves it by the time slept.
class SharedClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp(milliseconds(ms_.load())); }
  Duration elapsed() const override { return now().time_since_epoch(); }
  Task<void> sleep(Duration time, std::stop_token) override {
    advance(std::chrono::ceil<milliseconds>(time));
    co_return Result<void>();
  }
  void advance(milliseconds time) { ms_ += time.count(); }

 private:
  std::atomic<std::int64_t> ms_{1'795'485'969'342};  // 2026-11-24T02:06:09.342Z, a Tuesday
};

std::string in_quotes(std::string_view text) { return std::string("\"").append(text).append("\""); }

/// A map of members whose values are JSON already.
std::string json(std::initializer_list<std::pair<const char*, std::string>> members) {
  std::string text = "{";
  for (const auto& [name, value] : members) {
    text.append(text.size() > 1 ? "," : "").append(in_quotes(name)).append(":").append(value);
  }
  return text + "}";
}

std::string member(const HttpReply& reply, std::string_view name) {
  auto document = wire::Document::parse_json(reply.body);
  return document ? std::string(document->root().text(name)) : std::string();
}

struct OverHttp : testing::Test {
  SharedClock clock;
  std::unique_ptr<Kinesis> kinesis = std::make_unique<Kinesis>(clock);
  std::unique_ptr<Server> server = must(Server::start(*kinesis));

  HttpReply call(std::string_view operation, std::string_view body, wire::Format format = wire::Format::json) {
    return HttpClient(server->port()).call(operation, body, format);
  }
  void restart() {
    server.reset();
    kinesis = std::make_unique<Kinesis>(clock);
    server = must(Server::start(*kinesis));
  }
};

// Clients take the service's time from here: to correct their clock, and to know where LATEST began.
TEST_F(OverHttp, RepliesAreDatedByTheClock) {
  EXPECT_EQ(call("ListStreams", "{}").header("Date"), "Tue, 24 Nov 2026 02:06:09 GMT");
  clock.advance(std::chrono::days(40) + hours(21) + std::chrono::minutes(51));
  EXPECT_EQ(call("ListStreams", "{}").header("Date"), "Sun, 03 Jan 2027 23:57:09 GMT");
}

/// A stream after a split and a merge: 0 and 1 from the beginning, at 10 s 0 becomes 2 and 3, at 20 s 3 and 1
/// become 4; now is 30 s.
struct Filters : OverHttp {
  Filters() {
    must(kinesis->create("s", 2));
    clock.advance(seconds(10));
    must(kinesis->split("s", shard_0));
    clock.advance(seconds(10));
    must(kinesis->merge("s", "shardId-000000000003", shard_1));
    clock.advance(seconds(10));
  }
  /// The last digits of the shards listed, or the error's type.
  std::string listed(const std::string& body) {
    const auto reply = call("ListShards", body);
    if (reply.status != 200) {
      return member(reply, "__type");
    }
    auto document = must(wire::Document::parse_json(reply.body));
    std::string ids;
    for (const auto shard : document.root()["Shards"]) {
      ids += shard.text("ShardId").back();
    }
    return ids;
  }
  /// All pages of one shard each.
  std::string page_by_page(const std::string& filter) {
    std::string ids;
    auto body = json({{"StreamName", in_quotes("s")}, {"MaxResults", "1"}, {"ShardFilter", filter}});
    for (int pages = 0; pages < 10; ++pages) {
      const auto reply = call("ListShards", body);
      auto document = must(wire::Document::parse_json(reply.body));
      for (const auto shard : document.root()["Shards"]) {
        ids += shard.text("ShardId").back();
      }
      const auto token = member(reply, "NextToken");
      if (token.empty()) {
        break;
      }
      body = json({{"NextToken", in_quotes(token)}, {"MaxResults", "1"}});
    }
    return ids;
  }
  std::string at(std::string_view type, int second) const {
    return json({{"Type", in_quotes(type)}, {"Timestamp", std::to_string(1'795'485'969 + second) + ".342"}});
  }
};

// Consumers (the KCL among them) find where to begin by these: a shard too few is a shard never read, one too many
// is read twice.
TEST_F(Filters, ListTheShardsThatTheyName) {
  const std::pair<std::string, const char*> cases[] = {
      {json({{"Type", in_quotes("FROM_TRIM_HORIZON")}}), "01234"},
      {json({{"Type", in_quotes("AT_TRIM_HORIZON")}}), "01"},
      {json({{"Type", in_quotes("AT_LATEST")}}), "24"},
      {at("AT_TIMESTAMP", 5), "01"},
      {at("AT_TIMESTAMP", 15), "123"},
      {at("AT_TIMESTAMP", -100), "01"},  // before the stream: as at its beginning
      {at("FROM_TIMESTAMP", 5), "01234"},
      {at("FROM_TIMESTAMP", 15), "1234"},
      {at("FROM_TIMESTAMP", 25), "24"},
      {json({{"Type", in_quotes("AFTER_SHARD_ID")}, {"ShardId", in_quotes(shard_2)}}), "34"},
  };
  EXPECT_EQ(listed(json({{"StreamName", in_quotes("s")}})), "01234");
  for (const auto& [filter, expected] : cases) {
    EXPECT_EQ(listed(json({{"StreamName", in_quotes("s")}, {"ShardFilter", filter}})), expected) << filter;
    EXPECT_EQ(page_by_page(filter), expected) << "a token must remember " << filter;
  }
}

// The horizon moves with time; what it leaves behind is not offered as a beginning.
TEST_F(Filters, FollowTheHorizon) {
  clock.advance(hours(24) - seconds(15));  // the horizon is at 15 s
  EXPECT_EQ(
      listed(json({{"StreamName", in_quotes("s")}, {"ShardFilter", json({{"Type", in_quotes("AT_TRIM_HORIZON")}})}})),
      "123");
  EXPECT_EQ(
      listed(json({{"StreamName", in_quotes("s")}, {"ShardFilter", json({{"Type", in_quotes("FROM_TRIM_HORIZON")}})}})),
      "1234");
  EXPECT_EQ(listed(json({{"StreamName", in_quotes("s")}, {"ShardFilter", at("AT_TIMESTAMP", 5)}})), "123");
}

TEST_F(Filters, AreRefusedWhereTheyMakeNoSense) {
  const std::pair<std::string, const char*> cases[] = {
      {at("AT_TIMESTAMP", 31), "InvalidArgumentException"},  // in the future
      {at("FROM_TIMESTAMP", 31), "InvalidArgumentException"},
      {json({{"Type", in_quotes("AT_TIMESTAMP")}}), "InvalidArgumentException"},
      {at("AT_LATEST", 5), "InvalidArgumentException"},
      {json({{"Type", in_quotes("AFTER_SHARD_ID")}}), "ValidationException"},
      {json({{"Type", in_quotes("AT_NOON")}}), "ValidationException"},
      {json({{"ShardId", in_quotes(shard_2)}}), "ValidationException"},
  };
  for (const auto& [filter, expected] : cases) {
    EXPECT_EQ(listed(json({{"StreamName", in_quotes("s")}, {"ShardFilter", filter}})), expected) << filter;
  }
}

// A fault script that strikes other calls than it says, or does something else on the wire than in the process,
// proves nothing about the program under it.
struct FaultsOverHttp : OverHttp {
  static constexpr std::string_view first_key = "0";
  static constexpr std::string_view last_key = "340282366920938463463374607431768211455";

  /// Streams "s" of two shards and "other" of one, a record in each shard.
  void fill() {
    restart();
    must(kinesis->create("s", 2));
    must(kinesis->create("other"));
    EXPECT_EQ(outcome_of("PutRecord", "s", shard_0), "done");
    EXPECT_EQ(outcome_of("PutRecord", "s", shard_1), "done");
    EXPECT_EQ(outcome_of("PutRecord", "other", shard_0), "done");
    for (const auto& [stream, shard] : {std::pair("s", shard_0), {"s", shard_1}, {"other", shard_0}}) {
      iterators[stream + shard] = member(call("GetShardIterator", iterator_request(stream, shard)), "ShardIterator");
    }
  }
  static std::string iterator_request(const std::string& stream, const std::string& shard) {
    return json({{"StreamName", in_quotes(stream)},
                 {"ShardId", in_quotes(shard)},
                 {"ShardIteratorType", in_quotes("TRIM_HORIZON")}});
  }
  std::string request(std::string_view operation, const std::string& stream, const std::string& shard) {
    const auto key = in_quotes(shard == shard_0 ? first_key : last_key);
    if (operation == "GetRecords") {
      return json({{"ShardIterator", in_quotes(iterators.at(stream + shard))}});
    }
    if (operation == "GetShardIterator") {
      return iterator_request(stream, shard);
    }
    if (operation == "PutRecord") {
      return json({{"StreamName", in_quotes(stream)},
                   {"Data", in_quotes("YQ==")},
                   {"PartitionKey", in_quotes("k")},
                   {"ExplicitHashKey", key}});
    }
    const auto entry = json({{"Data", in_quotes("YQ==")}, {"PartitionKey", in_quotes("k")}, {"ExplicitHashKey", key}});
    return json({{"StreamName", in_quotes(stream)}, {"Records", "[" + entry + "]"}});
  }
  /// What a client sees of one call, and how long it took.
  std::string outcome_of(std::string_view operation, const std::string& stream, const std::string& shard) {
    const auto before = clock.now();
    const auto reply = call(operation, request(operation, stream, shard));
    const auto took = (clock.now() - before).count();
    const auto after = took == 0 ? std::string() : " after " + std::to_string(took) + " ms";
    if (reply.status == 0) {
      return "no reply" + after;
    }
    if (!reply.whole) {
      return "half a reply" + after;
    }
    if (reply.status != 200) {
      return std::to_string(reply.status) + " " + member(reply, "__type") + after;
    }
    auto document = must(wire::Document::parse_json(reply.body));
    if (operation == "GetRecords") {
      return std::to_string(document.root()["Records"].size()) + " records" + after;
    }
    if (operation == "PutRecords") {
      return std::to_string(*document.root()["FailedRecordCount"].integer()) + " failed" + after;
    }
    return "done" + after;
  }
  std::map<std::string, std::string> iterators;
};

TEST_F(FaultsOverHttp, OfEachKindStrikeTheCallsOfTheirStreamAndShardOnly) {
  struct Case {
    Kind kind;
    Operation operation;
    const char* struck;     // what the client sees
    const char* afterwards; // what then is in the shard
  };
  constexpr auto read = Operation::get_records;
  constexpr auto open = Operation::get_shard_iterator;
  constexpr auto put = Operation::put_record;
  constexpr const char* gone = "400 ResourceNotFoundException";
  constexpr const char* throttled = "400 ProvisionedThroughputExceededException";
  const Case cases[] = {
      {Kind::throttle, read, throttled, "1 records"},
      {Kind::internal_failure, read, "500 InternalFailure", "1 records"},
      {Kind::unavailable, read, "503 ServiceUnavailable", "1 records"},
      {Kind::cut, read, "no reply", "1 records"},
      {Kind::lost_reply, read, "no reply", "1 records"},
      {Kind::truncated, read, "half a reply", "1 records"},
      {Kind::slow, read, "1 records after 250 ms", "1 records"},
      {Kind::expired_iterator, read, "400 ExpiredIteratorException", "1 records"},
      {Kind::empty_reply, read, "0 records", "1 records"},
      {Kind::trim, read, "0 records", "0 records"},
      {Kind::made_again, read, gone, gone},
      {Kind::throttle, open, throttled, "1 records"},
      {Kind::slow, open, "done after 250 ms", "1 records"},
      {Kind::trim, open, "done", "0 records"},
      {Kind::made_again, open, "done", gone},
      {Kind::cut, put, "no reply", "1 records"},
      {Kind::lost_reply, put, "no reply", "2 records"},
      {Kind::truncated, put, "half a reply", "2 records"},
      {Kind::failed_entries, Operation::put_records, "1 failed", "1 records"},
  };
  for (const auto& [kind, operation, struck, afterwards] : cases) {
    fill();
    const auto name = to_string(operation);
    SCOPED_TRACE(std::string(to_string(kind)) + " in " + std::string(name));
    Fault fault;
    fault.kind = kind;
    fault.calls = {operation};
    fault.stream = "s";
    fault.delay = milliseconds(250);
    if (operation != put) {  // it names no shard
      fault.shard = shard_0;
    }
    if (kind != Kind::failed_entries) {  // counted by calls, not by entries
      fault.times = 1;
    }
    const std::string spared = operation == read ? "1 records" : kind == Kind::failed_entries ? "0 failed" : "done";
    kinesis->faults().add(fault);
    EXPECT_EQ(outcome_of(name, "other", shard_0), spared) << "another stream's";
    if (!fault.shard.empty()) {
      EXPECT_EQ(outcome_of(name, "s", shard_1), spared) << "another shard's";
    }
    EXPECT_EQ(outcome_of(name, "s", shard_0), struck);
    EXPECT_EQ(outcome_of("GetRecords", "s", shard_0), afterwards);
  }
}

// `slow` lets further faults apply; a call that waits for the last of them alone hides a timeout that is too short.
TEST_F(FaultsOverHttp, OfSlownessAddUp) {
  fill();
  for (const int delay : {250, 500}) {
    Fault fault;
    fault.kind = Kind::slow;
    fault.delay = milliseconds(delay);
    fault.times = 1;
    kinesis->faults().add(fault);
  }
  EXPECT_EQ(outcome_of("GetRecords", "s", shard_0), "1 records after 750 ms");
}

// CBOR has a path of its own for this call, which most SDKs take: nothing of a request may be lost on it.
TEST_F(OverHttp, PutRecordsInCborHonoursEveryMember) {
  must(kinesis->create("s", 2));
  std::string body;
  wire::CborWriter cbor(body);
  cbor.begin_map();
  cbor.text("StreamARN", "arn:aws:kinesis:us-east-1:000000000000:stream/s");
  cbor.begin_array("Records");
  for (const auto key : {FaultsOverHttp::last_key, FaultsOverHttp::first_key}) {
    cbor.begin_map();
    cbor.blob("Data", key);
    cbor.text("PartitionKey", "k");
    cbor.text("ExplicitHashKey", key);
    cbor.end_map();
  }
  cbor.end_array();
  cbor.end_map();
  const auto reply = call("PutRecords", body, wire::Format::cbor);
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto log = must(kinesis->log("s"));
  ASSERT_EQ(log[0].records.size(), 1U);
  ASSERT_EQ(log[1].records.size(), 1U);
  EXPECT_EQ(log[0].records[0].data, FaultsOverHttp::first_key);
  EXPECT_EQ(log[0].records[0].partition_key, "k");
  EXPECT_EQ(log[1].records[0].data, FaultsOverHttp::last_key);
}

// Streams of large records are made so on purpose; one that forgets refuses them, one that ignores it takes what
// the service would not.
TEST_F(OverHttp, ALargerRecordSizeIsKeptToldAndOutlivesAMakingAgain) {
  EXPECT_EQ(call("CreateStream",
                 json({{"StreamName", in_quotes("large")}, {"ShardCount", "1"}, {"MaxRecordSizeInKiB", "2048"}}))
                .status,
            200);
  EXPECT_EQ(call("CreateStream", json({{"StreamName", in_quotes("usual")}, {"ShardCount", "1"}})).status, 200);
  const auto told = [this](std::string_view stream) {
    const auto reply = call("DescribeStreamSummary", json({{"StreamName", in_quotes(stream)}}));
    auto document = must(wire::Document::parse_json(reply.body));
    return document.root()["StreamDescriptionSummary"]["MaxRecordSizeInKiB"].integer();
  };
  const Texts record = {std::string(2048 * 1024 - 1, 'x')};
  EXPECT_EQ(told("usual"), 1024);
  EXPECT_EQ(code(kinesis->put("usual", record, "k")), "ValidationException");
  for (int making = 0; making < 2; ++making) {
    EXPECT_EQ(told("large"), 2048) << making;
    EXPECT_TRUE(kinesis->put("large", record, "k").ok()) << making;
    EXPECT_EQ(code(kinesis->put("large", record, "kk")), "ValidationException") << making;
    must(kinesis->recreate("large"));
  }
}

}  // namespace
}  // namespace weir::emulator
