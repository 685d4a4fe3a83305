#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "weir/base/task.hpp"
#include "worker/status.hpp"

namespace weir::worker {

/// `PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; without an address the loopback one. Port 0: any that is free.
/// `refused` when it is none of these.
Result<boost::asio::ip::tcp::endpoint> parse_listen_address(std::string_view text);

/// Answers GET /metrics, /healthz and /readyz. One request a connection, small ones only: for scrapers and probes.
class StatusServer {
 public:
  struct Options {
    std::size_t connections_max = 32;  ///< at a time; more are closed
    /// How long whoever asks may take for the question, and to receive the answer.
    std::chrono::milliseconds patience{5'000};

    Options() {}
  };

  /// Listens from now on; blocks. Fails with `refused` and the address when that is not possible.
  static Result<std::unique_ptr<StatusServer>> listen(const boost::asio::ip::tcp::endpoint& address,
                                                      Options options = Options());

  /// `http://127.0.0.1:9100`.
  std::string url() const;
  /// Answers on the caller's loop until asked to stop. `status` is asked for each answer, on that loop. Once.
  Task<void> serve(std::function<Status()> status, std::stop_token stop);

 private:
  explicit StatusServer(Options options) : options_(options) {}

  const Options options_;
  // Nothing runs on it: it holds the listening socket until a loop takes that over.
  boost::asio::io_context before_{1};
  boost::asio::ip::tcp::acceptor listening_{before_};
};

}  // namespace weir::worker
