#include "weir/emulator/server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "emulator/http_head.hpp"
#include "emulator/protocol.hpp"

namespace weir::emulator {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

// For a pause after the machine has no more descriptors, so that accepting does not spin.
constexpr auto accept_pause = std::chrono::milliseconds(100);
// What a body's buffer begins with; it grows with what has arrived, not with what was announced.
constexpr std::size_t body_bytes_start = std::size_t{256} * 1024;
// What a request's head, and a small body with it, is read in; Beast alone would read 512 bytes at a time.
constexpr std::size_t input_bytes_start = std::size_t{4} * 1024;
// How much of a request too large is read to its end, for nothing.
constexpr std::size_t unread_bytes_max = std::size_t{256} * 1024 * 1024;
// A larger one is given back after its request.
constexpr std::size_t body_bytes_kept = std::size_t{1024} * 1024;

constexpr auto tuple_awaitable = asio::as_tuple(asio::use_awaitable);

/// Bytes that grow without being zeroed first.
class Buffer {
 public:
  char* data() noexcept { return bytes_.get(); }
  std::size_t capacity() const noexcept { return capacity_; }
  void grow(std::size_t capacity, std::size_t used) {
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    std::copy_n(bytes_.get(), used, grown.get());
    bytes_ = std::move(grown);
    capacity_ = capacity;
  }
  void release_if_above(std::size_t bytes) {
    if (capacity_ > bytes) {
      bytes_.reset();
      capacity_ = 0;
    }
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
};

class Connection;

/// One thread's loop and the connections it serves; all but the thread handle is touched on it alone.
struct Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::unordered_set<Connection*> connections;
  bool stopping = false;
  std::thread thread;
};

/// What the connections share.
struct Shared {
  Shared(Core& emulator_core, Server::Options server_options)
      : core(emulator_core), options(std::move(server_options)) {}

