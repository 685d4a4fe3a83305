#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "weir/base/task.hpp"

namespace weir::cli {

/// Runs a task to its end on the calling thread.
template <class T>
Result<T> run_on(boost::asio::io_context& context, Task<T> task) {
  std::optional<Result<T>> outcome;
  std::exception_ptr exception;
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, Result<T> result) {
    exception = thrown;
    outcome.emplace(std::move(result));
  });
  context.restart();
  while (!outcome && context.run_one() > 0) {
  }
  if (exception != nullptr) {
    std::rethrow_exception(exception);
  }
  return std::move(*outcome);
}

}  // namespace weir::cli
