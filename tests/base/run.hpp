#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include "weir/base/task.hpp"

namespace weir {

// Starts a task on a loop; its result is there once the loop has run.
template <class T>
std::shared_ptr<std::optional<Result<T>>> start(boost::asio::io_context& loop, Task<T> task) {
  auto slot = std::make_shared<std::optional<Result<T>>>();
  boost::asio::co_spawn(loop, std::move(task), [slot](const std::exception_ptr& thrown, Result<T> result) {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
    slot->emplace(std::move(result));
  });
  return slot;
}

// Runs a task to its end on a loop of its own.
template <class T>
Result<T> run(Task<T> task) {
  boost::asio::io_context loop(1);
  auto slot = start(loop, std::move(task));
  loop.run();
  if (!slot->has_value()) {
    throw std::logic_error("the loop ended before the task");
  }
  return std::move(**slot);
}

}  // namespace weir
