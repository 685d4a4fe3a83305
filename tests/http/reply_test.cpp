#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <set>

#include "server.hpp"

namespace weir::http {
namespace {

using testing::always;
using testing::get;
using testing::ok;
using testing::Peer;
using testing::run;
using testing::send_one;
using testing::Server;
namespace asio = boost::asio;

std::string text_of(const Result<Reply>& reply) {
  return reply ? std::string(reply->body.bytes()) : to_string(reply.error());
}

TEST(Reply, HasStatusHeadersAndPaddedBody) {
  Server server(always("HTTP/1.1 400 Bad Request\r\nx-amzn-RequestId: 7\r\nContent-Length: 5\r\n\r\nhello"));
  Client client;
  const auto reply = get(client, server.url());
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->status, 400);
  EXPECT_EQ(reply->headers.find("X-Amzn-Requestid"), "7");
  EXPECT_EQ(reply->body.bytes(), "hello");
  const auto* end = reply->body.bytes().data() + 5;
  EXPECT_TRUE(std::all_of(end, end + stream::padding_bytes, [](char c) { return c == 0; }));
  EXPECT_GT(reply->round_trip.count(), 0);
}

// Frames arrive in any pieces: none may depend on a line or a chunk coming whole.
TEST(Reply, IsTheSameInSinglebytes) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    const std::string reply =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
        "5;ext=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
    for (std::size_t i = 0; i < reply.size(); ++i) {
      (void)co_await peer.send(std::string_view(reply).substr(i, 1));
    }
    co_await peer.closed();
  });
  Client client;
  const auto reply = get(client, server.url());
  EXPECT_EQ(text_of(reply), "hello world");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->headers.find("a"), "b");
  // A trailer is written after the body, by whoever wrote that: it must not pass for a header.
  EXPECT_EQ(reply->headers.find("trailer"), std::nullopt);
}

// An interim reply's headers and status are not the reply's.
TEST(Reply, IsNotAnInterimOne) {
  Server server(
      always("HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"));
  Client client;
  const auto reply = get(client, server.url());
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->headers.find("link"), std::nullopt);
}

TEST(Reply, EndsWithTheConnectionWhenItStatesNoLength) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    (void)co_await peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  });
  Client client;
  EXPECT_EQ(text_of(get(client, server.url())), "until the end");
}

