#pragma once

#include <curl/curl.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "buffer_pool.hpp"
#include "socket.hpp"
#include "transfer.hpp"
#include "weir/http/client.hpp"

namespace weir::http {

/// A suspended sender. Destroying it instead of resuming it destroys the sender's coroutine.
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Resumes the sender on its executor, after the present handler. Once.
  virtual void resume() = 0;
};

class Engine;

/// Tells a loop, from any thread, that a call is to stop.
class StopPost {
 public:
  StopPost(Engine& engine, std::uint64_t call);
  void operator()() const;

 private:
  boost::asio::any_io_executor executor_;
  std::weak_ptr<Engine> engine_;
  std::uint64_t call_;
};

struct Host;

/// One `send` under way. Lives in the sender's coroutine.
struct Call {
  const Request* request = nullptr;
  std::string_view origin;  ///< in the request's URL
  std::chrono::milliseconds total_timeout{};
  Result<Reply> outcome;
  std::unique_ptr<Waiter> waiter;

  std::uint64_t id = 0;
  Host* host = nullptr;
  std::unique_ptr<Transfer> transfer;  ///< null while it waits for a connection
  std::optional<std::stop_callback<StopPost>> on_stop;
  /// Only for a call that waits: ends it, and says how much time is left when its turn comes.
  std::optional<boost::asio::steady_timer> patience;
};

/// Calls to one origin: so many at once, the others in line.
struct Host {
  std::size_t in_flight = 0;
  std::deque<Call*> waiting;
  std::vector<std::unique_ptr<Transfer>> idle;
};

/// curl's multi interface on one loop: curl says which sockets and what time to wait for, Asio waits.
/// Everything but StopPost runs on the loop's thread. Ends with the client or with the context, whichever
/// goes first; kept connections end with it.
class Engine final : public SocketEvents, public std::enable_shared_from_this<Engine> {
 public:
  Engine(boost::asio::any_io_executor executor, const Client::Options& options, std::shared_ptr<BufferPool> pool);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Sets `call.outcome` and resumes its waiter when done; `call` must live until then.
  void start(Call& call, std::stop_token stop);
  /// Ends one call, if it is still under way.
  void stop(std::uint64_t call);
  /// Ends every call with `stopped`; the client is gone.
  void stop_all();
  /// The context is going: ends every transfer and destroys the coroutines that wait for them.
  void abandon();

  const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

 private:
  using Clock = std::chrono::steady_clock;

  void ready(int fd, int curl_mask) override;
  Host& host_of(std::string_view origin);
  void begin(Call& call, std::chrono::milliseconds timeout);
  void wait_in_line(Call& call);
  void drop(Call& call);
  void finish(Call& call, Result<Reply> outcome);
  void next_in_line(Host& host);
  void collect();
  void settle();
  void arm_timer();
  void on_timer();

  static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
  static int on_close(void* self, curl_socket_t fd) noexcept;
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* socket) noexcept;
  static int on_timeout(CURLM* multi, long timeout_ms, void* self) noexcept;
  bool add_socket(int fd, bool borrowed);

  struct Cleanup {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };

  const boost::asio::any_io_executor executor_;
  const Client::Options options_;
  const std::shared_ptr<BufferPool> pool_;

  std::unordered_map<int, std::shared_ptr<Socket>> sockets_;  // outlives the multi, which closes them
  boost::asio::steady_timer timer_;
  bool timer_waits_ = false;
  std::optional<Clock::time_point> due_;  // when curl wants to be called; the epoch: at once

  int open_error_ = 0;  // of the latest socket that could not be had; 0 once one could

  std::map<std::string, Host, std::less<>> hosts_;
  std::vector<Call*> calls_;
  std::uint64_t last_call_ = 0;
  std::unique_ptr<CURLM, Cleanup> multi_;
};

}  // namespace weir::http
