#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "weir/base/result.hpp"
#include "weir/emulator/kinesis.hpp"

namespace weir::emulator {

/// Serves a Kinesis over HTTP/1.1, to any client of the service: `POST /` in JSON or CBOR, as AWS frames it.
/// It checks that a request is signed, never the signature. Owns its threads; the faults of `kinesis`, which
/// must outlive it, apply. For a test:
///
///     emulator::Kinesis kinesis;
///     auto server = emulator::Server::start(kinesis);
///     ... client of (*server)->endpoint() ...
class Server {
 public:
  struct Options {
    /// Only this machine can reach the default: the endpoint knows no access control.
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: a free one
    std::uint32_t threads = 1;
    std::uint32_t connections_max = 10'000;  ///< one beyond them is closed at once
    /// A PutRecords of 10 MiB in JSON is about 14 MB.
    std::size_t body_bytes_max = std::size_t{20} * 1024 * 1024;
    std::uint32_t header_bytes_max = 64 * 1024;
    /// Between two requests of a connection, and for a whole request head.
    std::chrono::milliseconds idle_max{std::chrono::seconds{60}};
    std::chrono::milliseconds body_max{std::chrono::seconds{30}};   ///< for a request's body to arrive
    std::chrono::milliseconds reply_max{std::chrono::seconds{60}};  ///< for a reply to be taken
    std::chrono::milliseconds drain_max{std::chrono::seconds{5}};   ///< for `stop()`

    Options() {}
  };

  /// Listens, and serves from then on. Fails with a sentence when the address or port cannot be had.
  static Result<std::unique_ptr<Server>> start(Kinesis& kinesis, Options options = Options());
  /// Cuts what is still open.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// "http://127.0.0.1:PORT"
  const std::string& endpoint() const noexcept { return endpoint_; }
  std::uint16_t port() const noexcept { return port_; }

  /// Takes no more connections or requests, finishes the replies under way (for up to `drain_max`), and
  /// returns when all is closed. Not from a thread of the server.
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
  std::string endpoint_;
  std::uint16_t port_ = 0;
};

}  // namespace weir::emulator
