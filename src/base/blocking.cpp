#include "weir/base/blocking.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

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
    asio::post(*pool, [handler = std::move(handler), guard = asio::make_work_guard(home), job, out, error]() mutable {
      try {
        *out = (*job)();
      } catch (...) {
        *error = std::current_exception();  // on this thread it would end the program
      }
      auto executor = guard.get_executor();
      asio::post(executor, std::move(handler));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
  if (thrown) {
    std::rethrow_exception(thrown);
  }
  co_return result;
}

}  // namespace weir
