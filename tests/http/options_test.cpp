// That each option does what its comment says. The other limits of time are set to an hour here, so that what
// ends a request is the option and nothing else; `within` ends the test where the option does not.
#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>

#include "deaf_port.hpp"
#include "server.hpp"

namespace weir::http {
namespace {

using testing::always;
using testing::DeafPort;
using testing::get;
using testing::ok;
using testing::Peer;
using testing::send_one;
using testing::Server;
using namespace std::chrono_literals;
namespace asio = boost::asio;

/// The outcome's code, or "stopped" when there is none in this time.
std::string within(std::chrono::seconds limit, Client& client, const std::string& url) {
  asio::io_context io(1);
  std::stop_source stop;
  asio::steady_timer late(io, limit);
  late.async_wait([&stop](boost::system::error_code code) {
    if (!code) {
      stop.request_stop();
    }
  });
  std::string outcome;
  asio::co_spawn(io, send_one(client, Request("GET", url), stop.get_token()),
                 [&](std::exception_ptr, const Result<Reply>& reply) {
                   outcome = reply ? "reply" : reply.error().code + ": " + reply.error().message;
                   late.cancel();
                 });
  io.run();
  return outcome;
}

Client::Options patient() {
  Client::Options options;
  options.connect_timeout = 1h;
  options.total_timeout = 1h;
  options.low_speed_time = 3600s;
  return options;
}

// A firewall that swallows packets. Without its own limit a connect lasts as long as the system's: two minutes.
TEST(ClientOptions, ConnectTimeoutEndsAConnectionThatDoesNotOpen) {
  DeafPort port;
  auto options = patient();
  options.connect_timeout = 100ms;
  Client client(options);
  const auto outcome = within(20s, client, port.url());
  EXPECT_TRUE(outcome.starts_with("Timeout: no connection")) << outcome;
}

// A body that stops coming would otherwise hold its shard for the whole of the time allowed.
TEST(ClientOptions, LowSpeedEndsABodyThatStopsComing) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> {
    (void)co_await peer.request();
    (void)co_await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    co_await peer.closed();
  });
  auto options = patient();
  options.low_speed_bytes = 10;
  options.low_speed_time = 1s;
  Client client(options);
  const auto outcome = within(20s, client, server.url());
  EXPECT_TRUE(outcome.starts_with("Timeout: no complete reply")) << outcome;
}

// They are promises to whoever sets nothing: a minute of silence at most, and five seconds for a wrong address.
TEST(ClientOptions, AreSuchThatNothingWaitsForEverByDefault) {
  const Client::Options options;
  EXPECT_EQ(options.connect_timeout, 5s);
  EXPECT_EQ(options.total_timeout, 60s);
  EXPECT_EQ(options.low_speed_time, 20s);
  EXPECT_EQ(options.low_speed_bytes, 1U);
  EXPECT_EQ(options.idle_time_max, 50s);
  EXPECT_TRUE(options.verify_tls);
}

// The time is the caller's whole patience. Were the wait in line given back, a crowded client would take up to
// twice what it promises. Compared with a timer on the same loop, which a busy machine delays alike.
TEST(ClientOptions, TotalTimeoutIncludesTheTimeInLineOfARequestThatGotItsTurn) {
  Server server([](Peer& peer, int) -> asio::awaitable<void> { co_await peer.closed(); });
  auto options = patient();
  options.connections_per_host_max = 1;
  Client client(options);
  asio::io_context io(1);
  std::stop_source stop_first;
  std::string order;
  asio::co_spawn(io, send_one(client, Request("GET", server.url()), stop_first.get_token()),
                 [&](std::exception_ptr, const Result<Reply>&) { order += "first "; });
  Request hasty("GET", server.url());
  hasty.total_timeout = 1'000ms;
  asio::co_spawn(io, send_one(client, hasty, {}),
                 [&](std::exception_ptr, const Result<Reply>& reply) { order += reply.error().code + " "; });
  asio::steady_timer turn(io, 700ms), late(io, 1'400ms);
  turn.async_wait([&](boost::system::error_code) { stop_first.request_stop(); });
  late.async_wait([&](boost::system::error_code) { order += "late "; });
  io.run();
  EXPECT_EQ(order, "first Timeout late ");
}

// Services and firewalls drop idle connections without a word: a request on such a one hangs until its timeout.
// curl counts whole seconds by a clock of its own, so this waits for time to pass.
TEST(ClientOptions, IdleTimeMaxRetiresAConnectionThatWasNotUsed) {
  Server server(always(ok("reply")));
  auto options = patient();
  options.idle_time_max = 1s;
  Client client(options);
  asio::io_context io(1);
  const auto twice = [&]() -> Task<void> {
    const Request request("GET", server.url());
    WEIR_CO_CHECK(co_await client.send(request, std::stop_token()));
    WEIR_CO_CHECK(co_await client.send(request, std::stop_token()));
    const auto kept = server.connections();
    asio::steady_timer idle(io, 2'100ms);
    co_await idle.async_wait(asio::use_awaitable);
    WEIR_CO_CHECK(co_await client.send(request, std::stop_token()));
    EXPECT_EQ(kept, 1);
    EXPECT_EQ(server.connections(), 2);
    co_return Result<void>();
  };
  auto done = asio::co_spawn(io, twice(), asio::use_future);
  io.run();
  EXPECT_TRUE(done.get());
}

// Where the only way out is a proxy, a client that ignores the one it was given reaches nothing, or goes past an
// audit.
TEST(ClientOptions, ProxyGetsTheRequestsForEveryHost) {
  std::promise<std::string> seen;
  Server proxy([&seen](Peer& peer, int) -> asio::awaitable<void> {
    auto request = co_await peer.request();
    seen.set_value(std::move(request));
    (void)co_await peer.send(ok("by proxy"));
  });
  auto options = patient();
  options.proxy = "http://" + proxy.place();
  Client client(options);
  const auto reply = get(client, "http://no-such-host.invalid/path");
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->body.bytes(), "by proxy");
  const auto request = seen.get_future().get();
  EXPECT_TRUE(request.starts_with("GET http://no-such-host.invalid/path HTTP/1.1\r\n")) << request;
}

}  // namespace
}  // namespace weir::http
