#include "weir/http/client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "url.hpp"

namespace weir::http {

namespace asio = boost::asio;

namespace {

/// The engines of one execution context, one for each client used there. They go with the context.
class Engines final : public asio::execution_context::service {
 public:
  inline static asio::execution_context::id id;
  explicit Engines(asio::execution_context& context) : service(context) {}

  Engine& of(const std::shared_ptr<ClientCore>& core, const asio::any_io_executor& executor);
  /// The client is gone.
  void remove(const Engine& engine) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.engine.get() == &engine; });
  }

 private:
  struct Entry {
    std::shared_ptr<ClientCore> core;
    std::shared_ptr<Engine> engine;
  };
  void shutdown() noexcept override;

  std::vector<Entry> entries_;
};

template <class Handler>
class HandlerWaiter final : public Waiter {
 public:
  explicit HandlerWaiter(Handler handler)
      : handler_(std::move(handler)), work_(asio::get_associated_executor(handler_)) {}
  void resume() override { asio::post(work_.get_executor(), std::move(handler_)); }

 private:
  Handler handler_;
  asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
};

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

/// What a client's engines share. Any thread.
class ClientCore {
 public:
  explicit ClientCore(Client::Options chosen)
      : options(std::move(chosen)),
        pool(std::make_shared<BufferPool>(options.pool_bytes_max, options.pool_buffers_max)) {}

  void add(Engines& engines, const std::shared_ptr<Engine>& engine) {
    const std::scoped_lock lock(mutex_);
    places_.push_back({&engines, engine, engine->executor()});
  }
  /// The context is going. Once this returns nobody posts to it on the client's behalf.
  void remove(const Engines& engines) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(places_, [&](const auto& place) { return place.engines == &engines; });
  }
  /// The client is going: each of its engines ends on its own loop.
  void close() {
    const std::scoped_lock lock(mutex_);
    for (auto& place : places_) {
      asio::post(place.executor, [engines = place.engines, weak = place.engine] {
        if (const auto engine = weak.lock()) {
          engine->stop_all();
          engines->remove(*engine);
        }
      });
    }
    places_.clear();
  }

  const Client::Options options;
  const std::shared_ptr<BufferPool> pool;

 private:
  struct Place {
    Engines* engines;
    std::weak_ptr<Engine> engine;
    asio::any_io_executor executor;
  };
  std::mutex mutex_;
  std::vector<Place> places_;
};

namespace {

Engine& Engines::of(const std::shared_ptr<ClientCore>& core, const asio::any_io_executor& executor) {
  for (auto& entry : entries_) {
    if (entry.core == core) {
      return *entry.engine;
    }
  }
  auto engine = std::make_shared<Engine>(executor, core->options, core->pool);
  entries_.push_back({core, engine});
  core->add(*this, engine);
  return *engine;
}

void Engines::shutdown() noexcept {
  for (auto& entry : std::exchange(entries_, {})) {
    entry.core->remove(*this);
    entry.engine->abandon();
  }
}

}  // namespace

Client::Client(Options options) {
  initialise_curl();
  core_ = std::make_shared<ClientCore>(std::move(options));
}

Client::~Client() { core_->close(); }

Task<Reply> Client::send(const Request& request, std::stop_token stop) {
  if (stop.stop_requested()) {
    co_return stopped();
  }
  WEIR_CO_TRY(const auto origin, origin_of(request.url));
  WEIR_CO_CHECK(check(request));
  const auto executor = co_await asio::this_coro::executor;
  auto& engine = asio::use_service<Engines>(asio::query(executor, asio::execution::context)).of(core_, executor);

  Call call;
  call.request = &request;
  call.origin = origin;
  call.total_timeout =
      std::max(request.total_timeout.value_or(core_->options.total_timeout), std::chrono::milliseconds(1));
  // From here on the client may go: the call is the engine's until its waiter is resumed.
  auto initiate = [at = &engine, one = &call, token = &stop](auto handler) {
    one->waiter = std::make_unique<HandlerWaiter<decltype(handler)>>(std::move(handler));
    at->start(*one, *token);
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
  co_return std::move(call.outcome);
}

}  // namespace weir::http
