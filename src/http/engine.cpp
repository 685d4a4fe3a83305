#include "engine.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "failure.hpp"
#include "url.hpp"

namespace weir::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Hosts whose idle handles are kept; a program talks to a handful.
constexpr std::size_t hosts_max = 64;
// Times curl may ask to be called again at once before the loop's other work has its turn.
constexpr int turns_max = 16;

Error timed_out_in_line(const Call& call) {
  return {Next::retry, "Timeout",
          "no free connection to " + place_of(call.origin) + " in time: too many requests at once"};
}

}  // namespace

StopPost::StopPost(Engine& engine, std::uint64_t call)
    : executor_(engine.executor()), engine_(engine.weak_from_this()), call_(call) {}

// The callback's owner is destroyed on the loop, which waits for this to return: the context is alive here.
void StopPost::operator()() const {
  asio::post(executor_, [engine = engine_, call = call_] {
    if (auto alive = engine.lock()) {
      alive->stop(call);
    }
  });
}

Engine::Engine(asio::any_io_executor executor, const Client::Options& options, std::shared_ptr<BufferPool> pool)
    : executor_(std::move(executor)),
      options_(options),
      pool_(std::move(pool)),
      timer_(executor_),
      multi_(curl_multi_init()) {
  if (multi_ == nullptr) {
    throw std::bad_alloc();
  }
  auto* multi = multi_.get();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Engine::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, static_cast<void*>(this));
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Engine::on_timeout);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, static_cast<void*>(this));
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  // Kept connections: those of a few hosts. The number in use is ours to bound (Host::in_flight).
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_per_host_max * 4));
}

Engine::~Engine() { abandon(); }

Host& Engine::host_of(std::string_view origin) {
  if (const auto found = hosts_.find(origin); found != hosts_.end()) {
    return found->second;
  }
  if (hosts_.size() >= hosts_max) {
    std::erase_if(hosts_,
                  [](const auto& entry) { return entry.second.in_flight == 0 && entry.second.waiting.empty(); });
  }
  return hosts_[std::string(origin)];
}

void Engine::start(Call& call, std::stop_token stop) {
  if (calls_.size() >= options_.requests_max) {
    call.outcome = Error(Next::retry, "Overloaded",
                         "too many requests to " + place_of(call.origin) + " at once: raise requests_max or slow down");
    call.waiter->resume();
    return;
  }
  call.id = ++last_call_;
  call.host = &host_of(call.origin);
  calls_.push_back(&call);
  if (stop.stop_possible()) {
    call.on_stop.emplace(std::move(stop), StopPost(*this, call.id));
  }
  if (call.host->in_flight < options_.connections_per_host_max) {
    begin(call, call.total_timeout);
    settle();
  } else {
    wait_in_line(call);
  }
}

void Engine::begin(Call& call, std::chrono::milliseconds timeout) {
  auto& host = *call.host;
  if (host.idle.empty()) {
    call.transfer = std::make_unique<Transfer>(options_, *pool_, &Engine::on_open, &Engine::on_close, this);
  } else {
    call.transfer = std::move(host.idle.back());
    host.idle.pop_back();
  }
  ++host.in_flight;
  call.transfer->call = &call;
  call.transfer->prepare(*call.request, timeout);
  curl_multi_add_handle(multi_.get(), call.transfer->easy());
}

void Engine::wait_in_line(Call& call) {
  call.host->waiting.push_back(&call);
  call.patience.emplace(executor_, call.total_timeout);
  call.patience->async_wait([weak = weak_from_this(), id = call.id](error_code code) {
    const auto self = weak.lock();
    if (code || self == nullptr) {
      return;
    }
    const auto found =
        std::find_if(self->calls_.begin(), self->calls_.end(), [id](auto* one) { return one->id == id; });
    if (found != self->calls_.end() && (*found)->transfer == nullptr) {
      auto& late = **found;
      self->drop(late);
      self->finish(late, timed_out_in_line(late));
    }
  });
}

void Engine::next_in_line(Host& host) {
  if (host.waiting.empty() || host.in_flight >= options_.connections_per_host_max) {
    return;
  }
  auto& call = *host.waiting.front();
  host.waiting.pop_front();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(call.patience->expiry() - Clock::now());
  call.patience.reset();
  begin(call, std::max(left, std::chrono::milliseconds(1)));
}

// Takes the call out of curl's hands, or out of the line.
void Engine::drop(Call& call) {
  auto& host = *call.host;
  if (call.transfer != nullptr) {
    curl_multi_remove_handle(multi_.get(), call.transfer->easy());
    --host.in_flight;
    call.transfer->call = nullptr;
    host.idle.push_back(std::move(call.transfer));
  } else {
    std::erase(host.waiting, &call);
    call.patience.reset();
  }
}

// The call is the sender's again once this returns.
void Engine::finish(Call& call, Result<Reply> outcome) {
  call.on_stop.reset();
  std::erase(calls_, &call);
  call.outcome = std::move(outcome);
  auto waiter = std::move(call.waiter);
  waiter->resume();
}

void Engine::stop(std::uint64_t id) {
  const auto found = std::find_if(calls_.begin(), calls_.end(), [id](auto* call) { return call->id == id; });
  if (found == calls_.end()) {
    return;
  }
  auto& call = **found;
  auto& host = *call.host;
  const bool was_waiting = call.transfer == nullptr;
  drop(call);
  if (!was_waiting) {
    host.idle.back()->reset();
  }
  finish(call, stopped());
  next_in_line(host);
  settle();
}

