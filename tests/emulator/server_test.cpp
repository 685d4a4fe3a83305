#include "weir/emulator/server.hpp"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "http_client.hpp"
#include "support.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"

namespace weir::emulator {
namespace {

using std::chrono::milliseconds;

struct ServerTest : testing::Test {
  Kinesis kinesis;
  std::unique_ptr<Server> server = must(Server::start(kinesis));

  HttpReply call(std::string_view operation, std::string_view body) {
    return HttpClient(server->port()).call(operation, body);
  }
  void restart(const Server::Options& options) {
    server.reset();
    server = must(Server::start(kinesis, options));
  }
};

std::string type_of(const HttpReply& reply, wire::Format format = wire::Format::json) {
  auto document = must(wire::Document::parse(format, reply.body));
  return std::string(document.root().text("__type"));
}

std::string member(const HttpReply& reply, std::string_view name) {
  auto document = wire::Document::parse_json(reply.body);
  return document ? std::string(document->root().text(name)) : std::string();
}

std::string put(std::string_view data_base64) {
  return R"({"StreamName":"s","PartitionKey":"k","Data":")" + std::string(data_base64) + "\"}";
}

std::string iterator_of(HttpClient& client) {
  return member(
      client.call("GetShardIterator",
                  R"({"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"})"),
      "ShardIterator");
}

TEST_F(ServerTest, NamesItsEndpoint) {
  EXPECT_EQ(server->endpoint(), "http://127.0.0.1:" + std::to_string(server->port()));
  EXPECT_NE(server->port(), 0);
}

TEST_F(ServerTest, AnswersSeveralRequestsOfOneConnection) {
  HttpClient client(server->port());
  EXPECT_EQ(client.call("CreateStream", R"({"StreamName":"s","ShardCount":1})").status, 200);
  EXPECT_EQ(client.call("PutRecord", put("YQ==")).status, 200);
  const auto reply = client.call("GetRecords", R"({"ShardIterator":")" + iterator_of(client) + "\"}");
  ASSERT_EQ(reply.status, 200);
  auto document = must(wire::Document::parse_json(reply.body));
  ASSERT_EQ(document.root()["Records"].size(), 1U);
  EXPECT_EQ((*document.root()["Records"].begin()).blob("Data"), "a");
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  must(kinesis.create("s"));
  HttpClient client(server->port());
  client.send(HttpClient::request("DescribeStreamSummary", R"({"StreamName":"s"})") +
              HttpClient::request("DescribeStreamSummary", R"({"StreamName":"absent"})"));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 400);
}

// Clients log the request id, correct their clock by the date, and pick the decoder by the content type.
TEST_F(ServerTest, SendsTheHeadersOfTheService) {
  const auto reply = call("ListStreams", "{}");
  EXPECT_EQ(reply.header("Content-Type"), "application/x-amz-json-1.1");
  EXPECT_EQ(reply.header("x-amzn-RequestId").size(), 36U);
  EXPECT_FALSE(reply.header("x-amz-id-2").empty());
  EXPECT_TRUE(reply.header("Date").ends_with(" GMT"));
  EXPECT_NE(reply.header("x-amzn-RequestId"), call("ListStreams", "{}").header("x-amzn-RequestId"));
}

TEST_F(ServerTest, AnswersAnEmptyResultWithAnEmptyBodyOfItsType) {
  const auto reply = call("CreateStream", R"({"StreamName":"s","ShardCount":1})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "0");
  EXPECT_EQ(reply.header("Content-Type"), "application/x-amz-json-1.1");
}

TEST_F(ServerTest, RefusesWhatIsNoCallOfTheService) {
  EXPECT_EQ(type_of(call("NoSuchOperation", "{}")), "UnknownOperationException");
  EXPECT_EQ(type_of(call("ListShards", "{\"StreamName\":")), "SerializationException");
  EXPECT_EQ(type_of(call("ListShards", "[]")), "SerializationException");
  EXPECT_EQ(type_of(call("ListShards", R"({"StreamName":7})")), "SerializationException");
  EXPECT_EQ(type_of(call("PutRecord", R"({"StreamName":"s","PartitionKey":"k"})")), "ValidationException");
  EXPECT_EQ(type_of(call("PutRecord", R"({"StreamName":"s","PartitionKey":"k","Data":"no base64!"})")),
            "SerializationException");
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"}) {
    HttpClient client(server->port());
    client.send(bytes);
    const auto reply = client.read();
    EXPECT_EQ(reply.status, 404);
    EXPECT_EQ(reply.body, "<UnknownOperationException/>\n");
  }
}

TEST_F(ServerTest, RefusesARequestThatIsNotSigned) {
  HttpClient client(server->port());
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-amz-json-1.1\r\n"
      "X-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 2\r\n\r\n{}");
  const auto reply = client.read();
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(type_of(reply), "MissingAuthenticationTokenException");
}

