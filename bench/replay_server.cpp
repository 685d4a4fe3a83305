// Serves prebuilt GetRecords replies, and the three calls that lead to them, on loopback: what is measured
// against it pays for reading, not for a slow endpoint. One thread, epoll, no checks of signatures. Prints
// "listening on http://127.0.0.1:PORT" and runs until its standard input ends.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include "replay_pages.hpp"
#include "weir/base/clock.hpp"
#include "weir/wire/cbor_reader.hpp"
#include "weir/wire/cbor_writer.hpp"

namespace {

using namespace weir;
using bench::ReplayPages;

constexpr std::size_t request_bytes_max = 64 << 10;
constexpr std::string_view stream_arn = "arn:aws:kinesis:us-east-1:000000000000:stream/replay";

struct Reply {
  int status = 200;
  std::string owned;      // the body, unless it is
  std::string_view page;  // one of the prebuilt ones
};

/// Answers one request.
class Service {
 public:
  explicit Service(ReplayPages::Options options) : pages_(options) {}

  Reply answer(std::string_view target, std::string_view body) {
    const auto operation = target.substr(target.rfind('.') + 1);
    std::map<std::string, std::string, std::less<>> members;
    wire::Arena arena;
    wire::CborReader reader(body, arena);
    if (!body.empty() && reader.enter_map()) {
      while (reader.next()) {
        const std::string key(reader.key());
        if (reader.peek() == wire::CborReader::Type::text) {
          members[key] = reader.text();
        } else {
          reader.skip();
        }
      }
    }
    if (operation == "GetRecords") {
      const auto place = pages_.place_of(members["ShardIterator"]);
      return place ? Reply{200, {}, pages_.page(*place)} : error("InvalidArgumentException");
    }
    if (operation == "GetShardIterator") {
      return get_shard_iterator(members);
    }
    if (operation == "ListShards") {
      return list_shards();
    }
    if (operation == "DescribeStreamSummary") {
      return describe();
    }
    return error("UnknownOperationException");
  }

 private:
  static Reply error(std::string_view type) {
    Reply reply{400, {}, {}};
    wire::CborWriter writer(reply.owned);
    writer.begin_map();
    writer.text("__type", type);
    writer.text("message", "the replay server knows no better");
    writer.end_map();
    return reply;
  }

  Reply get_shard_iterator(std::map<std::string, std::string, std::less<>>& members) {
    const auto shard = pages_.shard_of(members["ShardId"]);
    if (!shard) {
      return error("ResourceNotFoundException");
    }
    ReplayPages::Place place{*shard, 0};
    const auto& type = members["ShardIteratorType"];
    if (type == "LATEST") {
      place.page = pages_.options().pages_per_shard;
    } else if (type.ends_with("SEQUENCE_NUMBER")) {
      place.page = pages_.page_after(members["StartingSequenceNumber"]);
    }
    Reply reply;
    wire::CborWriter writer(reply.owned);
    writer.begin_map();
    const auto iterator = pages_.iterator(place);
    writer.text("ShardIterator", iterator);
    writer.end_map();
    return reply;
  }

  Reply list_shards() {
    Reply reply;
    wire::CborWriter writer(reply.owned);
    writer.begin_map();
    writer.begin_array("Shards");
    for (std::uint32_t shard = 0; shard < pages_.options().shards; ++shard) {
      writer.begin_map();
      const auto name = pages_.shard_name(shard);
      writer.text("ShardId", name);
      writer.begin_map("HashKeyRange");
      writer.text("StartingHashKey", "0");
      writer.text("EndingHashKey", "340282366920938463463374607431768211455");
      writer.end_map();
      writer.begin_map("SequenceNumberRange");
      writer.text("StartingSequenceNumber", "1");
      writer.end_map();
      writer.end_map();
    }
    writer.end_array();
    writer.end_map();
    return reply;
  }

  Reply describe() {
    Reply reply;
    wire::CborWriter writer(reply.owned);
    writer.begin_map();
    writer.begin_map("StreamDescriptionSummary");
    writer.text("StreamName", "replay");
    writer.text("StreamARN", stream_arn);
    writer.text("StreamStatus", "ACTIVE");
    writer.unsigned_integer("RetentionPeriodHours", 24);
    writer.timestamp("StreamCreationTimestamp", Timestamp(std::chrono::milliseconds(1'764'000'000'000)));
    writer.unsigned_integer("OpenShardCount", pages_.options().shards);
    writer.unsigned_integer("ConsumerCount", 0);
    writer.end_map();
    writer.end_map();
    return reply;
  }

