#pragma once

#include <cstddef>
#include <mutex>
#include <stop_token>
#include <utility>

#include "weir/base/signal.hpp"

namespace weir {

/// One bound on the memory that everything fetched holds, shared by all shards and threads. A lease is
/// taken before a page is fetched, grown or shrunk to the page's true size once that is known, and given
/// back when the page is dropped. A single request larger than the whole budget is granted when nothing
/// else is out, so that it cannot wait for ever.
class ByteBudget {
 public:
  /// A part of the budget; gives it back when destroyed. Moves, does not copy.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
      }
      return *this;
    }
    ~Lease() { release(); }
    std::size_t bytes() const noexcept { return bytes_; }
    /// Sets the lease to what is truly held. Growing may exceed the budget for the moment: the bytes are
    /// here already; the next `acquire` waits until they are gone.
    void resize(std::size_t bytes);
    void release();

   private:
    friend class ByteBudget;
    Lease(ByteBudget& budget, std::size_t bytes) : budget_(&budget), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  /// Waits until `bytes` are free; fails with `stopped` on request.
  Task<Lease> acquire(std::size_t bytes, std::stop_token stop);
  std::size_t bytes_max() const noexcept { return bytes_max_; }
  std::size_t bytes_used() const;

 private:
  void change(std::ptrdiff_t bytes);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::size_t bytes_used_ = 0;
  Signal freed_;
};

}  // namespace weir
