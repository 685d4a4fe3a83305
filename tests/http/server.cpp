#include "server.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

namespace weir::http::testing {

using asio::ip::tcp;
using boost::system::error_code;

asio::awaitable<std::size_t> Peer::read_some(char* data, std::size_t size) {
  error_code code;
  std::size_t count = 0;
  if (tls_) {
    count = co_await tls_->async_read_some(asio::buffer(data, size), asio::redirect_error(asio::use_awaitable, code));
  } else {
    count = co_await socket_.async_read_some(asio::buffer(data, size), asio::redirect_error(asio::use_awaitable, code));
  }
  co_return code ? 0 : count;
}

asio::awaitable<std::string> Peer::request() {
  const auto whole = [this]() -> std::size_t {
    const auto head = received_.find("\r\n\r\n");
    if (head == std::string::npos) {
      return 0;
    }
    std::size_t length = 0;
    constexpr std::string_view name = "Content-Length: ";
    if (const auto at = received_.find(name); at < head) {
      const auto* digits = received_.data() + at + name.size();
      std::from_chars(digits, received_.data() + head, length);
    }
    return received_.size() >= head + 4 + length ? head + 4 + length : 0;
  };
  while (whole() == 0) {
    char bytes[16384];
    const auto count = co_await read_some(bytes, sizeof bytes);
    if (count == 0) {
      co_return std::string();
    }
    received_.append(bytes, count);
  }
  std::string request = received_.substr(0, whole());
  received_.erase(0, request.size());
  co_return request;
}

asio::awaitable<bool> Peer::send(std::string_view bytes) {
  error_code code;
  if (tls_) {
    co_await asio::async_write(*tls_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, code));
  } else {
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, code));
  }
  co_return !code;
}

asio::awaitable<void> Peer::closed() {
  char bytes[4096];
  while (co_await read_some(bytes, sizeof bytes) != 0) {
  }
}

asio::awaitable<bool> Peer::secure(asio::ssl::context& context) {
  tls_.emplace(socket_, context);
  error_code code;
  co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, code));
  co_return !code;
}

void Peer::close() {
  error_code code;
  socket_.close(code);
}

void Peer::reset() {
  error_code code;
  socket_.set_option(asio::socket_base::linger(true, 0), code);
  socket_.close(code);
}

Server::Server(Script script)
    : script_(std::move(script)), acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  port_ = acceptor_.local_endpoint().port();
  asio::co_spawn(io_, accept(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

Server::~Server() {
  io_.stop();
  thread_.join();
}

std::string Server::url(std::string_view path) const { return "http://" + place() + std::string(path); }
std::string Server::place() const { return "127.0.0.1:" + std::to_string(port_); }

bool Server::wait_for_ends(int count) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, std::chrono::seconds(10), [&] { return ends_ >= count; });
}

asio::awaitable<void> Server::accept() {
  for (;;) {
    error_code code;
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, code));
    if (code) {
      co_return;
    }
    socket.set_option(tcp::no_delay(true), code);
    asio::co_spawn(io_, serve(std::move(socket), connections_++), asio::detached);
  }
}

asio::awaitable<void> Server::serve(tcp::socket socket, int connection) {
  {
    Peer peer(std::move(socket));
    co_await script_(peer, connection);
  }
  const std::scoped_lock lock(mutex_);
  ++ends_;
  ended_.notify_all();
}

Server::Script always(std::string reply) {
  return [reply = std::move(reply)](Peer& peer, int) -> asio::awaitable<void> {
    for (;;) {
      const auto request = co_await peer.request();
      if (request.empty()) {
        co_return;
      }
      const bool sent = co_await peer.send(reply);
      if (!sent) {
        co_return;
      }
    }
  };
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

void Event::set() {
  const std::scoped_lock lock(mutex_);
  set_ = true;
  changed_.notify_all();
}

bool Event::wait() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return set_; });
}

bool Event::is_set() const {
  const std::scoped_lock lock(mutex_);
  return set_;
}

}  // namespace weir::http::testing
