#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>

#include "weir/base/task.hpp"
#include "weir/http/message.hpp"

namespace weir::http {

class ClientCore;

/// Sends HTTP/1.1 requests and keeps connections for the next ones.
///
/// Any number of loops may use one client at once. Each Asio execution context gets connections of its
/// own, so loops share nothing but the pool of reply buffers; a context must be run by one thread at a
/// time. Destroying a context destroys the coroutines that wait in `send` there; destroying the client
/// makes transfers still under way fail with `stopped`.
class Client {
 public:
  struct Options {
    std::size_t connections_per_host_max = 64;  ///< per loop; further requests wait for one of these
    std::size_t requests_max = 4096;            ///< per loop, waiting ones included; beyond: `Overloaded`
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds total_timeout{60'000};
    /// A transfer slower than this many bytes a second for this long is a `Timeout`; 0 s: never.
    std::size_t low_speed_bytes = 1;
    std::chrono::seconds low_speed_time{20};
    std::chrono::seconds idle_time_max{50};      ///< connections unused for longer are not used again
    std::size_t body_bytes_max = 32 << 20;       ///< a larger reply is `corrupt`
    std::size_t header_bytes_max = 64 << 10;     ///< of one reply, interim replies included
    std::size_t pool_bytes_max = 64 << 20;       ///< free reply buffers kept, over all loops
    std::size_t pool_buffers_max = 256;
    bool verify_tls = true;
    std::string ca_bundle;  ///< a PEM file; empty: the system's
    /// Empty: as the environment says (http_proxy, https_proxy, no_proxy), and none to this machine itself.
    std::string proxy;
    std::string user_agent = "weir";
    Options() {}  // not aggregate: braces beside co_await are miscompiled by GCC 12
  };

  explicit Client(Options options = Options());
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends one request and gives the whole reply, whatever its status. `request` must live until then.
  /// A kept connection that turns out closed before any byte of the reply is replaced and the request sent
  /// again; nothing else is repeated, and redirects are not followed.
  ///
  /// Errors, which name host and port and never a query, header or body:
  /// - `retry`: ConnectionRefused, ConnectionFailed, ProxyUnreachable, HostNotFound, Timeout, ConnectionLost (also in
  /// the
  ///   middle of a body), TlsHandshake, Overloaded
  /// - `refused`: TlsVerification, BadRequest (URL, method or header not sendable)
  /// - `corrupt`: BadReply (not HTTP), ReplyTooLarge
  /// - `stopped`: within 100 ms of the request to stop, from any thread; the transfer is gone by then
  Task<Reply> send(const Request& request, std::stop_token stop);

 private:
  std::shared_ptr<ClientCore> core_;
};

}  // namespace weir::http
