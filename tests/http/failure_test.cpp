#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>

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
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

/// Sends these bytes in answer to the first request, then closes.
Server::Script once(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    (void)co_await peer.send(bytes);
  };
}

// `<next> <code>`, or the reply's status.
std::string verdict(const Result<Reply>& reply) {
  return reply ? std::to_string(reply->status) : std::string(to_string(reply.error().next)) + " " + reply.error().code;
}

std::string verdict_on(const std::string& bytes, Client::Options options = Client::Options()) {
  Server server(once(bytes));
  Client client(std::move(options));
  return verdict(get(client, server.url()));
}

// A port nobody listens on: taken and given back.
std::uint16_t free_port() {
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

// The commonest mistake of all, a wrong endpoint: the person is told where nothing answered.
TEST(Failure, NamesTheUnreachablePlace) {
  Client client;
  const auto place = "127.0.0.1:" + std::to_string(free_port());
  const auto reply = get(client, "http://" + place + "/path?secret");
  EXPECT_EQ(verdict(reply), "retry ConnectionRefused");
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find(place), std::string::npos);
  EXPECT_EQ(reply.error().message.find("secret"), std::string::npos);
}

// A name under .invalid never resolves (RFC 6761). Resolving runs on curl's own thread and must not end
// the loop before its time.
TEST(Failure, NamesTheUnknownHost) {
  Client client;
  const auto reply = get(client, "http://no-such-host.invalid/");
  EXPECT_EQ(verdict(reply), "retry HostNotFound");
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find("no-such-host.invalid:80"), std::string::npos);
}

// What was never sent cannot have been done; of all else nobody knows. Records put again are there twice.
TEST(Failure, SaysWhetherTheRequestMayHaveTakenEffect) {
  Client client;
  EXPECT_FALSE(get(client, "http://127.0.0.1:" + std::to_string(free_port())).error().may_have_taken_effect);
  for (const auto* reply : {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "nonsense"}) {
    Server server(once(reply));
    EXPECT_TRUE(get(client, server.url()).error().may_have_taken_effect) << reply;
  }
}

// A kept connection that dies under a request: curl sends it again by itself, and says nothing. Who counts effects must
// know that there may be two.
TEST(Failure, SaysThatAReplyMayBeToASecondSending) {
  Server server([](Peer& peer, int connection) -> asio::awaitable<void> {
    co_await peer.request();
    co_await peer.send(ok(connection == 0 ? "first" : "again"));
    if (connection == 0) {
      co_await peer.request();  // and closes without an answer
    } else {
      co_await peer.closed();
    }
  });
  Client client;
  const auto two = [&]() -> Task<std::vector<Reply>> {
    std::vector<Reply> replies;
    for (int i = 0; i < 2; ++i) {
      const Request request("GET", server.url());
      WEIR_CO_TRY(auto reply, co_await client.send(request, std::stop_token()));
      replies.push_back(std::move(reply));
    }
    co_return replies;
  };
  const auto replies = run(two());
  ASSERT_TRUE(replies) << to_string(replies.error());
  EXPECT_EQ((*replies)[0].body.bytes(), "first");
  EXPECT_FALSE((*replies)[0].may_repeat_an_effect);
  EXPECT_EQ((*replies)[1].body.bytes(), "again");
  EXPECT_TRUE((*replies)[1].may_repeat_an_effect);
  EXPECT_EQ(server.connections(), 2);
}

/// No more descriptors for this process while it lives; those that are open stay.
class NoDescriptors {
 public:
  NoDescriptors() {
    const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest);
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest);
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

