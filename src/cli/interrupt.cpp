#include "cli/interrupt.hpp"

#include <csignal>

namespace weir::cli {

Interrupt::Interrupt(Console& console) : console_(console), signals_(loop_, SIGINT, SIGTERM) {
  wait();
  thread_ = std::thread([this] { loop_.run(); });
}

Interrupt::~Interrupt() {
  loop_.stop();
  thread_.join();
}

void Interrupt::wait() {
  signals_.async_wait([this](const boost::system::error_code& code, int number) {
    if (code) {
      return;
    }
    if (stop_.request_stop()) {
      wait();
      return;
    }
    console_.erase_progress();
    console_.note("stopped at once; what is not stored yet is left out");
    // Dies of it, so that whoever started the program sees that.
    std::signal(number, SIG_DFL);
    std::raise(number);
  });
}

}  // namespace weir::cli
