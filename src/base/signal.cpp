#include "weir/base/signal.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir {

namespace asio = boost::asio;

// A timer that never fires stands for the waiting coroutine; cancelling it, on its own executor, wakes it.
struct Signal::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;
};

Signal::Ticket Signal::ticket() const {
  const std::scoped_lock lock(mutex_);
  return notified_;
}

Task<void> Signal::wait(Ticket ticket, std::stop_token stop) {
  auto executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Waiter>(executor);
  {
    const std::scoped_lock lock(mutex_);
    if (notified_ != ticket) {
      co_return Result<void>();
    }
    waiters_.push_back(waiter);
  }
  // Also when the coroutine is destroyed while it waits, with its loop: nobody may wake it then.
  struct Leave {
    Signal& signal;
    const std::shared_ptr<Waiter>& waiter;
    ~Leave() {
      const std::scoped_lock lock(signal.mutex_);
      std::erase(signal.waiters_, waiter);
    }
  };
  const Leave leave{*this, waiter};
  {
    // Both wake-ups are posted to this executor, so they run after the wait has begun.
    std::stop_callback on_stop(stop,
                               [waiter, executor] { asio::post(executor, [waiter] { waiter->timer.cancel(); }); });
    boost::system::error_code code;
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
  }
  const std::scoped_lock lock(mutex_);
  if (notified_ == ticket) {
    co_return stopped();
  }
  co_return Result<void>();
}

void Signal::notify() {
  std::vector<std::shared_ptr<Waiter>> woken;
  {
    const std::scoped_lock lock(mutex_);
    ++notified_;
    woken.swap(waiters_);
  }
  for (auto& waiter : woken) {
    auto executor = waiter->timer.get_executor();
    asio::post(executor, [waiter = std::move(waiter)] { waiter->timer.cancel(); });
  }
}

}  // namespace weir