// As many open files as allowed: "no address answered" sends people to the network, and nothing is wrong there.
TEST(Failure, NamesTheLimitOfOpenFiles) {
  Server first(always(ok("a")));
  Server second(always(ok("a")));
  Client client;
  const auto reply = run([](Client& from, std::string warm, std::string url) -> Task<Reply> {
    const Request before("GET", warm);  // what the client itself needs is opened by it
    WEIR_CO_CHECK(co_await from.send(before, std::stop_token()));
    const NoDescriptors none;
    const Request request("GET", url);
    co_return co_await from.send(request, std::stop_token());
  }(client, first.url(), second.url()));
  EXPECT_EQ(verdict(reply), "retry TooManyOpenFiles");
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find("raise the limit (ulimit -n)"), std::string::npos) << reply.error().message;
}

// Several addresses are tried, here ::1 first where there is IPv6. curl 7.88 closes those that lose without
// a word; their numbers are used again at once, by its next socket or by any file.
TEST(Failure, OfOneAddressLeavesTheOthers) {
  Server server(always(ok("found")));
  Client client;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(verdict(get(client, "http://localhost:" + std::to_string(server.port()) + "/")), "200");
    EXPECT_EQ(verdict(get(client, "http://localhost:" + std::to_string(free_port()) + "/")), "retry ConnectionRefused");
  }
}

TEST(Failure, SilenceIsATimeout) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> { co_await peer.closed(); });
  Client client;
  Request request("GET", server.url());
  request.total_timeout = 50ms;
  EXPECT_EQ(verdict(run(send_one(client, request, {}))), "retry Timeout");
  // The connection is spoilt: it must be closed, not kept for somebody else's request.
  EXPECT_TRUE(server.wait_for_ends(1));
}

TEST(Failure, WaitingInLineCountsAgainstTheTime) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> { co_await peer.closed(); });
  Client::Options options;
  options.connections_per_host_max = 1;
  Client client(options);
  asio::io_context io(1);
  std::stop_source stop;
  auto first = asio::co_spawn(io, send_one(client, Request("GET", server.url()), stop.get_token()), asio::use_future);
  Request hasty("GET", server.url());
  hasty.total_timeout = 50ms;
  std::string second;
  asio::co_spawn(io, send_one(client, hasty, {}), [&](std::exception_ptr, const Result<Reply>& reply) {
    second = verdict(reply);
    stop.request_stop();
  });
  io.run();
  EXPECT_EQ(second, "retry Timeout");
  EXPECT_EQ(verdict(first.get()), "stopped stopped");
}

// Half a page must never be taken for a page: its missing records would be skipped for good.
TEST(Failure, ACutReplyIsALostConnectionWhereverItIsCut) {
  const std::string sized = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
  for (const auto* one : {&sized, &chunked}) {
    const auto& whole = *one;
    const auto body = whole.find("\r\n\r\n") + 4;
    EXPECT_EQ(verdict_on(whole), "200");
    EXPECT_EQ(verdict_on(""), "retry ConnectionLost");
    // After the last chunk's line nothing of the body is missing any more.
    const auto last = whole.size() - (&whole == &chunked ? 3 : 1);
    for (std::size_t cut = body; cut <= last; ++cut) {
      EXPECT_EQ(verdict_on(whole.substr(0, cut)), "retry ConnectionLost") << whole.substr(0, cut);
    }
  }
}

// A head cut short may still look like a whole reply that states no length.
TEST(Failure, ACutHeadIsNeverAReply) {
  const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nA: b\r\n\r\n";
  for (std::size_t cut = 1; cut + 2 < whole.size(); ++cut) {
    const auto seen = verdict_on(whole.substr(0, cut));
    EXPECT_NE(seen, "200") << whole.substr(0, cut);
    EXPECT_TRUE(seen.starts_with("retry ") || seen.starts_with("corrupt ")) << seen;
  }
  EXPECT_EQ(verdict_on("HTTP/1.1 200 OK\r\nA: b\r\n"), "retry ConnectionLost");
  // An interim reply is not the reply.
  EXPECT_EQ(verdict_on("HTTP/1.1 100 Continue\r\n\r\n"), "retry ConnectionLost");
  EXPECT_EQ(verdict_on("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "retry ConnectionLost");
}

TEST(Failure, AResetInTheBodyIsALostConnection) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    (void)co_await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    peer.reset();
  });
  Client client;
  EXPECT_EQ(verdict(get(client, server.url())), "retry ConnectionLost");
}