void Engine::stop_all() {
  while (!calls_.empty()) {
    auto& call = *calls_.back();
    drop(call);
    finish(call, stopped());
  }
  abandon();
}

void Engine::abandon() {
  if (multi_ == nullptr) {
    return;
  }
  // A stop callback that runs on another thread at this moment has ended once its reset returns.
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (auto* call : calls_) {
    call->on_stop.reset();
    drop(*call);
    waiters.push_back(std::move(call->waiter));
  }
  calls_.clear();
  hosts_.clear();
  multi_.reset();
  for (auto& [fd, socket] : std::exchange(sockets_, {})) {
    socket->close();
  }
  timer_.cancel();
  due_.reset();
  waiters.clear();  // last: their coroutines hold the calls
}

void Engine::ready(int fd, int curl_mask) {
  int running = 0;
  curl_multi_socket_action(multi_.get(), fd, curl_mask, &running);
  settle();
}

void Engine::collect() {
  int left = 0;
  while (const auto* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    // The message lives no longer than its handle stays in the multi.
    const auto code = message->data.result;
    auto& transfer = Transfer::of(message->easy_handle);
    auto& call = *transfer.call;
    auto& host = *call.host;
    auto outcome = transfer.result(code, call.origin);
    if (!outcome && code == CURLE_COULDNT_CONNECT && is_out_of_descriptors(open_error_)) {
      outcome = out_of_descriptors(open_error_, call.origin);  // curl does not know: we open its sockets
    }
    drop(call);
    finish(call, std::move(outcome));
    next_in_line(host);
  }
}

// Calls curl for as long as it asks to be called at once, hands out what is done, and waits for the rest.
void Engine::settle() {
  for (int turn = 0; turn < turns_max; ++turn) {
    collect();
    if (!due_ || *due_ != Clock::time_point()) {
      break;
    }
    due_.reset();
    int running = 0;
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
  }
  arm_timer();
}

// curl moves its time with every request, nearly always later. The timer is left alone unless the time
// moved earlier: when it fires early, it is set again.
void Engine::arm_timer() {
  if (!due_) {
    if (timer_waits_ && calls_.empty()) {
      timer_.cancel();  // so that an idle client does not keep the loop running
    }
    return;
  }
  if (timer_waits_ && timer_.expiry() <= *due_) {
    return;
  }
  timer_.expires_at(*due_);
  timer_waits_ = true;
  timer_.async_wait([weak = weak_from_this()](error_code code) {
    if (auto self = weak.lock(); self != nullptr && code != asio::error::operation_aborted) {
      self->on_timer();
    }
  });
}

void Engine::on_timer() {
  timer_waits_ = false;
  if (multi_ == nullptr || !due_) {
    return;
  }
  if (*due_ <= Clock::now()) {
    due_.reset();
    int running = 0;
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
  }
  settle();
}

int Engine::on_timeout(CURLM*, long timeout_ms, void* self) noexcept {
  auto& engine = *static_cast<Engine*>(self);
  if (timeout_ms < 0) {
    engine.due_.reset();
  } else if (timeout_ms == 0) {
    engine.due_ = Clock::time_point();
  } else {
    engine.due_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

bool Engine::add_socket(int fd, bool borrowed) {
  try {
    std::shared_ptr<Socket> old;
    if (const auto found = sockets_.find(fd); found != sockets_.end()) {
      old = std::move(found->second);
      sockets_.erase(found);
      old->forget();  // its number was free, so curl has closed it behind our back
    }
    const auto socket = std::make_shared<Socket>(executor_, *this, borrowed);
    sockets_.emplace(fd, socket);
    if (!socket->open(fd)) {
      sockets_.erase(fd);
      return false;
    }
    if (old != nullptr) {
      socket->watch_like(*old);  // curl may take the new one for the old and say nothing
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

curl_socket_t Engine::on_open(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  static_cast<Engine*>(self)->open_error_ = fd < 0 ? errno : 0;
  if (fd >= 0 && !static_cast<Engine*>(self)->add_socket(fd, false)) {
    ::close(fd);
    return CURL_SOCKET_BAD;
  }
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

int Engine::on_close(void* self, curl_socket_t fd) noexcept {
  auto& sockets = static_cast<Engine*>(self)->sockets_;
  const auto found = sockets.find(fd);
  if (found == sockets.end()) {
    return ::close(fd);
  }
  const auto socket = std::move(found->second);
  sockets.erase(found);
  socket->close();
  return 0;
}

int Engine::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
  auto& engine = *static_cast<Engine*>(self);
  auto found = engine.sockets_.find(fd);
  if (found == engine.sockets_.end()) {
    // Not opened through us: the pipe on which curl's resolver thread says that it is done.
    if (what == CURL_POLL_REMOVE || !engine.add_socket(fd, true)) {
      return what == CURL_POLL_REMOVE ? 0 : -1;
    }
    found = engine.sockets_.find(fd);
  }
  const auto socket = found->second;
  if (what == CURL_POLL_REMOVE && (socket->borrowed() || socket->lost())) {
    engine.sockets_.erase(found);
    socket->forget();  // curl closes the descriptor itself
    return 0;
  }
  try {
    socket->watch(what);
  } catch (const std::exception&) {
    return -1;
  }
  return 0;
}

}  // namespace weir::http
