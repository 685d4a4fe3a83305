#include "worker/status_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "weir/base/clock.hpp"
#include "weir/base/task_group.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr auto tuple_awaitable = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t head_bytes_max = 8 * 1024;
// After the machine has no more descriptors, so that accepting does not spin.
constexpr std::chrono::milliseconds accept_pause{100};
// The text exposition format's own, version 0.0.4.
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view json_type = "application/json";

using Reply = http::response<http::string_body>;

void fill(Reply& reply, http::status code, std::string_view type, std::string body) {
  reply.result(code);
  reply.set(http::field::content_type, beast::string_view(type.data(), type.size()));
  reply.body() = std::move(body);
}

Reply answer(const http::request<http::empty_body>& request, const std::function<Status()>& status) {
  Reply reply;
  reply.version(request.version());
  reply.keep_alive(false);
  const std::string_view target(request.target().data(), request.target().size());
  const auto path = target.substr(0, target.find('?'));
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    fill(reply, http::status::method_not_allowed, "text/plain", "only GET and HEAD are answered\n");
    reply.set(http::field::allow, "GET, HEAD");
  } else if (path == "/metrics") {
    fill(reply, http::status::ok, metrics_type, metrics_text(status()));
  } else if (path == "/healthz" || path == "/readyz") {
    auto verdict = path == "/healthz" ? health(status()) : readiness(status());
    fill(reply, verdict.ok ? http::status::ok : http::status::service_unavailable, json_type, std::move(verdict.json));
  } else {
    fill(reply, http::status::not_found, "text/plain", "there are /metrics, /healthz and /readyz\n");
  }
  reply.prepare_payload();
  if (request.method() == http::verb::head) {
    reply.body().clear();
  }
  return reply;
}

// Closes the connection when asked to stop, on the loop that uses it; its pending operation then fails.
auto close_on(std::stop_token stop, const std::shared_ptr<beast::tcp_stream>& stream) {
  auto close = [stream] { asio::post(stream->get_executor(), [stream] { stream->close(); }); };
  return std::stop_callback<decltype(close)>(std::move(stop), std::move(close));
}

Task<void> talk(std::shared_ptr<beast::tcp_stream> stream, const std::function<Status()>& status,
                std::chrono::milliseconds patience, std::stop_token stop) {
  const auto closing = close_on(stop, stream);
  beast::flat_buffer input(head_bytes_max);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(head_bytes_max);
  stream->expires_after(patience);
  auto [failed, bytes] = co_await http::async_read_header(*stream, input, parser, tuple_awaitable);
  if (failed) {
    co_return Result<void>();  // no request, too large, or too slow; the worker goes on
  }
  const auto reply = answer(parser.get(), status);
  stream->expires_after(patience);
  auto [cut, sent] = co_await http::async_write(*stream, reply, tuple_awaitable);
  if (!cut) {
    beast::error_code ignored;
    stream->socket().shutdown(tcp::socket::shutdown_send, ignored);
  }
  co_return Result<void>();
}

}  // namespace

Result<tcp::endpoint> parse_listen_address(std::string_view text) {
  const auto bad = [text] {
    return refused("BadAddress", fmt::format("{} is no address to serve on: expected PORT or ADDRESS:PORT", text));
  };
  std::string_view address = "127.0.0.1";
  auto port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    address = colon == 0 ? address : text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  } else if (address == "localhost") {
    address = "127.0.0.1";
  } else if (address.find(':') != std::string_view::npos) {
    return bad();  // which of the colons is the port's?
  }
  std::uint16_t number = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), number);
  boost::system::error_code failed;
  const auto parsed = asio::ip::make_address(std::string(address), failed);
  if (code != std::errc() || end != port.data() + port.size() || port.empty() || failed) {
    return bad();
  }
  return tcp::endpoint(parsed, number);
}

Result<std::unique_ptr<StatusServer>> StatusServer::listen(const tcp::endpoint& address, Options options) {
  std::unique_ptr<StatusServer> server(new StatusServer(options));
  auto& acceptor = server->listening_;
  boost::system::error_code code;
  acceptor.open(address.protocol(), code);
  if (!code) {
    acceptor.set_option(asio::socket_base::reuse_address(true), code);
  }
  if (!code) {
    acceptor.bind(address, code);
  }
  if (!code) {
    acceptor.listen(asio::socket_base::max_listen_connections, code);
  }
  if (code) {
    return refused("ServeUnusable", fmt::format("cannot serve on {}:{}: {}", address.address().to_string(),
                                                address.port(), code.message()));
  }
  return server;
}

std::string StatusServer::url() const {
  const auto at = listening_.local_endpoint();
  const auto address = at.address().to_string();
  return fmt::format(fmt::runtime(at.address().is_v6() ? "http://[{}]:{}" : "http://{}:{}"), address, at.port());
}

Task<void> StatusServer::serve(std::function<Status()> status, std::stop_token stop) {
  auto executor = co_await asio::this_coro::executor;
  const auto protocol = listening_.local_endpoint().protocol();
  const int descriptor = ::fcntl(listening_.native_handle(), F_DUPFD_CLOEXEC, 0);  // it may be served again
  if (descriptor < 0) {
    co_return refused("ServeUnusable",
                      fmt::format("cannot serve on {}: {}", url(), std::generic_category().message(errno)));
  }
  auto acceptor = std::make_shared<tcp::acceptor>(executor, protocol, descriptor);
  auto close = [acceptor] {
    asio::post(acceptor->get_executor(), [acceptor] {
      boost::system::error_code ignored;
      acceptor->close(ignored);
    });
  };
  const std::stop_callback<decltype(close)> closing(stop, std::move(close));
  TaskGroup talks(executor, stop);
  while (!stop.stop_requested()) {
    auto [failed, socket] = co_await acceptor->async_accept(tuple_awaitable);
    if (failed) {
      static_cast<void>(co_await system_clock().sleep(accept_pause, stop));
    } else if (talks.running() < options_.connections_max) {
      auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
      talks.spawn(talk(std::move(stream), status, options_.patience, talks.stop_token()));
    }
  }
  co_return co_await talks.wait();
}

}  // namespace weir::worker
