#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fakes.hpp"
#include "weir/aws/kinesis_client.hpp"

namespace weir::aws {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Received {
  std::string start;  // the request line
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// A server on loopback that answers each request with the next of some recorded replies and closes.
class ScriptedServer {
 public:
  explicit ScriptedServer(asio::io_context& context)
      : acceptor_(context, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {}

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  std::vector<Received> received;

  asio::awaitable<void> serve(std::vector<std::string> answers) {
    for (const auto& answer : answers) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      std::string text;
      const auto head =
          co_await asio::async_read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n", asio::use_awaitable);
      received.push_back(parse(text.substr(0, head)));
      std::size_t length = 0;
      for (const auto& [name, value] : received.back().headers) {
        if (name == "content-length") {
          length = std::stoul(value);
        }
      }
      if (text.size() < head + length) {
        const auto missing = head + length - text.size();
        co_await asio::async_read(socket, asio::dynamic_buffer(text), asio::transfer_exactly(missing),
                                  asio::use_awaitable);
      }
      received.back().body = text.substr(head);
      co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
    }
  }

 private:
  static Received parse(const std::string& head) {
    Received request;
    for (std::size_t at = 0; at + 2 < head.size();) {
      const auto end = head.find("\r\n", at);
      const auto line = head.substr(at, end - at);
      at = end + 2;
      const auto colon = line.find(": ");
      if (request.start.empty()) {
        request.start = line;
      } else if (colon != std::string::npos) {
        auto name = line.substr(0, colon);
        for (auto& c : name) {
          c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        request.headers.emplace_back(name, line.substr(colon + 2));
      }
    }
    return request;
  }
  tcp::acceptor acceptor_;
};

template <class T>
Result<T> run_with(asio::io_context& context, Task<T> task) {
  std::optional<Result<T>> outcome;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr, Result<T> result) {
    outcome = std::move(result);
    context.stop();
  });
  context.restart();
  context.run();
  return std::move(outcome).value();
}

class OverHttp : public ::testing::Test {
 protected:
  void serve(std::vector<std::string> answers) {
    asio::co_spawn(context_, server_.serve(std::move(answers)), asio::detached);
  }
  std::unique_ptr<KinesisClient> connect() {
    Settings settings;
    settings.region = "us-east-1";
    settings.endpoint = server_.endpoint();
    settings.credentials = static_credentials(Credentials("AKIDEXAMPLE", "secret", "token"));
    return KinesisClient::connect(settings, system_clock());
  }
  asio::io_context context_;
  ScriptedServer server_{context_};
};

// The service computes the signature from what arrives: a Host, a header or a body that the HTTP client
// writes otherwise than it was signed makes every request fail, and only on AWS.
TEST_F(OverHttp, WhatArrivesIsWhatWasSigned) {
  const auto client = connect();
  serve({testing::vector_file("kinesis/cbor-get-records.response.bin")});
  api::GetRecordsRequest request;
  request.shard_iterator = "AAAA";
  const auto reply = run_with(context_, client->get_records(request, {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->records.size(), 10U);

  ASSERT_EQ(server_.received.size(), 1U);
  const auto& received = server_.received[0];
  EXPECT_EQ(received.start, "POST / HTTP/1.1");
  http::Request again("POST", "http://unused.example/");
  std::string authorization, date;
  for (const auto& [name, value] : received.headers) {
    if (name == "authorization") {
      authorization = value;
    } else if (name == "x-amz-date") {
      date = value;
    } else if (name != "content-length" && name != "accept" && name != "x-amz-security-token") {
      again.headers.emplace_back(name, value);
    }
  }
  again.body = received.body;
  Signer signer("us-east-1", "kinesis");
  ASSERT_EQ(date.size(), 16U);
  const auto rfc3339 = date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 5) + ":" +
                       date.substr(11, 2) + ":" + date.substr(13);
  signer.sign(again, Credentials("AKIDEXAMPLE", "secret", "token"), parse_rfc3339(rfc3339).value());
  EXPECT_EQ(again.headers.back().second, authorization);
}

// A control call outlives a cut connection and a 500.
TEST_F(OverHttp, ControlCallsAreRetried) {
  const auto client = connect();
  serve({"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf",
         "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
         testing::vector_file("kinesis/cbor-list-shards.response.bin")});
  api::ListShardsRequest request;
  request.stream.name = "ref";
  const auto reply = run_with(context_, client->list_shards(request, {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->shards.size(), 2U);
  EXPECT_EQ(server_.received.size(), 3U);
}

TEST_F(OverHttp, AnUnreachableEndpointIsNamed) {
  std::string endpoint;
  {
    asio::io_context other;
    endpoint = ScriptedServer(other).endpoint();  // closed again: nobody listens there now
  }
  Settings settings;
  settings.region = "us-east-1";
  settings.endpoint = endpoint;
  settings.credentials = static_credentials(Credentials("AKIDEXAMPLE", "secret"));
  const auto client = KinesisClient::connect(settings, system_clock());
  const auto reply = run_with(context_, client->get_records(api::GetRecordsRequest(), {}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "ConnectionRefused");
  EXPECT_EQ(reply.error().next, Next::retry);
  EXPECT_NE(reply.error().message.find(endpoint.substr(7)), std::string::npos) << reply.error().message;
}

}  // namespace
}  // namespace weir::aws