// Something else listens there: retrying for ever would hide that.
TEST(Failure, WhatIsNotHttpIsCorrupt) {
  for (const auto* bytes :
       {"SSH-2.0-OpenSSH_9.2p1\r\n", "\x16\x03\x01\x02\x00", "garbage garbage garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n"}) {
    EXPECT_EQ(verdict_on(bytes), "corrupt BadReply") << bytes;
  }
}

// Whatever a hostile or broken peer sends, what is held of it is bounded.
TEST(Failure, RepliesWithoutEndAreCutOff) {
  const auto endless = [](std::string head, std::string part) -> Server::Script {
    return [head = std::move(head), part = std::move(part)](Peer& peer, int) -> asio::awaitable<void> {
      (void)co_await peer.request();
      bool open = co_await peer.send(head);
      while (open) {
        open = co_await peer.send(part);
      }
    };
  };
  struct Case {
    const char* head;
    std::string part;
    const char* verdict;
  };
  const std::string kilobyte(1'000, 'a');
  for (const auto& [head, part, expected] :
       {Case{"HTTP/1.1 200 OK\r\n", "A: " + kilobyte + "\r\n", "corrupt ReplyTooLarge"},
        Case{"HTTP/1.1 200 OK\r\nA: ", kilobyte, "corrupt BadReply"},
        Case{"", "HTTP/1.1 100 Continue\r\n\r\n", "corrupt ReplyTooLarge"},
        Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3e8\r\n" + kilobyte + "\r\n",
             "corrupt ReplyTooLarge"},
        Case{"HTTP/1.1 200 OK\r\n\r\n", kilobyte, "corrupt ReplyTooLarge"}}) {
    Server server(endless(head, part));
    Client::Options options;
    options.body_bytes_max = 1 << 20;
    Client client(options);
    EXPECT_EQ(verdict(get(client, server.url())), expected) << head;
    EXPECT_TRUE(server.wait_for_ends(1));
  }
}

// A length is a claim. It may reserve no more than the limit, and is refused before anything is read.
TEST(Failure, AnAbsurdLengthIsRefusedAtOnce) {
  EXPECT_EQ(verdict_on("HTTP/1.1 200 OK\r\nContent-Length: 33554433\r\n\r\n"), "corrupt ReplyTooLarge");
  EXPECT_EQ(verdict_on("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"), "corrupt ReplyTooLarge");
  EXPECT_EQ(verdict_on("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"), "corrupt ReplyTooLarge");
}

// At the limit is within it.
TEST(Failure, ABodyOfExactlyTheLimitIsAReply) {
  Client::Options options;
  options.body_bytes_max = 1'000;
  EXPECT_EQ(verdict_on(ok(std::string(1'000, 'x')), options), "200");
  EXPECT_EQ(verdict_on(ok(std::string(1'001, 'x')), options), "corrupt ReplyTooLarge");
}

// Error lines are logged: nothing a person sends or gets may be in one.
TEST(Failure, MessagesRepeatNothingOfRequestOrReply) {
  for (const auto* bytes :
       {"secret\r\n\r\n", "HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n"}) {
    Server server(once(bytes));
    Client client;
    Request request("POST", server.url("/secret?secret"));
    request.headers = {{"Authorization", "secret"}};
    request.body = "secret";
    const auto reply = run(send_one(client, request, {}));
    ASSERT_FALSE(reply) << bytes;
    EXPECT_EQ(to_string(reply.error()).find("secret"), std::string::npos) << to_string(reply.error());
    EXPECT_NE(reply.error().message.find(server.place()), std::string::npos) << to_string(reply.error());
  }
}

}  // namespace
}  // namespace weir::http
