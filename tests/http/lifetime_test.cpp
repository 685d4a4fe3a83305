#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <thread>
#include <vector>

#include "server.hpp"

namespace weir::http {
namespace {

using testing::always;
using testing::Event;
using testing::get;
using testing::ok;
using testing::Peer;
using testing::run;
using testing::send_one;
using testing::Server;
using namespace std::chrono_literals;
namespace asio = boost::asio;

Server::Script silent(Event& begun) {
  return [&begun](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    begun.set();
    co_await peer.closed();
  };
}

// Each worker thread reads its shards through the same client.
TEST(Client, ServesSeveralLoopsAtOnce) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    for (;;) {
      const auto request = co_await peer.request();
      if (request.empty()) {
        co_return;
      }
      (void)co_await peer.send(ok(request.substr(0, request.find('\r')) + std::string(10'000, 'x')));
    }
  });
  Client client;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      asio::io_context io(1);
      for (int i = 0; i < 8; ++i) {
        const auto path = "/" + std::to_string(thread) + "/" + std::to_string(i);
        asio::co_spawn(
            io,
            [](Client& shared, std::string url, std::string expected,
               std::atomic<int>& count) -> asio::awaitable<void> {
              const Request request("GET", std::move(url));
              for (int n = 0; n < 25; ++n) {
                std::stop_source stop;
                const auto reply = co_await shared.send(request, stop.get_token());
                if (reply && reply->body.bytes().starts_with(expected) &&
                    reply->body.size() == expected.size() + 10'000) {
                  ++count;
                }
              }
            }(client, server.url(path), "GET " + path + " HTTP/1.1", right),
            asio::detached);
      }
      io.run();
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right, 4 * 8 * 25);
}

// A batch can be held, by another thread, for longer than client and loop last.
TEST(Client, IsOutlivedByItsReplies) {
  Buffer body;
  {
    Server server(always(ok(std::string(100'000, 'x'))));
    Client client;
    const auto reply = get(client, server.url());
    ASSERT_TRUE(reply) << to_string(reply.error());
    body = reply->body;
  }
  std::thread([late = std::move(body)] { EXPECT_EQ(late.bytes(), std::string(100'000, 'x')); }).join();
}

// Whoever owns the client may drop it before its senders are done: they are told, and do not hang.
TEST(Client, ThatGoesStopsItsTransfers) {
  Event begun;
  Server server(silent(begun));
  Client::Options options;
  options.connections_per_host_max = 1;
  auto client = std::make_unique<Client>(options);
  asio::io_context io(1);
  auto active = asio::co_spawn(io, send_one(*client, Request("GET", server.url()), {}), asio::use_future);
  auto waiting = asio::co_spawn(io, send_one(*client, Request("GET", server.url()), {}), asio::use_future);
  std::thread loop([&] { io.run(); });
  ASSERT_TRUE(begun.wait());
  client.reset();
  loop.join();  // ends by itself: nothing is left to wait for
  EXPECT_EQ(active.get().error().code, "stopped");
  EXPECT_EQ(waiting.get().error().code, "stopped");
  EXPECT_TRUE(server.wait_for_ends(1));
}

struct Sentinel {
  explicit Sentinel(int& count) : alive(count) { ++alive; }
  ~Sentinel() { --alive; }
  Sentinel(const Sentinel&) = delete;
  Sentinel& operator=(const Sentinel&) = delete;
  int& alive;
};

asio::awaitable<void> hold(Client& client, std::string url, int& alive, std::stop_token stop) {
  const Sentinel sentinel(alive);
  const Request request("GET", std::move(url));
  (void)co_await client.send(request, stop);
}

// A loop can be torn down with requests in flight. Their coroutines go with it, and with them what they
// own; the client and its other loops go on.
TEST(Client, SurvivesALoopThatGoesWithTransfersInFlight) {
  Event begun;
  Server silence(silent(begun));
  Server server(always(ok("other loop")));
  Client::Options options;
  options.connections_per_host_max = 2;
  Client client(options);
  std::stop_source stop;
  int alive = 0;
  {
    asio::io_context io(1);
    for (int i = 0; i < 5; ++i) {
      asio::co_spawn(io, hold(client, silence.url(), alive, stop.get_token()), asio::detached);
    }
    while (!begun.is_set()) {
      io.run_one_for(10ms);
    }
    EXPECT_EQ(alive, 5);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(silence.wait_for_ends(1));
  stop.request_stop();  // reaches nobody
  const auto reply = get(client, server.url());
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->body.bytes(), "other loop");
}

// A stop can arrive while the loop it is for is being torn down.
TEST(Client, SurvivesAStopThatCrossesTheEndOfItsLoop) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> { co_await peer.closed(); });
  Client client;
  for (int i = 0; i < 100; ++i) {
    std::stop_source stop;
    int alive = 0;
    auto io = std::make_unique<asio::io_context>(1);
    for (int n = 0; n < 3; ++n) {
      asio::co_spawn(*io, hold(client, server.url(), alive, stop.get_token()), asio::detached);
    }
    io->poll();
    std::thread stopper([&] { stop.request_stop(); });
    io.reset();
    stopper.join();
    EXPECT_EQ(alive, 0);
  }
}

// The client and one of its loops can end at the same time on two threads.
TEST(Client, MayGoWhileItsLoopGoes) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> { co_await peer.closed(); });
  for (int i = 0; i < 100; ++i) {
    auto client = std::make_unique<Client>();
    auto io = std::make_unique<asio::io_context>(1);
    int alive = 0;
    asio::co_spawn(*io, hold(*client, server.url(), alive, {}), asio::detached);
    io->poll();
    std::thread ending([&] { client.reset(); });
    io.reset();
    ending.join();
    EXPECT_EQ(alive, 0);
  }
}

// An idle client must not keep a program's loop from ending: no timer, no watched socket is left.
TEST(Client, LetsTheLoopEndWhenIdle) {
  Server server(always(ok("")));
  Client client;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(get(client, server.url()));
  }
  // The time allowed for each was a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
}

// Two clients with different limits in one loop share nothing.
TEST(Client, KeepsToItsOwnOptions) {
  Server server(always(ok(std::string(1'000, 'x'))));
  Client::Options small_options;
  small_options.body_bytes_max = 10;
  Client small(small_options);
  Client large;
  asio::io_context io(1);
  auto first = asio::co_spawn(io, send_one(small, Request("GET", server.url()), {}), asio::use_future);
  auto second = asio::co_spawn(io, send_one(large, Request("GET", server.url()), {}), asio::use_future);
  io.run();
  EXPECT_EQ(first.get().error().code, "ReplyTooLarge");
  EXPECT_TRUE(second.get());
}

}  // namespace
}  // namespace weir::http
