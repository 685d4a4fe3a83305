// Prints one line that needs the headers, the libraries, and what they are linked to.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <string>
#include <weir/base/clock.hpp>
#include <weir/base/task.hpp>
#include <weir/stream/sequence_number.hpp>

namespace {

weir::Task<bool> is_a_number(std::string text) { co_return weir::stream::is_sequence_number(text); }

boost::asio::awaitable<void> print() {
  const auto answer = co_await is_a_number("49590338271490256608559692538361571095921575989136588898");
  const auto time = weir::parse_rfc3339("2001-01-10T18:20:00Z");
  if (answer.ok() && *answer && time.ok()) {
    std::puts(weir::to_string(*time).c_str());
  }
}

}  // namespace

int main() {
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, print(), boost::asio::detached);
  loop.run();
  return 0;
}