TEST_F(ServerTest, RefusesWhatIsNotHttp) {
  for (const std::string_view bytes : {"hello\r\n\r\n", "POST / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n\x01\x02\r\n\r\n"}) {
    HttpClient client(server->port());
    client.send(bytes);
    EXPECT_EQ(client.read().status, 400) << bytes;
    EXPECT_TRUE(client.closed());
  }
  HttpClient tls(server->port());  // a client that was given https:// by mistake
  tls.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15));
  EXPECT_EQ(tls.read().status, 400);
}

TEST_F(ServerTest, RefusesARequestLargerThanItsLimits) {
  Server::Options options;
  options.body_bytes_max = 1000;
  options.header_bytes_max = 1000;
  restart(options);
  const auto large = call("PutRecord", std::string(1001, ' '));
  EXPECT_EQ(large.status, 413);
  HttpClient client(server->port());
  client.send("POST / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.read().status, 413);
  HttpClient chunked(server->port());
  chunked.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') +
               "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.read().status, 413);
}

// Closed while its client still sends, a connection is reset, and the reply lost with it.
TEST_F(ServerTest, TellsWhoSendsFarTooMuch) {
  Server::Options options;
  options.body_bytes_max = 1000;
  restart(options);
  HttpClient client(server->port());
  EXPECT_TRUE(client.send(HttpClient::request("PutRecord", std::string(16 << 20, ' '))));
  EXPECT_EQ(client.read().status, 413);
  EXPECT_TRUE(client.closed());
}

TEST_F(ServerTest, NamesAnOperationItDoesNotKnow) {
  const auto reply = call("DescribeStreamConsumer", "{}");
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("This endpoint does not know the operation DescribeStreamConsumer."), std::string::npos)
      << reply.body;
}

