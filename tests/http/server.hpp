#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "weir/base/task.hpp"
#include "weir/http/client.hpp"

namespace weir::http::testing {

namespace asio = boost::asio;

/// One connection as a script sees it: raw bytes, nothing done behind its back.
class Peer {
 public:
  explicit Peer(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  /// The next request, head and body; empty once the client has closed.
  asio::awaitable<std::string> request();
  /// False once the client has gone.
  asio::awaitable<bool> send(std::string_view bytes);
  /// Waits until the client closes.
  asio::awaitable<void> closed();
  asio::awaitable<bool> secure(asio::ssl::context& context);
  void close();
  /// Closes with a reset instead of an end.
  void reset();

 private:
  asio::awaitable<std::size_t> read_some(char* data, std::size_t size);

  asio::ip::tcp::socket socket_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
  std::string received_;
};

/// A loopback server on a thread of its own whose every connection runs `script`.
class Server {
 public:
  using Script = std::function<asio::awaitable<void>(Peer&, int connection)>;

  explicit Server(Script script);
  ~Server();

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path = "/") const;
  /// `127.0.0.1:<port>`, as messages name it.
  std::string place() const;
  int connections() const noexcept { return connections_; }
  /// Waits until so many connections have ended; false after ten seconds.
  bool wait_for_ends(int count);

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(asio::ip::tcp::socket socket, int connection);

  Script script_;
  asio::io_context io_{1};
  asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  int ends_ = 0;
  std::thread thread_;
};

/// Answers every request with the same bytes.
Server::Script always(std::string reply);
/// `HTTP/1.1 200 OK` with a Content-Length.
std::string ok(std::string_view body);

/// Runs one task to its end on a loop of its own.
template <class T>
Result<T> run(Task<T> task) {
  asio::io_context io(1);
  auto future = asio::co_spawn(io, std::move(task), asio::use_future);
  io.run();
  return future.get();
}

inline Task<Reply> send_one(Client& client, Request request, std::stop_token stop) {
  co_return co_await client.send(request, stop);
}

inline Result<Reply> get(Client& client, const std::string& url, std::stop_token stop = {}) {
  return run(send_one(client, Request("GET", url), stop));
}

/// Waits for something another thread does; false after ten seconds.
class Event {
 public:
  void set();
  bool wait();
  bool is_set() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

}  // namespace weir::http::testing
