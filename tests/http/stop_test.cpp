#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "deaf_port.hpp"
#include "server.hpp"

namespace weir::http {
namespace {

using testing::always;
using testing::DeafPort;
using testing::Event;
using testing::get;
using testing::ok;
using testing::Peer;
using testing::run;
using testing::send_one;
using testing::Server;
using namespace std::chrono_literals;
namespace asio = boost::asio;

/// Asks to stop on another thread once `begun` is set, and says how long the answer took.
struct Stopped {
  std::string code;
  std::chrono::milliseconds took{};
};
Stopped stop_when(Event& begun, Client& client, const std::string& url) {
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::thread other([&] {
    begun.wait();
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  const auto reply = get(client, url, stop.get_token());
  const auto answered = std::chrono::steady_clock::now();
  other.join();
  return {reply ? "reply" : reply.error().code,
          std::chrono::duration_cast<std::chrono::milliseconds>(answered - asked)};
}

// The design's promise, with room for a loaded machine; without cancellation it would take a minute.
constexpr auto soon = 2'000ms;

TEST(Stop, BeforeTheStartSendsNothing) {
  Server server(always(ok("")));
  Client client;
  std::stop_source stop;
  stop.request_stop();
  const auto reply = get(client, server.url(), stop.get_token());
  ASSERT_FALSE(reply);
  EXPECT_TRUE(reply.error().is_stopped());
  EXPECT_EQ(server.connections(), 0);
}

TEST(Stop, WhileTheServiceIsSilent) {
  Event begun;
  Server server([&](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    begun.set();
    co_await peer.closed();
  });
  Client client;
  const auto stopped = stop_when(begun, client, server.url());
  EXPECT_EQ(stopped.code, "stopped");
  EXPECT_LT(stopped.took, soon);
  // The transfer is gone: the service is not left writing to somebody who does not listen.
  EXPECT_TRUE(server.wait_for_ends(1));
}

TEST(Stop, InTheMiddleOfABody) {
  Event begun;
  Server server([&](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    bool open = co_await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n");
    const std::string part(100'000, 'x');
    for (int i = 0; open && i < 100; ++i) {
      open = co_await peer.send(part);
      begun.set();
    }
    co_await peer.closed();
  });
  Client client;
  const auto stopped = stop_when(begun, client, server.url());
  EXPECT_EQ(stopped.code, "stopped");
  EXPECT_LT(stopped.took, soon);
  EXPECT_TRUE(server.wait_for_ends(1));
}

TEST(Stop, WhileConnecting) {
  DeafPort port;
  Client client;
  std::stop_source stop;
  asio::io_context io(1);
  auto reply = asio::co_spawn(io, send_one(client, Request("GET", port.url()), stop.get_token()), asio::use_future);
  asio::steady_timer later(io, 50ms);
  later.async_wait([&](boost::system::error_code) { stop.request_stop(); });
  const auto begun = std::chrono::steady_clock::now();
  io.run();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, soon);
  const auto result = reply.get();
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is_stopped());
}

// Stopping one request must neither lose a place in the line nor touch another's transfer.
TEST(Stop, LeavesOthersAlone) {
  Event held;
  Server server([&](Peer& peer, int) -> asio::awaitable<void> {
    for (;;) {
      const auto request = co_await peer.request();
      if (request.empty()) {
        co_return;
      }
      if (request.starts_with("GET /held")) {
        held.set();
        co_await peer.closed();
        co_return;
      }
      (void)co_await peer.send(ok("other"));
    }
  });
  Client::Options options;
  options.connections_per_host_max = 1;
  Client client(options);
  asio::io_context io(1);
  std::stop_source stop, stop_waiting;
  auto holds =
      asio::co_spawn(io, send_one(client, Request("GET", server.url("/held")), stop.get_token()), asio::use_future);
  auto waits =
      asio::co_spawn(io, send_one(client, Request("GET", server.url()), stop_waiting.get_token()), asio::use_future);
  auto other = asio::co_spawn(io, send_one(client, Request("GET", server.url()), {}), asio::use_future);
  std::thread stopper([&] {
    held.wait();
    stop_waiting.request_stop();
    stop.request_stop();
  });
  io.run();
  stopper.join();
  EXPECT_EQ(holds.get().error().code, "stopped");
  EXPECT_EQ(waits.get().error().code, "stopped");
  const auto reply = other.get();
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->body.bytes(), "other");
}

// A stop and a reply can cross; whichever comes first, there is one answer and nothing is touched after.
TEST(Stop, CrossingTheReplyGivesOneAnswer) {
  Server server(always(ok("reply")));
  Client client;
  int replies = 0, stops = 0;
  asio::io_context io(1);
  for (int i = 0; i < 300; ++i) {
    io.restart();
    std::stop_source stop;
    std::thread stopper([&, i] {
      std::this_thread::yield();
      for (volatile int spin = 0; spin < i * 100;) {
        spin = spin + 1;
      }
      stop.request_stop();
    });
    auto future =
        asio::co_spawn(io, send_one(client, Request("GET", server.url()), stop.get_token()), asio::use_future);
    io.run();
    stopper.join();
    const auto reply = future.get();
    ASSERT_TRUE(reply || reply.error().is_stopped()) << to_string(reply.error());
    ++(reply ? replies : stops);
  }
  EXPECT_EQ(replies + stops, 300);
}

}  // namespace
}  // namespace weir::http
