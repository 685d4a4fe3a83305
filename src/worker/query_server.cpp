#include "worker/query_server.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>

#include "weir/base/clock.hpp"
#include "weir/base/task_group.hpp"
#include "worker/query_protocol.hpp"

namespace weir::worker {
namespace {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

constexpr std::chrono::milliseconds accept_pause{100};

// Closes a socket when asked to stop, on the loop that uses it; its pending operation then fails.
template <class Socket>
auto close_on(std::stop_token stop, const std::shared_ptr<Socket>& socket) {
  auto close = [socket] {
    asio::post(socket->get_executor(), [socket] {
      boost::system::error_code ignored;
      socket->close(ignored);
    });
  };
  return std::stop_callback<decltype(close)>(std::move(stop), std::move(close));
}

/// Closes a socket whose peer keeps it waiting; its pending operation then fails. On the socket's loop.
class Deadline {
 public:
  Deadline(std::shared_ptr<Protocol::socket> socket, std::chrono::milliseconds patience)
      : timer_(std::make_shared<asio::steady_timer>(socket->get_executor(), patience)) {
    timer_->async_wait([socket = std::move(socket), timer = timer_](const boost::system::error_code& code) {
      boost::system::error_code ignored;
      if (!code) {
        socket->close(ignored);
      }
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { timer_->cancel(); }

 private:
  std::shared_ptr<asio::steady_timer> timer_;
};

Task<void> send(std::shared_ptr<Protocol::socket> socket, std::string_view text, std::chrono::milliseconds patience) {
  const Deadline deadline(socket, patience);
  boost::system::error_code failed;
  co_await asio::async_write(*socket, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
  if (failed) {
    co_return stopped();
  }
  co_return Result<void>();
}

Task<void> turn_away(std::shared_ptr<Protocol::socket> socket, std::chrono::milliseconds patience) {
  const auto busy = protocol::make_error(
      Error(Next::retry, "WorkerBusy", "the worker answers as many questions as it may; ask again"));
  static_cast<void>(co_await send(std::move(socket), busy, patience));
  co_return Result<void>();
}

Task<void> talk(std::shared_ptr<Protocol::socket> socket, state::Store& store, const pipelines::Pipeline& pipeline,
                std::string stream, std::chrono::milliseconds patience, std::stop_token stop) {
  auto closing = close_on(stop, socket);
  boost::system::error_code code;
  std::string line;
  auto input = asio::dynamic_buffer(line, protocol::request_bytes_max);
  std::size_t length = 0;
  {
    const Deadline deadline(socket, patience);
    length = co_await asio::async_read_until(*socket, input, '\n', asio::redirect_error(asio::use_awaitable, code));
  }
  if (code) {
    co_return Result<void>();  // whoever asked has gone; the worker goes on
  }
  // Answers are sent as they are read; a failed write ends the reading.
  const Lines lines = [&socket, patience](std::string_view text) { return send(socket, text, patience); };
  auto query = protocol::parse_request(std::string_view(line).substr(0, length - 1), pipeline);
  Result<void> answered = query ? Result<void>() : Result<void>(query.error());
  if (query) {
    answered = co_await answer(store, pipeline, std::move(stream), *std::move(query), lines, stop);
  }
  const std::string last = answered ? std::string(protocol::done_line) : protocol::make_error(answered.error());
  static_cast<void>(co_await send(socket, last, patience));
  co_return Result<void>();
}

}  // namespace

Task<void> serve_queries(std::string directory, state::Store& store, const pipelines::Pipeline& pipeline,
                         std::string stream, Log log, QueryLimits limits, std::stop_token stop) {
  auto executor = co_await asio::this_coro::executor;
  const protocol::SocketPath path(directory);
  auto acceptor = std::make_shared<Protocol::acceptor>(executor);
  boost::system::error_code code;
  const Protocol::endpoint endpoint(path.path());
  ::unlink(path.path().c_str());
  acceptor->open(Protocol(), code);
  if (!code) {
    acceptor->bind(endpoint, code);
  }
  if (!code) {
    ::chmod(path.path().c_str(), S_IRUSR | S_IWUSR);
    acceptor->listen(asio::socket_base::max_listen_connections, code);
  }
  if (code) {
    if (log) {
      log(LogLevel::warning,
          fmt::format("queries are not answered while this worker runs: no socket could be made in {} ({})", directory,
                      code.message()));
    }
    co_return Result<void>();
  }
  TaskGroup talks(executor, stop);
  auto closing = close_on(stop, acceptor);
  while (!stop.stop_requested()) {
    auto socket = std::make_shared<Protocol::socket>(executor);
    co_await acceptor->async_accept(*socket, asio::redirect_error(asio::use_awaitable, code));
    if (code) {
      // Out of descriptors, most likely: the queries can wait, the worker's own files cannot.
      static_cast<void>(co_await system_clock().sleep(accept_pause, stop));
    } else if (talks.running() < limits.connections_max) {
      talks.spawn(talk(std::move(socket), store, pipeline, stream, limits.patience, talks.stop_token()));
    } else if (talks.running() < 2 * limits.connections_max) {
      talks.spawn(turn_away(std::move(socket), limits.patience));
    }
  }
  ::unlink(path.path().c_str());
  co_return co_await talks.wait();
}

}  // namespace weir::worker
