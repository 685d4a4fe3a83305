// The least that reading a stream can cost: bare libcurl into one reused buffer, each payload parsed by
// simdjson for two members, counted in a flat map. Everything else that Weir does is left out: no signature,
// no copy, no check of the envelope beyond finding the payloads, nothing stored. Prints one line:
// records, keys, and the CPU time of all threads per record.
#include <curl/curl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/wire/cbor_reader.hpp"
#include "weir/wire/cbor_writer.hpp"

namespace {

using namespace weir;
using wire::is;

// Replies are 10 MiB at most (the service's limit), and a little envelope.
constexpr std::size_t buffer_bytes = 12 << 20;

struct Count {
  std::uint64_t records = 0;
  std::uint64_t millis = 0;
};
struct Hash {
  using is_transparent = void;
  using is_avalanching = void;
  std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>()(key); }
};
using Counts = boost::unordered_flat_map<std::string, Count, Hash, std::equal_to<>>;

struct Buffer {
  std::unique_ptr<char[]> bytes{new char[buffer_bytes + simdjson::SIMDJSON_PADDING]};
  std::size_t size = 0;
};

std::size_t receive(char* data, std::size_t one, std::size_t size, void* to) {
  auto& buffer = *static_cast<Buffer*>(to);
  if (buffer.size + one * size > buffer_bytes) {
    return 0;
  }
  std::memcpy(buffer.bytes.get() + buffer.size, data, one * size);
  buffer.size += one * size;
  return one * size;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Client {
 public:
  explicit Client(const std::string& endpoint) : curl_(curl_easy_init()) {
    curl_easy_setopt(curl_, CURLOPT_URL, endpoint.c_str());
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &buffer_);
    curl_easy_setopt(curl_, CURLOPT_BUFFERSIZE, 512L << 10);
    curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { curl_easy_cleanup(curl_); }

  std::string_view call(const char* operation, const std::vector<std::pair<const char*, std::string_view>>& members) {
    body_.clear();
    wire::CborWriter writer(body_);
    writer.begin_map();
    for (const auto& [key, value] : members) {
      writer.text(key, value);
    }
    writer.end_map();
    const auto target = fmt::format("X-Amz-Target: Kinesis_20131202.{}", operation);
    curl_slist* headers = curl_slist_append(nullptr, target.c_str());
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-cbor-1.1");
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body_.data());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(body_.size()));
    buffer_.size = 0;
    const auto code = curl_easy_perform(curl_);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
      fmt::print(stderr, "{}: {}\n", operation, curl_easy_strerror(code));
      std::exit(1);
    }
    return {buffer_.bytes.get(), buffer_.size};
  }

 private:
  CURL* curl_;
  Buffer buffer_;
  std::string body_;
};

std::string shard_iterator(Client& client, const std::string& shard) {
  const auto reply = client.call("GetShardIterator",
                                 {{"ShardId", shard}, {"ShardIteratorType", "TRIM_HORIZON"}, {"StreamName", "replay"}});
  wire::Arena arena;
  wire::CborReader reader(reply, arena);
  std::string iterator;
  if (reader.enter_map()) {
    while (reader.next()) {
      if (is(reader.key(), "ShardIterator")) {
        iterator = reader.text();
      } else {
        reader.skip();
      }
    }
  }
  return iterator;
}

struct Page {
  std::uint64_t records = 0;
  std::int64_t behind_ms = 0;
};

Page count_page(std::string_view reply, simdjson::ondemand::parser& parser, std::string& iterator, Counts& counts) {
  Page page;
  wire::Arena arena;
  wire::CborReader reader(reply, arena);
  if (!reader.enter_map()) {
    return page;
  }
  while (reader.next()) {
    const auto key = reader.key();
    if (is(key, "NextShardIterator")) {
      iterator = reader.text();
    } else if (is(key, "MillisBehindLatest")) {
      page.behind_ms = reader.integer();
    } else if (is(key, "Records") && reader.enter_array()) {
      while (reader.next() && reader.enter_map()) {
        while (reader.next()) {
          if (!is(reader.key(), "Data")) {
            reader.skip();
            continue;
          }
          const auto data = reader.blob();
          auto document = parser.iterate(data.data(), data.size(), data.size() + simdjson::SIMDJSON_PADDING);
          const std::string_view user = document["user"];
          const auto at = counts.find(user);
          auto& count = at == counts.end() ? counts[std::string(user)] : at->second;
          ++count.records;
          count.millis += std::uint64_t(document["millis"]);
          ++page.records;
        }
      }
    } else {
      reader.skip();
    }
  }
  return page;
}

}  // namespace

int main(int argc, char** argv) {
  std::string endpoint;
  std::uint32_t shards = 4;
  CLI::App app("The least that reading a stream can cost");
  app.add_option("--endpoint", endpoint)->required();
  app.add_option("--shards", shards);
  CLI11_PARSE(app, argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);

  std::uint64_t records = 0;
  Counts counts;
  simdjson::ondemand::parser parser;
  {
    Client client(endpoint);
    std::vector<std::string> iterators;
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      iterators.push_back(shard_iterator(client, fmt::format("shardId-{:012}", shard)));
    }
    while (!iterators.empty()) {
      for (std::size_t i = 0; i < iterators.size();) {
        const auto reply = client.call("GetRecords", {{"ShardIterator", iterators[i]}});
        const auto page = count_page(reply, parser, iterators[i], counts);
        records += page.records;
        if (page.behind_ms == 0) {
          iterators.erase(iterators.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          ++i;
        }
      }
    }
  }
  // The whole process, as for Weir: start and end included.
  fmt::print("records {} keys {} cpu_ns_per_record {:.1f}\n", records, counts.size(),
             cpu_seconds() * 1e9 / static_cast<double>(std::max<std::uint64_t>(records, 1)));
  return records == 0 ? 1 : 0;
}
