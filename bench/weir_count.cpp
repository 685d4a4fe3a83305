// The same stream as bench_limit's, the way a program reads it with Weir: a worker on one thread, JSON to a
// struct, a count by key, committed to RocksDB every 100,000 records or second. Prints the same line. With
// --idle-seconds it reads a stream that has nothing, for that long, and prints what that costs. With --memory it
// prints how much memory it had after a quarter of the records, at the end, and at most.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/describe/class.hpp>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "weir/weir.hpp"

namespace {

struct View {
  std::string_view user;
  int millis = 0;
};
BOOST_DESCRIBE_STRUCT(View, (), (user, millis))

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_mb() {
  std::size_t pages = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) * 1e-6;
}

/// Stops an idle worker and prints what it cost, its beginning (listing, opening every shard) left out.
class IdleMeter {
 public:
  explicit IdleMeter(int seconds) {
    if (seconds > 0) {
      thread_ = std::jthread([this, seconds](const std::stop_token& ended) { measure(seconds, ended); });
    }
  }
  std::stop_token stop() { return stop_.get_token(); }

 private:
  static constexpr int beginning_seconds = 5;

  void measure(int seconds, const std::stop_token& ended) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_for(lock, ended, std::chrono::seconds(beginning_seconds), [] { return false; });
    const auto before = cpu_seconds();
    never.wait_for(lock, ended, std::chrono::seconds(seconds), [] { return false; });
    if (!ended.stop_requested()) {
      fmt::print("idle rss_mb {:.1f} cpu_percent {:.1f}\n", resident_mb(), (cpu_seconds() - before) / seconds * 100);
    }
    stop_.request_stop();
  }

  std::stop_source stop_;
  std::jthread thread_;
};

/// How the memory went with the records.
struct MemoryMeter {
  struct Sample {
    std::uint64_t records = 0;
    double mb = 0;
  };
  std::vector<Sample> samples;

  void take(std::span<const weir::process::Board* const> boards) {
    samples.push_back({boards.front()->totals().records, resident_mb()});
  }
  void print() const {
    if (samples.empty()) {
      return;
    }
    const auto quarter = std::ranges::find_if(
        samples, [all = samples.back().records](const Sample& sample) { return sample.records >= all / 4; });
    const auto most = std::ranges::max_element(samples, {}, &Sample::mb);
    fmt::print("memory quarter_mb {:.0f} end_mb {:.0f} most_mb {:.0f}\n", quarter->mb, samples.back().mb, most->mb);
  }
};

weir::Result<weir::worker::Report> run(const std::string& endpoint, const std::string& state, int idle_seconds,
                                       MemoryMeter* memory) {
  weir::aws::SettingsOptions where;
  where.endpoint = endpoint;
  WEIR_TRY(const auto settings, weir::aws::resolve_settings(where));
  const auto client = weir::aws::KinesisClient::connect(settings, weir::system_clock());
  weir::kinesis::ReaderConfig config;
  config.client = client.get();
  config.stream_name = "replay";
  config.starting_position = weir::kinesis::StartingPosition::trim_horizon;
  config.keep_quotas = false;  // the replay server has none
  WEIR_TRY(const auto source, weir::kinesis::StreamSource::make(config));
  const auto views = weir::pipeline<View>("views").key(&View::user).keep("views", weir::count());
  weir::worker::Options options;
  options.state = state;
  options.until_caught_up = idle_seconds == 0;
  IdleMeter idle(idle_seconds);
  options.stop = idle.stop();
  if (memory != nullptr) {
    options.watch = [memory](std::span<const weir::process::Board* const> boards) { memory->take(boards); };
    options.watch_interval = std::chrono::milliseconds(200);
  }
  options.log = [](weir::LogLevel level, std::string_view line) {
    if (level >= weir::LogLevel::warning) {
      fmt::print(stderr, "{}\n", line);
    }
  };
  return weir::worker::run(*source, views, options);
}

}  // namespace

int main(int argc, char** argv) {
  std::string endpoint;
  std::string state;
  CLI::App app("Counts a replayed stream by key with Weir");
  app.add_option("--endpoint", endpoint)->required();
  app.add_option("--state", state, "a directory that does not exist yet")->required();
  int idle_seconds = 0;
  app.add_option("--idle-seconds", idle_seconds);
  bool measures_memory = false;
  app.add_flag("--memory", measures_memory);
  CLI11_PARSE(app, argc, argv);
  MemoryMeter memory;
  const auto report = run(endpoint, state, idle_seconds, measures_memory ? &memory : nullptr);
  if (!report) {
    fmt::print(stderr, "{}\n", to_string(report.error()));
    return 1;
  }
  if (idle_seconds > 0) {
    return 0;
  }
  const auto records = report->totals.records;
  if (records == 0 || report->totals.dead_letters != 0) {
    fmt::print(stderr, "{} records, {} dead letters\n", records, report->totals.dead_letters);
    return 1;
  }
  memory.print();
  fmt::print("records {} commits {} cpu_ns_per_record {:.1f}\n", records, report->totals.commits,
             cpu_seconds() * 1e9 / static_cast<double>(records));
}
