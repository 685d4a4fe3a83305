#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "weir/base/task.hpp"

namespace weir {

/// Wakes coroutines: those waiting when `notify()` is called go on, each on its own executor, which must be
/// a loop of one thread. Any thread may notify. It must outlive those who wait; a loop that is destroyed with
/// coroutines waiting is forgotten. It remembers nothing: test the condition, wait, test again; a notification between
/// the test and the wait is lost unless both happen on the notifier's thread or through `ticket()`.
class Signal {
 public:
  using Ticket = std::uint64_t;

  /// Take one before testing the condition, and hand it to `wait`: a notification in between is not lost.
  Ticket ticket() const;
  /// Completes once notified after `ticket` was taken; fails with `stopped` on request.
  Task<void> wait(Ticket ticket, std::stop_token stop);
  void notify();

 private:
  struct Waiter;
  mutable std::mutex mutex_;
  Ticket notified_ = 0;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace weir
