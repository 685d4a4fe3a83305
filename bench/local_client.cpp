// What `weir local` takes and gives over loopback: prebuilt PutRecords requests of 500 records, then GetRecords
// over all that was put, on two plain sockets that read replies whole and look at no more than they must. The
// endpoint is the one measured; this client stays cheaper than it. Prints one line: records put a second, bytes
// of replies got a second.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "replay_pages.hpp"
#include "weir/base/random.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"

namespace {

using namespace weir;

constexpr std::size_t connections = 2;
constexpr std::size_t records_per_put = 500;    // the service's limit of PutRecords
constexpr std::size_t reply_bytes = 16U << 20;  // 10 MiB of a page at most, and a little envelope

[[noreturn]] void fail(std::string_view what) {
  fmt::print(stderr, "bench_local_client: {}\n", what);
  std::exit(1);
}

std::string request(std::string_view operation, std::string_view body) {
  return fmt::format(
      "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: Kinesis_20131202.{}\r\nContent-Type: "
      "application/x-amz-cbor-1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=bench/20261124/us-east-1/kinesis/"
      "aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20261124T000000Z\r\nContent-Length: {}\r\n\r\n{}",
      operation, body.size(), body);
}

/// One connection, one request at a time.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)), buffer_(reply_bytes, '\0') {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      fail("cannot connect");
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  /// The reply's body; valid until the next call.
  std::string_view call(std::string_view request) {
    while (!request.empty()) {
      const auto sent = ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        fail("the endpoint went away");
      }
      request.remove_prefix(static_cast<std::size_t>(sent));
    }
    std::size_t have = 0;
    std::size_t whole = 0;
    std::size_t head = 0;
    while (whole == 0 || have < whole) {
      const auto got = ::recv(socket_, buffer_.data() + have, buffer_.size() - have, 0);
      if (got <= 0) {
        fail("a reply was cut off or too large");
      }
      have += static_cast<std::size_t>(got);
      if (whole == 0) {
        const auto text = std::string_view(buffer_.data(), have);
        head = text.find("\r\n\r\n");
        whole = head == std::string_view::npos ? 0 : head + 4 + length_of(text.substr(0, head));
      }
    }
    return std::string_view(buffer_).substr(head + 4, whole - head - 4);
  }

 private:
  static std::size_t length_of(std::string_view head) {
    constexpr std::string_view name = "Content-Length: ";
    const auto at = head.find(name);
    std::size_t length = 0;
    if (head.find(" 200 ") != 8 || at == std::string_view::npos) {
      fail(head.substr(0, head.find('\r')));
    }
    const auto digits = head.substr(at + name.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), length);
    return length;
  }

  int socket_;
  std::string buffer_;
};

std::string put_request(std::uint64_t seed) {
  Random random(seed);
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.text("StreamName", "bench");
  writer.begin_array("Records");
  for (std::size_t i = 0; i < records_per_put; ++i) {
    writer.begin_map();
    writer.blob("Data", bench::page_view(static_cast<std::uint32_t>(random.below(10'000)), random));
    writer.text("PartitionKey", fmt::format("{:032x}", random()));
    writer.end_map();
  }
  writer.end_array();
  writer.end_map();
  return request("PutRecords", body);
}

std::string iterator_request(std::string_view shard) {
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.text("StreamName", "bench");
  writer.text("ShardId", shard);
  writer.text("ShardIteratorType", "TRIM_HORIZON");
  writer.end_map();
  return request("GetShardIterator", body);
}

std::string get_request(std::string_view iterator) {
  std::string body;
  wire::CborWriter writer(body);
  writer.begin_map();
  writer.text("ShardIterator", iterator);
  writer.end_map();
  return request("GetRecords", body);
}

wire::Document parsed(std::string_view body) {
  auto document = wire::Document::parse_cbor(body);
  if (!document) {
    fail("a reply is no CBOR");
  }
  return *std::move(document);
}

// Requests for every page of every shard.
std::vector<std::string> pages_of(Connection& connection) {
  auto listed = parsed(connection.call(request("ListShards",
                                               "\xbf\x6aStreamName\x65"
                                               "bench\xff")));
  std::vector<std::string> shards;
  for (const auto shard : listed.root()["Shards"]) {
    shards.emplace_back(shard.text("ShardId"));
  }
  std::vector<std::string> pages;
  for (const auto& shard : shards) {
    auto first = parsed(connection.call(iterator_request(shard)));
    std::string iterator(first.root().text("ShardIterator"));
    for (bool more = true; more;) {
      auto page = get_request(iterator);
      auto reply = parsed(connection.call(page));
      more = reply.root()["Records"].size() > 0;
      if (more) {
        pages.push_back(std::move(page));
      }
      iterator = std::string(reply.root().text("NextShardIterator"));
    }
  }
  return pages;
}

// Runs `each(connection, index)` for indices below `count` on all connections; gives the seconds it took.
template <class Each>
double timed(std::uint16_t port, std::size_t count, Each each) {
  std::atomic<std::size_t> next = 0;
  const auto started = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < connections; ++i) {
      threads.emplace_back([&] {
        Connection connection(port);
        for (auto index = next++; index < count; index = next++) {
          each(connection, index);
        }
      });
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  std::size_t records = 1'000'000;
  std::size_t reads = 1'000;
  CLI::App app("Measures an endpoint that has a stream `bench`");
  app.add_option("--port", port)->required();
  app.add_option("--records", records, "to put");
  app.add_option("--reads", reads, "pages to get");
  CLI11_PARSE(app, argc, argv);

  std::array<std::string, 16> puts;
  for (std::size_t i = 0; i < puts.size(); ++i) {
    puts[i] = put_request(i + 1);
  }
  const auto calls = records / records_per_put;
  const auto put_seconds = timed(port, calls, [&](Connection& connection, std::size_t index) {
    // Of a reply of 500 entries the count of failed ones alone.
    constexpr std::string_view none_failed(
        "\x71"
        "FailedRecordCount\x00",
        19);
    if (connection.call(puts[index % puts.size()]).find(none_failed) == std::string_view::npos) {
      fail("records were refused");
    }
  });
  Connection connection(port);
  const auto pages = pages_of(connection);
  std::atomic<std::size_t> bytes = 0;
  const auto get_seconds = timed(port, reads, [&](Connection& reading, std::size_t index) {
    bytes += reading.call(pages[index % pages.size()]).size();
  });
  fmt::print("put_per_s {:.0f} get_bytes_per_s {:.0f}\n", static_cast<double>(calls * records_per_put) / put_seconds,
             static_cast<double>(bytes.load()) / get_seconds);
}
