// What a row costs on its way into RocksDB: CPU time of all threads of the process (RocksDB's included) and
// wall time per row, for commits of many changed rows as a worker makes them. `--help` lists the settings.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <vector>

#include "weir/base/random.hpp"
#include "weir/state/rocks_store.hpp"

namespace {

using namespace weir;

// A row as a count and a sum keep it: two little numbers. Stands in for the pipeline's, which this
// benchmark is not about.
class TwoNumbers final : public state::Combiner {
 public:
  void combine(std::string& row, std::string_view delta) const noexcept override {
    row.resize(2 * sizeof(std::uint64_t));
    for (std::size_t at = 0; at < row.size() && at + 8 <= delta.size(); at += 8) {
      std::uint64_t left = 0;
      std::uint64_t right = 0;
      std::memcpy(&left, row.data() + at, 8);
      std::memcpy(&right, delta.data() + at, 8);
      left += right;
      std::memcpy(row.data() + at, &left, 8);
    }
  }
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

template <class T>
Result<T> run(Task<T> task) {
  boost::asio::io_context loop;
  std::optional<Result<T>> result;
  boost::asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr& failure, Result<T> value) {
    if (failure) {
      std::rethrow_exception(failure);
    }
    result = std::move(value);
  });
  loop.run();
  return *std::move(result);
}

// The keys that a stretch of records touches, Zipf 1.0 over all of them; each once, in no order.
class Zipf {
 public:
  explicit Zipf(std::size_t keys) : upto_(keys) {
    double sum = 0;
    for (std::size_t i = 0; i < keys; ++i) {
      sum += 1.0 / static_cast<double>(i + 1);
      upto_[i] = sum;
    }
  }
  std::size_t draw(Random& random) const {
    const auto at = std::lower_bound(upto_.begin(), upto_.end(), random.unit() * upto_.back());
    return std::min(static_cast<std::size_t>(at - upto_.begin()), upto_.size() - 1);
  }

 private:
  std::vector<double> upto_;
};

}  // namespace

int main(int argc, char** argv) {
  std::size_t keys = 10'000;
  std::size_t records = 100'000;
  std::size_t commits = 200;
  std::string directory = "state-commit-bench";

  std::size_t journal = std::size_t{4} << 20U;
  std::size_t buffer = std::size_t{8} << 20U;
  CLI::App app("What a row costs on its way into RocksDB");
  app.add_option("--keys", keys, "distinct keys, Zipf 1.0");
  app.add_option("--records", records, "records folded into each commit");
  app.add_option("--commits", commits, "commits measured");
  app.add_option("--journal", journal, "bytes of changes between two checkpoints");
  app.add_option("--buffer", buffer, "bytes of the write buffer");
  app.add_option("--directory", directory, "made, and removed afterwards");
  CLI11_PARSE(app, argc, argv);

  std::vector<std::string> names(keys);
  for (std::size_t i = 0; i < keys; ++i) {
    names[i] = fmt::format("key-{:08x}", static_cast<std::uint32_t>(Random(i)()));
  }
  const Zipf zipf(keys);
  Random random(1);
  std::string delta(16, '\0');
  delta[0] = 1;
  delta[8] = 7;

  const TwoNumbers combiner;
  Blocking blocking(1);
  std::filesystem::remove_all(directory);
  state::RocksStore::Options options(directory, combiner, blocking);
  options.journal_bytes_max = journal;
  options.write_buffer_bytes = buffer;
  const auto resident_before = resident_bytes();
  auto opened = state::RocksStore::open(options);
  if (!opened) {
    fmt::print(stderr, "{}\n", to_string(opened.error()));
    return 1;
  }
  auto& store = **opened;

  double cpu = 0;
  double wall = 0;
  std::size_t rows = 0;
  std::string position;
  const auto warm_up = std::max<std::size_t>(commits / 10, 1);
  std::vector<std::uint64_t> seen(keys);
  for (std::size_t i = 0; i < commits + warm_up; ++i) {
    state::Commit commit;
    commit.pipeline = "bench";
    commit.stream = "bench";
    if (i == 0) {
      commit.discovered.emplace_back("shard", stream::ShardPosition());
    }
    auto next = std::to_string(i + 1);
    state::ShardAdvance advance;
    advance.shard = "shard";
    advance.from = stream::SequenceNumber(position);
    advance.to = stream::SequenceNumber(next);
    position = std::move(next);
    commit.advances.push_back(std::move(advance));
    for (std::size_t record = 0; record < records; ++record) {
      const auto key = zipf.draw(random);
      if (seen[key] != i + 1) {
        seen[key] = i + 1;
        commit.rows.push_back({names[key], delta});
      }
    }
    const auto cpu_before = cpu_seconds();
    const auto wall_before = system_clock().elapsed();
    const auto done = run<void>(store.commit(commit));
    if (!done) {
      fmt::print(stderr, "{}\n", to_string(done.error()));
      return 1;
    }
    if (i >= warm_up) {
      cpu += cpu_seconds() - cpu_before;
      wall += std::chrono::duration<double>(system_clock().elapsed() - wall_before).count();
      rows += commit.rows.size();
    }
  }
  fmt::print(
      "keys {:>8}  rows/commit {:>6}  journal {:>3} MiB  buffer {:>3} MiB  cpu {:6.3f} us/row  wall {:6.3f} us/row  "
      "{:6.1f} ns/record  rss +{:.0f} MB\n",
      keys, rows / commits, journal >> 20U, buffer >> 20U, cpu / static_cast<double>(rows) * 1e6,
      wall / static_cast<double>(rows) * 1e6, cpu / static_cast<double>(commits * records) * 1e9,
      (static_cast<double>(resident_bytes()) - static_cast<double>(resident_before)) * 1e-6);
  opened->reset();
  std::filesystem::remove_all(directory);
}