  Core& core;
  const Server::Options options;
  std::stop_source stop;
  std::atomic<std::uint64_t> connections_made{0};
  std::mutex mutex;
  std::condition_variable closed;
  std::size_t connections = 0;  // guarded by `mutex`
};

/// One client's connection: requests one after the other until either side ends it. Lives in its
/// coroutine's frame, on its loop.
class Connection {
 public:
  Connection(Shared& shared, Loop& loop, asio::ip::tcp::socket socket)
      : shared_(shared),
        loop_(loop),
        stream_(std::move(socket)),
        ids_(shared.core.options().seed + (shared.connections_made++ << 20U)) {
    input_.reserve(input_bytes_start);
    loop_.connections.insert(this);
  }
  ~Connection() {
    loop_.connections.erase(this);
    const std::scoped_lock lock(shared_.mutex);
    --shared_.connections;
    shared_.closed.notify_all();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  asio::awaitable<void> serve() {
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    while (!loop_.stopping) {
      const bool again = co_await exchange();
      if (!again) {
        break;
      }
    }
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }

  void cut_if_idle() {
    if (idle_) {
      cut();
    }
  }
  void cut() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  using Parser = http::request_parser<http::buffer_body>;

  /// One request and its reply; false when the connection is to end.
  asio::awaitable<bool> exchange() {
    Parser parser;
    parser.header_limit(shared_.options.header_bytes_max);
    parser.body_limit(shared_.options.body_bytes_max);
    stream_.expires_after(shared_.options.idle_max);
    idle_ = true;
    auto [head_error, head_bytes] = co_await http::async_read_header(stream_, input_, parser, tuple_awaitable);
    idle_ = false;
    if (head_error) {
      const bool again = co_await refuse(head_error);
      co_return again;
    }
    const auto& request = parser.get();
    if (beast::iequals(request[http::field::expect], "100-continue")) {
      static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      auto [error, bytes] = co_await asio::async_write(stream_, asio::buffer(go_on), tuple_awaitable);
      if (error) {
        co_return false;
      }
    }
    stream_.expires_after(shared_.options.body_max);
    const auto announced = parser.content_length();
    std::size_t body_bytes = 0;
    // Beast copies a body through its own small buffer: worth it only where it must take chunks apart.
    const bool direct = announced.has_value() && !parser.chunked();
    if (direct) {
      body_bytes = take_input(static_cast<std::size_t>(*announced));
    }
    while (direct ? body_bytes < *announced : !parser.is_done()) {
      if (body_bytes == body_.capacity()) {
        body_.grow(std::max(body_bytes_start, body_bytes * 2), body_bytes);
      }
      if (direct) {
        const std::size_t room = std::min(body_.capacity(), static_cast<std::size_t>(*announced)) - body_bytes;
        const auto to = asio::buffer(body_.data() + body_bytes, room);
        auto [error, bytes] = co_await stream_.async_read_some(to, tuple_awaitable);
        if (error) {
          co_return false;
        }
        body_bytes += bytes;
        continue;
      }
      auto& body = parser.get().body();
      body.data = body_.data() + body_bytes;
      body.size = body_.capacity() - body_bytes;
      auto [error, bytes] = co_await http::async_read(stream_, input_, parser, tuple_awaitable);
      if (error && error != http::error::need_buffer) {
        const bool again = co_await refuse(error);
        co_return again;
      }
      body_bytes = body_.capacity() - parser.get().body().size;
    }
    const bool keep_alive = request.keep_alive();
    const bool sent = co_await answer(request, std::string_view(body_.data(), body_bytes), keep_alive);
    body_.release_if_above(body_bytes_kept);
    co_return sent&& keep_alive;
  }

  /// Moves up to `bytes_max` bytes of the body that came with the head; how many.
  std::size_t take_input(std::size_t bytes_max) {
    const std::size_t bytes = std::min(bytes_max, input_.size());
    if (bytes > body_.capacity()) {
      body_.grow(std::max(body_bytes_start, bytes), 0);
    }
    std::copy_n(static_cast<const char*>(input_.data().data()), bytes, body_.data());
    input_.consume(bytes);
    return bytes;
  }

  /// Says what is wrong with a request that cannot be read, where there is somebody to say it to.
  asio::awaitable<bool> refuse(error_code error) {
    const bool too_large = error == http::error::body_limit || error == http::error::header_limit;
    const bool malformed = error.category() == make_error_code(http::error::bad_method).category();
    if (error == http::error::end_of_stream || !(too_large || malformed)) {
      co_return false;
    }
    Answer reply;
    reply.status = too_large ? 413 : 400;
    reply.content_type = "text/plain";
    reply.head = too_large ? "The request is too large.\n" : "The request is not HTTP.\n";
    const bool sent = co_await send(reply, false, false);
    if (sent && too_large) {
      co_await let_finish();
    }
    co_return false;
  }

  /// Reads on for a while: to close beside unread bytes resets the connection, which takes the reply from a
  /// client that is still sending.
  asio::awaitable<void> let_finish() {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(shared_.options.body_max);
    if (body_.capacity() == 0) {
      body_.grow(body_bytes_start, 0);
    }
    for (std::size_t left = unread_bytes_max; left > 0;) {
      const auto into = asio::buffer(body_.data(), std::min(left, body_.capacity()));
      auto [error, bytes] = co_await stream_.async_read_some(into, tuple_awaitable);
      if (error) {
        co_return;
      }
      left -= bytes;
    }
  }

  asio::awaitable<bool> answer(const http::request<http::buffer_body>& request, std::string_view body,
                               bool keep_alive) {
    const auto view_of = [](beast::string_view text) { return std::string_view(text.data(), text.size()); };
    RequestHead head;
    head.is_post = request.method() == http::verb::post && request.target() == "/";
    head.target = view_of(request["X-Amz-Target"]);
    head.content_type = view_of(request[http::field::content_type]);
    head.has_authorization = !request[http::field::authorization].empty();

    const auto read = Call::read(head, body);
    if (const Answer* const refusal = std::get_if<Answer>(&read)) {
      const bool sent = co_await send(*refusal, keep_alive, false);
      co_return sent;
    }
    const Call& call = std::get<Call>(read);
    Core& core = shared_.core;
    const Target target = call.target(core);
    const Faults::Strike strike = core.begin(call.operation(), target);
    if (strike.delay.count() > 0) {
      const Duration delay = strike.delay;
      auto slept = co_await core.clock().sleep(delay, shared_.stop.get_token());
      if (!slept) {
        co_return false;
      }
    }
    if (strike.fault) {
      if (strike.fault->kind == Fault::Kind::cut) {
        co_return false;
      }
      if (auto before = core.before(*strike.fault, call.operation(), target); !before) {
        const Answer error = error_answer(call.format(), before.error());
        const bool sent = co_await send(error, keep_alive, false);
        co_return sent;
      }
    }
    const Answer reply = call.answer(core, strike.fault);
    if (strike.fault && strike.fault->kind == Fault::Kind::lost_reply) {
      co_return false;
    }
    const bool truncated = strike.fault && strike.fault->kind == Fault::Kind::truncated;
    const bool sent = co_await send(reply, keep_alive && !truncated, truncated);
    co_return sent && !truncated;
  }

  /// Sends the reply, or half of it; false when it could not be sent.
  asio::awaitable<bool> send(const Answer& reply, bool keep_alive, bool half) {
    // A pause would be charged to whoever asks next, so a reply under way at stop says that it is the last.
    write_http_head(head_, reply, shared_.core.clock().now(), ids_, keep_alive && !loop_.stopping);
    buffers_.clear();
    buffers_.push_back(asio::buffer(head_));
    buffers_.push_back(asio::buffer(reply.head));
    for (const Slice& slice : reply.page.slices) {
      buffers_.emplace_back(slice.data, slice.size);
    }
    buffers_.push_back(asio::buffer(reply.tail));
    if (half) {
      keep_half();
    }
    stream_.expires_after(shared_.options.reply_max);
    auto [error, bytes] = co_await asio::async_write(stream_, buffers_, tuple_awaitable);
    co_return !error;
  }

  /// Half of the body; of the head where there is no body.
  void keep_half() {
    const std::size_t all = asio::buffer_size(buffers_);
    std::size_t kept = all == head_.size() ? all / 2 : head_.size() + (all - head_.size()) / 2;
    for (auto& buffer : buffers_) {
      buffer = asio::const_buffer(buffer.data(), std::min(kept, buffer.size()));
      kept -= buffer.size();
    }
  }

  Shared& shared_;
  Loop& loop_;
  beast::tcp_stream stream_;
  beast::flat_buffer input_;
  Buffer body_;
  Random ids_;
  std::string head_;
  std::vector<asio::const_buffer> buffers_;
  bool idle_ = true;
};

asio::awaitable<void> serve(Shared& shared, Loop& loop, asio::ip::tcp::socket socket) {
  Connection connection(shared, loop, std::move(socket));
  co_await connection.serve();
}

}  // namespace

struct Server::State {
  State(Kinesis& kinesis, Options options)
      : shared(kinesis.core(), std::move(options)), acceptor((add_loops(), loops.front()->context)) {}