TEST_F(ServerTest, ReadsAChunkedBody) {
  HttpClient client(server->port());
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-amz-json-1.1\r\nAuthorization: x\r\n"
      "X-Amz-Target: Kinesis_20131202.CreateStream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "e\r\n{\"StreamName\":\r\n14\r\n\"s\",\"ShardCount\": 2}\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  Caller in_process(kinesis);
  EXPECT_EQ(must(in_process.describe("s")).open_shard_count, 2U);
}

// curl asks before it sends a large body, and waits a second when nobody answers.
TEST_F(ServerTest, AnswersWhoAsksBeforeSendingABody) {
  HttpClient client(server->port());
  const std::string request = HttpClient::request("ListStreams", "{}");
  const auto body_at = request.size() - 2;
  client.send(request.substr(0, body_at - 2) + "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  client.send("{}");
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(ServerTest, ClosesWhenAskedTo) {
  HttpClient client(server->port());
  std::string request = HttpClient::request("ListStreams", "{}");
  request.insert(request.find("\r\n") + 2, "Connection: close\r\n");
  client.send(request);
  const auto reply = client.read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_TRUE(client.closed());
}

// A sender that never finishes must not hold a connection for ever.
TEST_F(ServerTest, ClosesOnASenderThatIsTooSlow) {
  Server::Options options;
  options.idle_max = milliseconds(50);
  options.body_max = milliseconds(50);
  restart(options);
  HttpClient silent(server->port());
  EXPECT_TRUE(silent.closed());
  HttpClient head(server->port());
  head.send("POST / HTTP/1.1\r\nHos");
  EXPECT_TRUE(head.closed());
  HttpClient body(server->port());
  const std::string request = HttpClient::request("ListStreams", "{}");
  body.send(request.substr(0, request.size() - 1));
  EXPECT_TRUE(body.closed());
}

TEST_F(ServerTest, ClosesConnectionsBeyondItsLimit) {
  Server::Options options;
  options.connections_max = 1;
  restart(options);
  HttpClient first(server->port());
  EXPECT_EQ(first.call("ListStreams", "{}").status, 200);
  HttpClient second(server->port());
  EXPECT_TRUE(second.closed());
  EXPECT_EQ(first.call("ListStreams", "{}").status, 200);
}

TEST_F(ServerTest, SaysWhichPortItCannotHave) {
  Server::Options options;
  options.port = server->port();
  const auto second = Server::start(kinesis, options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find(std::to_string(server->port())), std::string::npos);
  options.address = "localhost";
  EXPECT_FALSE(Server::start(kinesis, options).ok());
}

TEST_F(ServerTest, StopsWithConnectionsOpen) {
  HttpClient idle(server->port());
  EXPECT_EQ(idle.call("ListStreams", "{}").status, 200);
  server->stop();
  EXPECT_TRUE(idle.closed());
  server->stop();
  EXPECT_THROW(HttpClient{server->port()}, boost::system::system_error);
}

// Each fault as a client meets it on the wire.
TEST_F(ServerTest, CutsTheConnectionWithNothingDone) {
  must(kinesis.create("s"));
  Fault fault;
  fault.kind = Fault::Kind::cut;
  fault.times = 1;
  kinesis.faults().add(fault);
  EXPECT_EQ(call("PutRecord", put("YQ==")).status, 0);
  EXPECT_EQ(must(kinesis.log("s")).front().records.size(), 0U);
  EXPECT_EQ(call("PutRecord", put("YQ==")).status, 200);
}

TEST_F(ServerTest, LosesTheReplyAfterTheEffect) {
  must(kinesis.create("s"));
  Fault fault;
  fault.kind = Fault::Kind::lost_reply;
  fault.times = 1;
  kinesis.faults().add(fault);
  EXPECT_EQ(call("PutRecord", put("YQ==")).status, 0);
  EXPECT_EQ(must(kinesis.log("s")).front().records.size(), 1U);
}

TEST_F(ServerTest, TruncatesTheBody) {
  must(kinesis.create("s"));
  Fault fault;
  fault.kind = Fault::Kind::truncated;
  fault.times = 2;
  kinesis.faults().add(fault);
  const auto reply = call("PutRecord", put("YQ=="));
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.whole);
  EXPECT_GT(reply.body.size(), 0U);
  EXPECT_EQ(call("CreateStream", R"({"StreamName":"t","ShardCount":1})").status, 0);
}

TEST_F(ServerTest, ThrottlesAndFailsAsTheService) {
  must(kinesis.create("s"));
  for (const auto kind : {Fault::Kind::throttle, Fault::Kind::internal_failure, Fault::Kind::unavailable}) {
    Fault fault;
    fault.kind = kind;
    fault.times = 1;
    kinesis.faults().add(fault);
  }
  auto reply = call("PutRecord", put("YQ=="));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(type_of(reply), "ProvisionedThroughputExceededException");
  reply = call("PutRecord", put("YQ=="));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(type_of(reply), "InternalFailure");
  reply = call("PutRecord", put("YQ=="));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(type_of(reply), "ServiceUnavailable");
}

TEST_F(ServerTest, AStopEndsASlowCall) {
  Fault fault;
  fault.kind = Fault::Kind::slow;
  fault.delay = std::chrono::hours(1);
  kinesis.faults().add(fault);
  HttpClient client(server->port());
  client.send(HttpClient::request("ListStreams", "{}"));
  while (kinesis.calls(Operation::list_streams) == 0) {
    std::this_thread::yield();
  }
  server->stop();
  EXPECT_EQ(client.read().status, 0);
}

// Records go out from the chunks they are kept in, so a page that spans many must still be one body.
TEST_F(ServerTest, APageOverManyChunksIsOneBodyInBothFormats) {
  must(kinesis.create("s"));
  const std::string data(40'000, 'x');
  must(kinesis.put("s", Texts(200, data), "k"));
  HttpClient client(server->port());
  const std::string iterator = iterator_of(client);
  std::string request;
  wire::CborWriter writer(request);
  writer.begin_map();
  writer.Writer::text("ShardIterator", iterator);
  writer.end_map();
  const auto cbor = client.call("GetRecords", request, wire::Format::cbor);
  const auto json = client.call("GetRecords", R"({"ShardIterator":")" + iterator + "\"}");
  for (const auto& [reply, format] : {std::pair(cbor, wire::Format::cbor), std::pair(json, wire::Format::json)}) {
    auto document = must(wire::Document::parse(format, reply.body));
    ASSERT_EQ(document.root()["Records"].size(), 200U);
    for (const wire::Value record : document.root()["Records"]) {
      EXPECT_EQ(record.blob("Data").size(), data.size());
      EXPECT_EQ(record.text("PartitionKey"), "k");
      EXPECT_TRUE(record["ApproximateArrivalTimestamp"].timestamp().has_value());
    }
    EXPECT_TRUE(document.check().ok());
  }
}

// Writers, readers and reshards at once: every record put must be read exactly once, whatever the threads do.
TEST_F(ServerTest, ServesManyConnectionsOnSeveralThreads) {
  Server::Options options;
  options.threads = 3;
  restart(options);
  must(kinesis.create("s", 2));
  constexpr int writers = 4;
  constexpr int puts = 100;
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      HttpClient client(server->port());
      for (int i = 0; i < puts; ++i) {
        const std::string key = std::to_string(writer) + "-" + std::to_string(i);
        const auto reply =
            client.call("PutRecord", R"({"StreamName":"s","PartitionKey":")" + key + R"(","Data":"YQ=="})");
        failed += reply.status == 200 ? 0 : 1;
      }
    });
  }
  threads.emplace_back([&] {
    HttpClient client(server->port());
    for (int i = 0; i < 3; ++i) {
      const std::string target = std::to_string(i % 2 == 0 ? 4 : 2);
      const auto reply =
          client.call("UpdateShardCount",
                      R"({"StreamName":"s","ScalingType":"UNIFORM_SCALING","TargetShardCount":)" + target + "}");
      failed += reply.status == 200 ? 0 : 1;
    }
  });
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(failed, 0);
  std::multiset<std::string> keys;
  Caller in_process(kinesis);
  for (const auto& shard : must(in_process.shards("s"))) {
    for (const auto& record : must(in_process.read("s", shard.id)).records) {
      keys.emplace(record.partition_key);
    }
  }
  EXPECT_EQ(keys.size(), static_cast<std::size_t>(writers * puts));
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
}

}  // namespace
}  // namespace weir::emulator
