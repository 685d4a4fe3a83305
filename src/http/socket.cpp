#include "socket.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

namespace weir::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// The kernel's number for this socket, never used again (SO_COOKIE, Linux 4.6); 0 for what is no socket.
std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace

bool Socket::open(int fd) {
  error_code code;
  fd_ = fd;
  cookie_ = cookie_of(fd);
  descriptor_.assign(fd, code);
  return !code;
}

bool Socket::lost() const { return !has_read_ && cookie_of(fd_) != cookie_; }

void Socket::watch(int curl_what) {
  wants_read_ = curl_what == CURL_POLL_IN || curl_what == CURL_POLL_INOUT;
  wants_write_ = curl_what == CURL_POLL_OUT || curl_what == CURL_POLL_INOUT;
  // A wait nobody wants would keep the loop from ending while a kept connection is idle.
  if ((waits_read_ && !wants_read_) || (waits_write_ && !wants_write_)) {
    error_code code;
    descriptor_.cancel(code);
  }
  rearm();
}

void Socket::watch_like(const Socket& other) {
  wants_read_ = other.wants_read_;
  wants_write_ = other.wants_write_;
  rearm();
}

void Socket::close() {
  if (borrowed_ || lost()) {
    forget();
    return;
  }
  events_ = nullptr;
  error_code code;
  descriptor_.close(code);
}

void Socket::forget() {
  events_ = nullptr;
  descriptor_.release();
}

// A cancelled wait can still be on its way here when curl wants the socket again: it then waits anew.
void Socket::rearm() {
  if (events_ == nullptr) {
    return;
  }
  if (wants_read_ && !waits_read_) {
    wait_read();
  }
  if (wants_write_ && !waits_write_) {
    wait_write();
  }
}

void Socket::wait_read() {
  waits_read_ = true;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](error_code code) {
    self->waits_read_ = false;
    if (self->events_ != nullptr && self->wants_read_ && code != asio::error::operation_aborted) {
      self->has_read_ = true;
      self->events_->ready(self->fd_, CURL_CSELECT_IN);
    }
    self->rearm();
  });
}

void Socket::wait_write() {
  waits_write_ = true;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_write, [self = shared_from_this()](error_code code) {
    self->waits_write_ = false;
    if (self->events_ != nullptr && self->wants_write_ && code != asio::error::operation_aborted) {
      self->events_->ready(self->fd_, CURL_CSELECT_OUT);
    }
    self->rearm();
  });
}

}  // namespace weir::http