// Each must leave the connection fit for the next request; a body awaited where none comes hangs for ever.
TEST(Reply, MayHaveNoBody) {
  for (const auto* reply : {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
                            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    Server server(always(reply));
    Client client;
    for (int i = 0; i < 3; ++i) {
      const auto answer = get(client, server.url());
      ASSERT_TRUE(answer) << reply << to_string(answer.error());
      EXPECT_TRUE(answer->body.empty());
      EXPECT_EQ(answer->body.owner(), nullptr);
    }
  }
}

TEST(Reply, ToHeadHasALengthButNoBody) {
  Server server(always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
  Client client;
  const auto reply = run(send_one(client, Request("HEAD", server.url()), {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->headers.find("content-length"), "5");
  EXPECT_TRUE(reply->body.empty());
}

// What to do about a redirect or an outage is the caller's to say: a signed request is for one host only.
TEST(Reply, IsGivenWhateverItsStatus) {
  for (const int status : {302, 403, 500, 503}) {
    Server server(always("HTTP/1.1 " + std::to_string(status) +
                         " X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
    Client client;
    const auto reply = get(client, server.url());
    ASSERT_TRUE(reply) << to_string(reply.error());
    EXPECT_EQ(reply->status, status);
  }
}

// A page of records: every byte in its place, also when memory is used again.
TEST(Reply, OfManyMegabytesIsWhole) {
  std::string body(5'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 2654435761U >> 24U);
  }
  Server server(always(ok(body)));
  Client client;
  for (int i = 0; i < 3; ++i) {
    const auto reply = get(client, server.url());
    ASSERT_TRUE(reply) << to_string(reply.error());
    EXPECT_TRUE(reply->body.bytes() == body);
  }
}

asio::awaitable<void> echo_request(Peer& peer, int) {
  for (;;) {
    const auto request = co_await peer.request();
    if (request.empty()) {
      co_return;
    }
    (void)co_await peer.send(ok(request));
  }
}

// Signatures cover headers and path byte for byte, so nothing may be added, changed or tidied up; and
// compression must not be asked for, since nobody here would undo it.
TEST(Request, IsSentAsWritten) {
  Server server(echo_request);
  Client client;
  Request request("POST", server.url("/a/../b%2f?x=1&y"));
  request.headers = {
      {"X-Amz-Target", "Kinesis_20131202.GetRecords"}, {"Empty", ""}, {"Content-Type", "application/x-amz-cbor-1.1"}};
  request.body = "body";
  EXPECT_EQ(text_of(run(send_one(client, request, {}))),
            "POST /a/../b%2f?x=1&y HTTP/1.1\r\nHost: " + server.place() +
                "\r\nUser-Agent: weir\r\nX-Amz-Target: Kinesis_20131202.GetRecords\r\nEmpty:\r\n"
                "Content-Type: application/x-amz-cbor-1.1\r\nContent-Length: 4\r\n\r\nbody");
}

// One handle serves one request after another: nothing of the last may be left in the next.
TEST(Request, LeavesNothingToTheNextOnTheSameHandle) {
  Server server(echo_request);
  Client client;
  const auto echoed = [&](const char* method, std::string_view body) {
    Request request(method, server.url());
    request.headers = {{"Host", "h"}, {"User-Agent", "u"}};
    request.body = body;
    return text_of(run(send_one(client, request, {})));
  };
  const std::string common = " / HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(echoed("POST", "12345"), "POST" + common + "Content-Length: 5\r\n\r\n12345");
    EXPECT_EQ(echoed("GET", ""), "GET" + common + "\r\n");
    EXPECT_EQ(echoed("PUT", "1"), "PUT" + common + "Content-Length: 1\r\n\r\n1");
    EXPECT_EQ(echoed("POST", ""), "POST" + common + "Content-Length: 0\r\n\r\n");
    EXPECT_EQ(echoed("DELETE", ""), "DELETE" + common + "\r\n");
  }
}

// curl would ask for leave to send a megabyte and wait a second for servers that do not answer that.
TEST(Request, OfMegabytesIsSentWithoutAsking) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    const auto request = co_await peer.request();
    (void)co_await peer.send(ok(request.substr(0, request.find("\r\n\r\n")) + std::to_string(request.size())));
  });
  Client client;
  const std::string body(3'000'000, 'x');
  Request request("POST", server.url());
  request.body = body;
  const auto reply = run(send_one(client, request, {}));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->body.bytes().find("Expect"), std::string_view::npos);
  EXPECT_NE(reply->body.bytes().find("Content-Length: 3000000"), std::string_view::npos);
}

// A newline in a header would start another header, or another request.
TEST(Request, ThatCannotBeSentIsRefusedAndNotRepeated) {
  Server server(always(ok("")));
  Client client;
  const auto refused_with = [&](std::string name, std::string value, std::string method = "POST",
                                std::string_view body = "") {
    Request request(std::move(method), server.url("/?secret"));
    request.headers.emplace_back(std::move(name), std::move(value));
    request.body = body;
    const auto reply = run(send_one(client, request, {}));
    return !reply && reply.error().code == "BadRequest" && reply.error().next == Next::refused &&
           reply.error().message.find("secret") == std::string::npos;
  };
  EXPECT_TRUE(refused_with("a", "b\r\nsecret: d"));
  EXPECT_TRUE(refused_with("a\n", "secret"));
  EXPECT_TRUE(refused_with("", "secret"));
  EXPECT_TRUE(refused_with("a", std::string("secret\0", 7)));
  EXPECT_TRUE(refused_with("Transfer-Encoding", "chunked"));
  EXPECT_TRUE(refused_with("content-length", "1"));
  EXPECT_TRUE(refused_with("a", "b", "PO ST"));
  EXPECT_TRUE(refused_with("a", "b", "GET", "secret"));
  EXPECT_EQ(server.connections(), 0);
}

Task<Reply> several(Client& client, const Request& request, int count) {
  Result<Reply> reply;
  for (int i = 0; i < count; ++i) {
    reply = co_await client.send(request, std::stop_token());
    if (!reply) {
      break;
    }
  }
  co_return reply;
}

// A connection costs three round trips with TLS; polling a shard five times a second must not pay them.
TEST(Connections, AreKept) {
  Server server(always(ok("again")));
  Client client;
  const Request request("GET", server.url());
  EXPECT_EQ(text_of(run(several(client, request, 20))), "again");
  EXPECT_EQ(server.connections(), 1);
}

TEST(Connections, AreNotKeptAgainstTheServersWish) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    (void)co_await peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  });
  Client client;
  const Request request("GET", server.url());
  EXPECT_EQ(text_of(run(several(client, request, 5))), "ok");
  EXPECT_EQ(server.connections(), 5);
}

