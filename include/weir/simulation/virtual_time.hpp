#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "weir/base/clock.hpp"

namespace weir::simulation {

/// A clock and a loop of its own: time stands still while there is something to do, then jumps to the next
/// moment somebody sleeps for. One thread; the same every time. For code whose only waits are sleeps and
/// signals.
class VirtualTime final : public Clock {
 public:
  explicit VirtualTime(Timestamp start = Timestamp(std::chrono::hours(24 * 365 * 56))) : start_(start) {}

  Timestamp now() const override { return start_ + std::chrono::floor<std::chrono::milliseconds>(elapsed_); }
  Duration elapsed() const override { return elapsed_; }

  Task<void> sleep(Duration time, std::stop_token stop) override {
    if (stop.stop_requested()) {
      co_return stopped();
    }
    auto executor = co_await boost::asio::this_coro::executor;
    auto sleeper = std::make_shared<Sleeper>(executor, elapsed_ + std::max(time, Duration(0)));
    sleepers_.push_back(sleeper);
    {
      std::stop_callback on_stop(
          stop, [sleeper, executor] { boost::asio::post(executor, [sleeper] { sleeper->timer.cancel(); }); });
      boost::system::error_code code;
      co_await sleeper->timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, code));
    }
    std::erase(sleepers_, sleeper);
    if (stop.stop_requested()) {
      co_return stopped();
    }
    co_return Result<void>();
  }

  /// Lets time pass without running anything.
  void pass(Duration time) { elapsed_ += time; }
  boost::asio::io_context& context() { return context_; }
  std::size_t sleeping() const { return sleepers_.size(); }

  /// Runs the task to its end. Throws when nobody sleeps and nothing is left to do: it would wait for ever.
  template <class T>
  Result<T> run(Task<T> task) {
    std::optional<Result<T>> outcome;
    start(std::move(task), outcome);
    run_while([&] { return !outcome; });
    return std::move(*outcome);
  }

  /// Runs the task beside others; `outcome` is set at its end.
  template <class T>
  void start(Task<T> task, std::optional<Result<T>>& outcome) {
    boost::asio::co_spawn(context_, std::move(task), [&outcome](std::exception_ptr thrown, Result<T> result) {
      if (thrown != nullptr) {
        std::rethrow_exception(thrown);
      }
      outcome.emplace(std::move(result));
    });
  }

  /// Runs what is next: one handler, or, when there is none, the earliest sleepers that wake by `until`.
  /// False when there is nothing before then.
  bool step(Duration until = Duration::max()) {
    context_.restart();
    if (context_.poll_one() > 0) {
      return true;
    }
    const auto next = next_wake();
    return next && *next <= until && wake_next();
  }

  /// Lets everything go on until the condition holds no more.
  template <class Condition>
  void run_while(Condition condition) {
    while (condition()) {
      if (!step()) {
        throw std::logic_error("nothing left to do, and nobody sleeps");
      }
    }
  }

  /// Lets everything go on for this long.
  void run_for(Duration time) {
    const auto until = elapsed_ + time;
    while (step(until)) {
    }
    elapsed_ = std::max(elapsed_, until);
  }

 private:
  struct Sleeper {
    Sleeper(const boost::asio::any_io_executor& executor, Duration when)
        : timer(executor, boost::asio::steady_timer::time_point::max()), at(when) {}
    boost::asio::steady_timer timer;
    Duration at;
    bool woken = false;
  };

  std::optional<Duration> next_wake() const {
    std::optional<Duration> next;
    for (const auto& sleeper : sleepers_) {
      if (!sleeper->woken && (!next || sleeper->at < *next)) {
        next = sleeper->at;
      }
    }
    return next;
  }

  bool wake_next() {
    const auto next = next_wake();
    if (!next) {
      return false;
    }
    elapsed_ = std::max(elapsed_, *next);
    for (const auto& sleeper : sleepers_) {
      if (!sleeper->woken && sleeper->at <= elapsed_) {
        sleeper->woken = true;
        sleeper->timer.cancel();
      }
    }
    return true;
  }

  boost::asio::io_context context_{1};
  Timestamp start_;
  Duration elapsed_{0};
  std::vector<std::shared_ptr<Sleeper>> sleepers_;
};

}  // namespace weir::simulation
