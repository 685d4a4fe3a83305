#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>

namespace weir::http {

/// Who is told that a socket can be read or written.
class SocketEvents {
 public:
  virtual void ready(int fd, int curl_mask) = 0;

 protected:
  ~SocketEvents() = default;
};

/// The one descriptor object of a file descriptor for as long as that is open. curl stops and starts
/// watching a socket with every request; were the descriptor made anew each time, the old one, which its
/// handlers still hold, would fail the new one with "File exists". Waits in flight keep the Socket alive
/// and do nothing once it is closed.
class Socket : public std::enable_shared_from_this<Socket> {
 public:
  /// `borrowed`: somebody else closes the file descriptor (curl's own pipe from its resolver).
  Socket(const boost::asio::any_io_executor& executor, SocketEvents& events, bool borrowed)
      : descriptor_(executor), events_(&events), borrowed_(borrowed) {}

  bool open(int fd);
  /// Whether the file descriptor has been closed by somebody else, and may be another file's by now. curl
  /// 7.88 closes sockets that never got connected (the loser of IPv6 and IPv4, a connect given up) without
  /// telling CLOSESOCKETFUNCTION. Not asked once data has come: from then on curl tells.
  bool lost() const;
  /// What curl waits for from now on: CURL_POLL_*.
  void watch(int curl_what);
  /// Takes over what another Socket of the same number waited for.
  void watch_like(const Socket& other);
  void close();
  /// Lets go of the file descriptor without closing it.
  void forget();
  bool borrowed() const noexcept { return borrowed_; }

 private:
  void wait_read();
  void wait_write();
  void rearm();

  boost::asio::posix::stream_descriptor descriptor_;
  SocketEvents* events_;  // null once closed
  const bool borrowed_;
  int fd_ = -1;
  std::uint64_t cookie_ = 0;  // which socket the number stood for when it was opened
  bool has_read_ = false;
  bool wants_read_ = false, wants_write_ = false;
  bool waits_read_ = false, waits_write_ = false;
};

}  // namespace weir::http
