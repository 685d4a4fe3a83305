#include "weir/base/blocking.hpp"

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>

namespace weir {

namespace asio = boost::asio;

struct Blocking::Pool {
  explicit Pool(std::size_t threads) : pool(threads) {}
  asio::thread_pool pool;
};

Blocking::Blocking(std::size_t threads) : pool_(threads == 0 ? nullptr : std::make_unique<Pool>(threads)) {}

Blocking::~Blocking() {
  if (pool_ != nullptr) {
    pool_->pool.join();
  }
}

Task<void> Blocking::run(std::function<Result<void>()> work) {
  if (pool_ == nullptr) {
    co_return work();
  }
  Result<void> result;
  std::exception_ptr thrown;
  // Pointers, not references: async_initiate copies what it is given into the coroutine.
  auto initiate = [pool = &pool_->pool, job = &work, out = &result, error = &thrown](auto handler) {
    auto home = asio::get_associated_executor(handler);
    auto guard = asio::make_work_guard(home);
    asio::post(*pool, [handler = std::move(handler), home, guard = std::move(guard), job, out, error]() mutable {
      try {
        *out = (*job)();
      } catch (...) {
        *error = std::current_exception();  // on this thread it would end the program
      }
      // Once the handler has run, the loop may end and be gone, while this thread is still on its way out of
      // `post`: so the guard goes along, and the loop waits those few instructions until this thread is out.
      auto left = std::make_shared<std::atomic_flag>();
      asio::post(home, [handler = std::move(handler), guard = std::move(guard), left]() mutable {
        left->wait(false);
        guard.reset();
        std::move(handler)();
      });
      left->test_and_set();
      left->notify_one();
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
  if (thrown) {
    std::rethrow_exception(thrown);
  }
  co_return result;
}

}  // namespace weir
