#include "socket.hpp"

#include <curl/curl.h>

namespace weir::http {

namespace asio = boost::asio;
using boost::system::error_code;

bool Socket::open(int fd) {
  error_code code;
  descriptor_.assign(fd, code);
  return !code;
}

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

void Socket::close() {
  events_ = nullptr;
  wants_read_ = wants_write_ = false;
  error_code code;
  if (borrowed_) {
    descriptor_.release();
  } else {
    descriptor_.close(code);
  }
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
      self->events_->ready(self->descriptor_.native_handle(), CURL_CSELECT_IN);
    }
    self->rearm();
  });
}

void Socket::wait_write() {
  waits_write_ = true;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_write, [self = shared_from_this()](error_code code) {
    self->waits_write_ = false;
    if (self->events_ != nullptr && self->wants_write_ && code != asio::error::operation_aborted) {
      self->events_->ready(self->descriptor_.native_handle(), CURL_CSELECT_OUT);
    }
    self->rearm();
  });
}

}  // namespace weir::http
