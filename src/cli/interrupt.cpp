#include "cli/interrupt.hpp"

#include <csignal>

namespace weir::cli {
namespace {

// One wish can come as several signals: `timeout` sends its own to the command and then to the group that the
// command is in, a terminal's Ctrl-C reaches whoever passes it on as well. Nobody changes their mind so fast.
constexpr std::chrono::seconds one_wish{1};

}  // namespace

Interrupt::Interrupt(Console& console) : console_(console), signals_(loop_, SIGINT, SIGTERM) {
  wait();
  thread_ = std::thread([this] { loop_.run(); });
}

void end_is_certain() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Interrupt::~Interrupt() {
  if (stop_.stop_requested()) {
    end_is_certain();
  }
  loop_.stop();
  thread_.join();
}

void Interrupt::wait() {
  signals_.async_wait([this](const boost::system::error_code& code, int number) {
    if (code) {
      return;
    }
    const auto now = system_clock().elapsed();
    if (stop_.request_stop()) {
      asked_ = now;
    }
    if (now - asked_ < one_wish) {
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
