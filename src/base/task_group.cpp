#include "weir/base/task_group.hpp"

#include <boost/asio/co_spawn.hpp>

namespace weir {

TaskGroup::TaskGroup(boost::asio::any_io_executor executor, const std::stop_token& outer)
    : executor_(std::move(executor)), forward_(outer, Forward{&stop_}) {}

void TaskGroup::spawn(Task<void> task) {
  ++running_;
  boost::asio::co_spawn(executor_, std::move(task), [this](std::exception_ptr exception, Result<void> result) {
    --running_;
    const bool bad = exception != nullptr || (!result && !result.error().is_stopped());
    if (exception != nullptr && exception_ == nullptr) {
      exception_ = exception;
    }
    if (exception == nullptr && bad && !error_) {
      error_ = result.error();
    }
    if (bad) {
      stop_.request_stop();
    }
    done_.notify();
  });
}

Task<void> TaskGroup::wait() {
  while (running_ > 0) {
    const auto ticket = done_.ticket();
    // Waits for the tasks themselves, which are asked to stop: it must not give up before they have.
    auto waited = co_await done_.wait(ticket, std::stop_token());
    static_cast<void>(waited);
  }
  if (exception_ != nullptr) {
    std::rethrow_exception(exception_);
  }
  if (error_) {
    co_return *error_;
  }
  co_return Result<void>();
}

}  // namespace weir