  void add_loops() {
    for (std::uint32_t i = 0; i < std::max(1U, shared.options.threads); ++i) {
      loops.push_back(std::make_unique<Loop>());
    }
  }

  Result<void> listen() {
    error_code error;
    const auto address = asio::ip::make_address(shared.options.address, error);
    if (error) {
      return refused("address", "cannot listen on '" + shared.options.address + "': not an IP address");
    }
    const asio::ip::tcp::endpoint endpoint(address, shared.options.port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) {
      // A program started meanwhile would keep the port, and take connections that nobody answers.
      ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
      acceptor.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) {
      acceptor.bind(endpoint, error);
    }
    if (!error) {
      acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      return refused(error == asio::error::address_in_use ? "address_in_use" : "listen",
                     "cannot listen on " + shared.options.address + ":" + std::to_string(shared.options.port) + ": " +
                         error.message());
    }
    return {};
  }

  asio::awaitable<void> accept() {
    for (std::size_t turn = 0; acceptor.is_open(); ++turn) {
      Loop& loop = *loops[turn % loops.size()];
      auto [error, socket] = co_await acceptor.async_accept(loop.context, tuple_awaitable);
      if (error) {
        if (!acceptor.is_open()) {
          co_return;
        }
        asio::steady_timer pause(loops.front()->context, accept_pause);
        static_cast<void>(co_await pause.async_wait(tuple_awaitable));
        continue;
      }
      {
        const std::scoped_lock lock(shared.mutex);
        if (shared.connections >= shared.options.connections_max) {
          continue;  // closes it
        }
        ++shared.connections;
      }
      start_on(loop, std::move(socket));
    }
  }

  void start_on(Loop& loop, asio::ip::tcp::socket socket) {
    // On its own loop from the first moment: the loop's set of connections belongs to that thread.
    asio::post(loop.context, [this, &loop, held = std::move(socket)]() mutable {
      asio::co_spawn(loop.context, serve(shared, loop, std::move(held)), asio::detached);
    });
  }

  void run() {
    asio::co_spawn(loops.front()->context, accept(), asio::detached);
    for (const auto& loop : loops) {
      loop->thread = std::thread([context = &loop->context] { context->run(); });
    }
  }

  void stop(std::chrono::milliseconds drain_max) {
    if (!running) {
      return;
    }
    running = false;
    asio::post(loops.front()->context, [this] {
      error_code ignored;
      acceptor.close(ignored);
    });
    shared.stop.request_stop();
    const auto for_each_connection = [this](void (Connection::*what)()) {
      for (const auto& loop : loops) {
        asio::post(loop->context, [each = loop.get(), what] {
          each->stopping = true;
          for (Connection* connection : each->connections) {
            (connection->*what)();
          }
        });
      }
    };
    for_each_connection(&Connection::cut_if_idle);
    const auto all_closed = [this] { return shared.connections == 0; };
    {
      std::unique_lock lock(shared.mutex);
      if (!shared.closed.wait_for(lock, drain_max, all_closed)) {
        lock.unlock();
        for_each_connection(&Connection::cut);
        lock.lock();
        shared.closed.wait(lock, all_closed);
      }
    }
    for (const auto& loop : loops) {
      loop->work.reset();
    }
    for (const auto& loop : loops) {
      if (loop->thread.joinable()) {
        loop->thread.join();
      }
    }
  }

  Shared shared;
  std::vector<std::unique_ptr<Loop>> loops;
  asio::ip::tcp::acceptor acceptor;
  bool running = false;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() { state_->stop(std::chrono::milliseconds(0)); }

Result<std::unique_ptr<Server>> Server::start(Kinesis& kinesis, Options options) {
  auto state = std::make_unique<State>(kinesis, std::move(options));
  WEIR_CHECK(state->listen());
  std::unique_ptr<Server> server(new Server(std::move(state)));
  const auto endpoint = server->state_->acceptor.local_endpoint();
  server->port_ = endpoint.port();
  const std::string host =
      endpoint.address().is_v6() ? "[" + endpoint.address().to_string() + "]" : endpoint.address().to_string();
  server->endpoint_ = "http://" + host + ":" + std::to_string(server->port_);
  server->state_->running = true;
  server->state_->run();
  return server;
}

void Server::stop() { state_->stop(state_->shared.options.drain_max); }

}  // namespace weir::emulator