// Services close idle connections at will. Whether that is noticed before the next request or only by its
// failing, the caller sees a reply.
TEST(Connections, ClosedWhileIdleAreReplaced) {
  Server server([](Peer& peer, int connection) -> asio::awaitable<void> {
    (void)co_await peer.request();
    (void)co_await peer.send(ok("reply " + std::to_string(connection)));
    if (connection % 2 == 0) {
      co_return;  // closed at once, seen by the client before it asks again
    }
    (void)co_await peer.request();
    peer.reset();  // closed in answer to the request, as if they had crossed on the way
  });
  Client client;
  asio::io_context io(1);
  for (int i = 0; i < 6; ++i) {
    io.restart();
    auto future = asio::co_spawn(io, send_one(client, Request("POST", server.url()), {}), asio::use_future);
    io.run();
    EXPECT_EQ(text_of(future.get()), "reply " + std::to_string(i));
    if (i % 2 == 0) {
      ASSERT_TRUE(server.wait_for_ends(i + 1));
    }
  }
}

struct Crowd {
  explicit Crowd(int size) : replies(static_cast<std::size_t>(size)) {}
  std::vector<Result<Reply>> replies;

  void ask(asio::io_context& io, Client& client, const Server& server) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
      asio::co_spawn(io, one(client, server.url("/" + std::to_string(i)), i), asio::detached);
    }
    io.run();
  }
  asio::awaitable<void> one(Client& client, std::string url, std::size_t index) {
    const Request request("GET", std::move(url));
    auto reply = co_await client.send(request, std::stop_token());
    replies[index] = std::move(reply);
  }
};

// A thousand shards may not open a thousand connections, nor may one get another's records.
TEST(Connections, AreBoundedAndEachRequestGetsItsOwnReply) {
  Server server(echo_request);
  Client::Options options;
  options.connections_per_host_max = 8;
  Client client(options);
  asio::io_context io(1);
  Crowd crowd(500);
  crowd.ask(io, client, server);
  for (std::size_t i = 0; i < crowd.replies.size(); ++i) {
    EXPECT_TRUE(text_of(crowd.replies[i]).starts_with("GET /" + std::to_string(i) + " "));
  }
  EXPECT_LE(server.connections(), 8);
}

// Every queue has an end: beyond it the caller is told at once rather than kept.
TEST(Connections, RefuseACrowdBeyondTheirLimit) {
  Server server(always(ok("in")));
  Client::Options options;
  options.connections_per_host_max = 2;
  options.requests_max = 10;
  Client client(options);
  asio::io_context io(1);
  Crowd crowd(30);
  crowd.ask(io, client, server);
  const auto told = std::count_if(crowd.replies.begin(), crowd.replies.end(), [](const auto& reply) {
    return !reply && reply.error().code == "Overloaded" && reply.error().next == Next::retry;
  });
  const auto served =
      std::count_if(crowd.replies.begin(), crowd.replies.end(), [](const auto& reply) { return reply.ok(); });
  EXPECT_EQ(told, 20);
  EXPECT_EQ(served, 10);
}

}  // namespace
}  // namespace weir::http
