#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <stop_token>
#include <thread>

#include "cli/console.hpp"
#include "weir/base/clock.hpp"

namespace weir::cli {

/// From here on SIGINT and SIGTERM no longer change how this thread, the last, ends: a second signal of one wish may
/// come when the command is done already and its handler gone, and would kill it.
void end_is_certain();

/// SIGINT and SIGTERM as a request to stop, whatever the command is busy with: reaching the service, waiting
/// for a state, reading. A second one, a second later or more, ends the program at once, which loses nothing:
/// what is stored is stored whole. Make it before anything is reached. `console` must outlive it.
class Interrupt {
 public:
  explicit Interrupt(Console& console);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait();

  Console& console_;
  std::stop_source stop_;
  Duration asked_{};  // when the first came
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  std::thread thread_;
};

}  // namespace weir::cli
