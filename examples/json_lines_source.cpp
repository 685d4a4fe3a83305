// A source of your own: the lines of a file, in the same worker that reads Kinesis. The contract is three
// calls: what this is, where to begin, and reading from the stored positions.
//
//   json_lines_source FILE

#include <fmt/format.h>

#include <boost/describe.hpp>
#include <cstdio>
#include <fstream>

#include "weir/decode/json.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/worker/worker.hpp"

namespace {

using namespace weir;

// One shard, named "lines"; a line's number is its sequence number. The whole file is a stream that has
// ended, so a run over it ends by itself; a second run over a longer file goes on at the first new line
// only if the end was not reached, because an end is final.
class JsonLines final : public stream::Source {
 public:
  explicit JsonLines(std::string path) : path_(std::move(path)) {}

  std::string name() const override { return "file:" + path_; }

  Task<stream::StreamIdentity> identify(std::stop_token /*stop*/) override {
    if (!std::ifstream(path_)) {
      co_return refused("NoFile", fmt::format("cannot read {}", path_));
    }
    stream::StreamIdentity identity;
    identity.name = path_;
    co_return identity;
  }

  Task<stream::Start> resolve_start(std::stop_token /*stop*/) override { co_return stream::Start(); }

  Task<void> read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                  std::stop_token stop) override {
    if (share.index != 0) {
      co_return Result<void>();  // one shard: the first loop reads it
    }
    const std::string shard = "lines";
    const auto known = positions.shards.find(shard);
    if (known == positions.shards.end()) {
      std::vector<std::pair<stream::ShardId, stream::ShardPosition>> seen;
      seen.emplace_back(shard, stream::ShardPosition());
      WEIR_CO_CHECK(co_await sink.discovered(std::move(seen)));
    } else if (known->second.ended) {
      co_return Result<void>();
    }
    std::ifstream file(path_);
    std::uint64_t number = 0;
    for (bool more = true; more && !stop.stop_requested();) {
      auto batch = next_batch(file, number, more);
      batch.shard = shard;
      WEIR_CO_CHECK(co_await sink.accept(std::move(batch)));
    }
    co_return co_await sink.settled(shard);
  }

 private:
  // The next lines, in one buffer with the padding that decoders rely on.
  static stream::Batch next_batch(std::ifstream& file, std::uint64_t& number, bool& more) {
    constexpr std::size_t lines_max = 10'000;
    constexpr std::size_t number_bytes_max = 20;
    struct Line {
      std::size_t at, size;
    };
    auto buffer = std::make_shared<std::string>();
    std::vector<Line> lines;
    for (std::string line; lines.size() < lines_max && (more = static_cast<bool>(std::getline(file, line)));) {
      lines.push_back({buffer->size(), line.size()});
      buffer->append(line);
    }
    const auto numbers_at = buffer->size();
    buffer->append(lines.size() * number_bytes_max + stream::padding_bytes, '\0');

    stream::Batch batch;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      char* digits = buffer->data() + numbers_at + i * number_bytes_max;
      const auto* digits_end = fmt::format_to(digits, "{}", ++number);
      stream::RawRecord record;
      record.data = std::string_view(*buffer).substr(lines[i].at, lines[i].size);
      record.sequence_number = std::string_view(digits, static_cast<std::size_t>(digits_end - digits));
      record.partition_key = "lines";
      batch.bytes += record.data.size();
      batch.records.push_back(record);
    }
    batch.buffer = std::move(buffer);
    if (!more) {
      batch.end.emplace();  // no children: the stream ends here
    }
    return batch;
  }

  std::string path_;
};

struct Flight {
  std::string_view origin;
  std::int64_t delay = 0;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, delay))

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: json_lines_source FILE\n", stderr);
    return 2;
  }
  JsonLines lines(argv[1]);
  auto flights = weir::pipeline<Flight>("flights").key(&Flight::origin).keep("flights", weir::count());
  weir::worker::Options options;
  options.state = "memory";
  auto report = weir::worker::run(lines, flights, options);
  if (!report) {
    std::fprintf(stderr, "%s\n", to_string(report.error()).c_str());
    return 1;
  }
  std::printf("%llu records, %llu dead letters\n", static_cast<unsigned long long>(report->totals.records),
              static_cast<unsigned long long>(report->totals.dead_letters));
  return 0;
}
