#include "weir/base/byte_budget.hpp"

namespace weir {

Task<ByteBudget::Lease> ByteBudget::acquire(std::size_t bytes, std::stop_token stop) {
  for (;;) {
    const auto ticket = freed_.ticket();
    {
      const std::scoped_lock lock(mutex_);
      if (bytes_used_ == 0 || (bytes_used_ <= bytes_max_ && bytes <= bytes_max_ - bytes_used_)) {
        bytes_used_ += bytes;
        co_return Lease(*this, bytes);
      }
    }
    WEIR_CO_CHECK(co_await freed_.wait(ticket, stop));
  }
}

std::size_t ByteBudget::bytes_used() const {
  const std::scoped_lock lock(mutex_);
  return bytes_used_;
}

void ByteBudget::change(std::ptrdiff_t bytes) {
  {
    const std::scoped_lock lock(mutex_);
    bytes_used_ += static_cast<std::size_t>(bytes);
  }
  if (bytes < 0) {
    freed_.notify();
  }
}

void ByteBudget::Lease::resize(std::size_t bytes) {
  if (budget_ != nullptr && bytes != bytes_) {
    budget_->change(static_cast<std::ptrdiff_t>(bytes) - static_cast<std::ptrdiff_t>(bytes_));
    bytes_ = bytes;
  }
}

void ByteBudget::Lease::release() {
  if (budget_ != nullptr) {
    budget_->change(-static_cast<std::ptrdiff_t>(bytes_));
    budget_ = nullptr;
    bytes_ = 0;
  }
}

}  // namespace weir
