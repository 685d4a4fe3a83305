#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

namespace weir::http::testing {

/// A port where a connection neither opens nor fails, as behind a firewall that swallows packets: its backlog is
/// full.
class DeafPort {
 public:
  DeafPort() : acceptor_(io_, boost::asio::ip::tcp::v4()) {
    acceptor_.bind(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    acceptor_.listen(0);
    for (int i = 0; i < 4; ++i) {
      auto& socket = fill_.emplace_back(io_, boost::asio::ip::tcp::v4());
      socket.non_blocking(true);
      // Asio's own connect would wait.
      const auto to = acceptor_.local_endpoint();
      (void)::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size()));
    }
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/"; }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<boost::asio::ip::tcp::socket> fill_;
};

}  // namespace weir::http::testing