  ReplayPages pages_;
};

/// One client's connection: reads a request, then writes its reply, then the next.
class Connection {
 public:
  Connection(int descriptor, Service& service) : descriptor_(descriptor), service_(service) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(descriptor_); }

  enum class State { reading, writing, closed };

  State step() {
    for (;;) {
      if (head_sent_ < head_.size() || body_sent_ < body().size()) {
        if (!send()) {
          return errno == EAGAIN ? State::writing : State::closed;
        }
        continue;
      }
      if (take_request()) {
        continue;
      }
      char buffer[16 << 10];
      const auto size = ::recv(descriptor_, buffer, sizeof buffer, 0);
      if (size < 0 && errno == EAGAIN) {
        return State::reading;
      }
      if (size <= 0 || input_.size() > request_bytes_max) {
        return State::closed;
      }
      input_.append(buffer, static_cast<std::size_t>(size));
    }
  }

 private:
  std::string_view body() const { return reply_.page.empty() ? std::string_view(reply_.owned) : reply_.page; }

  bool send() {
    const auto rest = body().substr(body_sent_);
    iovec parts[2] = {{head_.data() + head_sent_, head_.size() - head_sent_},
                      {const_cast<char*>(rest.data()), rest.size()}};
    const auto sent = ::writev(descriptor_, parts, 2);
    if (sent < 0) {
      return false;
    }
    const auto of_head = std::min(static_cast<std::size_t>(sent), parts[0].iov_len);
    head_sent_ += of_head;
    body_sent_ += static_cast<std::size_t>(sent) - of_head;
    return true;
  }

  // The value of a header, whatever the case of its name.
  static std::string_view header(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
      const auto line = head.substr(at + 2);
      if (line.size() > name.size() && line[name.size()] == ':' &&
          ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
        auto value = line.substr(name.size() + 1, line.find("\r\n") - name.size() - 1);
        value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
        return value;
      }
    }
    return {};
  }

  bool take_request() {
    const auto end = input_.find("\r\n\r\n");
    if (end == std::string::npos) {
      return false;
    }
    const auto head = std::string_view(input_).substr(0, end + 2);
    const auto length = std::strtoull(std::string(header(head, "content-length")).c_str(), nullptr, 10);
    if (length > request_bytes_max || input_.size() < end + 4 + length) {
      return false;
    }
    reply_ = service_.answer(header(head, "x-amz-target"), std::string_view(input_).substr(end + 4, length));
    input_.erase(0, end + 4 + length);
    head_ = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: application/x-amz-cbor-1.1\r\nx-amzn-RequestId: replay\r\nContent-Length: "
        "{}\r\n\r\n",
        reply_.status, reply_.status == 200 ? "OK" : "Bad Request", body().size());
    head_sent_ = 0;
    body_sent_ = 0;
    return true;
  }

  const int descriptor_;
  Service& service_;
  std::string input_;
  Reply reply_;
  std::string head_;
  std::size_t head_sent_ = 0;
  std::size_t body_sent_ = 0;
};

int listen_on(std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 128) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    std::perror("listen");
    return -1;
  }
  port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  ReplayPages::Options options;
  CLI::App app("Serves prebuilt GetRecords replies");
  app.add_option("--port", port, "0: a free one");
  app.add_option("--shards", options.shards);
  app.add_option("--pages", options.pages_per_shard, "replies per shard");
  app.add_option("--records", options.records_per_page, "records per reply")->check(CLI::Range(1, 10'000));
  app.add_option("--keys", options.keys);
  app.add_flag("--spread", options.spread, "one key after the other, in place of Zipf 1.0");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);

  Service service(options);
  const int listener = listen_on(port);
  if (listener < 0) {
    return 1;
  }
  fmt::print("listening on http://127.0.0.1:{}\n", port);
  std::fflush(stdout);

  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  const auto watch = [poll](int operation, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    ::epoll_ctl(poll, operation, descriptor, &event);
  };
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
  std::map<int, Connection> connections;
  for (;;) {
    epoll_event events[64];
    const int ready = ::epoll_wait(poll, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[i].data.fd;
      if (descriptor == STDIN_FILENO) {
        char ignored[256];
        if (::read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
          return 0;
        }
      } else if (descriptor == listener) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
          const int on = 1;
          ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          connections.try_emplace(client, client, service);
          watch(EPOLL_CTL_ADD, client, EPOLLIN);
        }
      } else if (const auto at = connections.find(descriptor); at != connections.end()) {
        const auto state = at->second.step();
        if (state == Connection::State::closed) {
          connections.erase(at);
        } else {
          watch(EPOLL_CTL_MOD, descriptor, state == Connection::State::writing ? EPOLLOUT : EPOLLIN);
        }
      }
    }
  }
}
