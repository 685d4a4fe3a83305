#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <string>
#include <string_view>

#include "weir/wire/writer.hpp"

namespace weir::emulator {

struct HttpReply {
  int status = 0;  ///< 0: no reply came
  std::string head;
  std::string body;
  bool whole = false;  ///< all of the announced body came

  std::string header(std::string_view name) const {
    const auto at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) {
      return {};
    }
    const auto from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

/// A connection that sends bytes as they are and reads one reply at a time: it can be as wrong as a test
/// wants.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : socket_(loop_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
  }

  /// False: the server has closed already.
  bool send(std::string_view bytes) {
    boost::system::error_code error;
    boost::asio::write(socket_, boost::asio::buffer(bytes), error);
    return !error;
  }

  HttpReply read() {
    HttpReply reply;
    boost::system::error_code error;
    const auto size = boost::asio::read_until(socket_, boost::asio::dynamic_buffer(input_), "\r\n\r\n", error);
    if (error) {
      return reply;
    }
    reply.head = input_.substr(0, size);
    input_.erase(0, size);
    std::from_chars(reply.head.data() + 9, reply.head.data() + reply.head.size(), reply.status);
    std::size_t announced = 0;
    const std::string length = reply.header("Content-Length");
    std::from_chars(length.data(), length.data() + length.size(), announced);
    if (input_.size() < announced) {
      boost::asio::read(socket_, boost::asio::dynamic_buffer(input_),
                        boost::asio::transfer_exactly(announced - input_.size()), error);
    }
    reply.whole = input_.size() >= announced;
    reply.body = input_.substr(0, announced);
    input_.erase(0, announced);
    return reply;
  }

  /// Whether the server has closed the connection; waits until it sends or closes.
  bool closed() {
    char byte = 0;
    boost::system::error_code error;
    boost::asio::read(socket_, boost::asio::buffer(&byte, 1), error);
    return error.failed();
  }

  HttpReply call(std::string_view operation, std::string_view body, wire::Format format = wire::Format::json) {
    send(request(operation, body, format));
    return read();
  }

  static std::string request(std::string_view operation, std::string_view body,
                             wire::Format format = wire::Format::json) {
    return std::string("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ")
        .append(wire::content_type(format))
        .append("\r\nX-Amz-Target: Kinesis_20131202.")
        .append(operation)
        .append("\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n\r\n")
        .append(body);
  }

 private:
  boost::asio::io_context loop_;
  boost::asio::ip::tcp::socket socket_;
  std::string input_;
};

}  // namespace weir::emulator
