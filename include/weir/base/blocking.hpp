#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "weir/base/task.hpp"

namespace weir {

/// Runs work that blocks (RocksDB, files) off the loops. `threads` 0 runs it at once on the caller's
/// thread, which is what a simulation wants. Work handed over is always run, also while stopping.
class Blocking {
 public:
  explicit Blocking(std::size_t threads);
  ~Blocking();
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

  /// Runs `work` and resumes on the awaiting coroutine's executor. What `work` borrows must live in the
  /// awaiting coroutine, whose loop must run until then. What it throws is thrown to that coroutine.
  Task<void> run(std::function<Result<void>()> work);

 private:
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace weir
