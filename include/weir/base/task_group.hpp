#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <stop_token>

#include "weir/base/signal.hpp"
#include "weir/base/task.hpp"

namespace weir {

/// Tasks that run beside each other on one loop and end together: the first that fails asks the others to
/// stop, and `wait` hands out its error. Lives on the loop's thread; must be waited for before it goes.
class TaskGroup {
 public:
  /// `outer` asks the whole group to stop.
  TaskGroup(boost::asio::any_io_executor executor, const std::stop_token& outer);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(Task<void> task);
  /// Asks every task to stop; `wait` then succeeds unless one failed for another reason.
  void request_stop() { stop_.request_stop(); }
  std::stop_token stop_token() const { return stop_.get_token(); }
  std::size_t running() const noexcept { return running_; }
  bool failed() const noexcept { return error_.has_value() || exception_ != nullptr; }
  /// Until every task is done. Fails with the first error that is not `stopped`; an exception from a task
  /// is thrown again here.
  Task<void> wait();

 private:
  struct Forward {
    std::stop_source* inner;
    void operator()() const { inner->request_stop(); }
  };

  boost::asio::any_io_executor executor_;
  std::stop_source stop_;
  std::stop_callback<Forward> forward_;
  std::size_t running_ = 0;
  std::optional<Error> error_;
  std::exception_ptr exception_;
  Signal done_;
};

}  // namespace weir
