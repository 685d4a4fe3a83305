// Runs seeds of the simulation: many, or one with its history. Ends with 1 when one fails, after saying how to
// repeat it and the shortest schedule found that still fails.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/broken.hpp"
#include "weir/base/clock.hpp"
#include "weir/simulation/simulation.hpp"

namespace {

using namespace weir;

// Seeds run on the memory store; one in so many on RocksDB too.
constexpr std::uint64_t seeds_to_one_on_disk = 20;

struct Failed {
  std::uint64_t seed = 0;
  bool on_disk = false;
};

simulation::Options options_of(std::uint64_t seed, const std::string& broken, bool on_disk) {
  auto options = simulation::word_options(seed);
  options.rocksdb = on_disk;
  simulation::break_it(broken, options);
  return options;
}

void print(const simulation::Outcome& outcome) {
  for (const auto& line : outcome.history) {
    fmt::print("{}\n", line);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t first = 1;
  std::uint64_t count = 1000;
  std::uint64_t one = 0;
  unsigned minutes = 0;
  unsigned threads = 1;
  std::string broken;
  bool rocksdb = false;
  CLI::App app("Runs seeds of the simulation");
  app.add_option("--first", first, "the first seed");
  app.add_option("--seeds", count, "how many");
  app.add_option("--minutes", minutes, "until these have passed, from a seed of the machine on");
  app.add_option("--seed", one, "one seed, with its history");
  app.add_option("--threads", threads);
  app.add_flag("--rocksdb", rocksdb, "every seed on RocksDB too, not one in twenty; with --seed, there alone");
  app.add_option("--broken", broken, "a mistake to make")->check(CLI::IsMember(simulation::broken_variants()));
  CLI11_PARSE(app, argc, argv);
  if (one != 0) {
    const auto options = options_of(one, broken, rocksdb);
    const auto outcome = run(options, simulation::make_schedule(options));
    print(outcome);
    return outcome.problems.empty() ? 0 : 1;
  }
  const auto& clock = system_clock();
  const auto until = clock.elapsed() + std::chrono::minutes(minutes);
  if (minutes > 0) {
    first = Random::from_machine()() % 1'000'000'000;
    count = std::numeric_limits<std::uint64_t>::max() - first;
  }
  std::atomic<std::uint64_t> next = first;
  std::atomic<std::uint64_t> ran = 0, records = 0, starts = 0, crashes = 0, gaps = 0, refusals = 0, steps = 0;
  std::mutex mutex;
  std::vector<Failed> failed;
  const auto run_one = [&](std::uint64_t seed, bool on_disk) {
    const auto options = options_of(seed, broken, on_disk);
    const auto outcome = run(options, simulation::make_schedule(options));
    records += outcome.records;
    starts += outcome.starts;
    crashes += outcome.crashes;
    gaps += outcome.gaps;
    refusals += outcome.refusals;
    steps += outcome.steps;
    if (!outcome.problems.empty()) {
      const std::scoped_lock lock(mutex);
      failed.push_back({seed, on_disk});
      fmt::print("seed {}{}: {}\n", seed, on_disk ? " on RocksDB" : "", outcome.problems.front());
    }
  };
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        for (auto seed = next++; seed < first + count; seed = next++) {
          if (minutes > 0 && clock.elapsed() > until) {
            break;
          }
          ++ran;
          run_one(seed, false);
          if (rocksdb || seed % seeds_to_one_on_disk == 0) {
            run_one(seed, true);
          }
        }
      });
    }
  }
  fmt::print("{} seeds: {} records, {} starts, {} crashes, {} gaps, {} refusals, {} steps; {} failed\n", ran.load(),
             records.load(), starts.load(), crashes.load(), gaps.load(), refusals.load(), steps.load(), failed.size());
  if (failed.empty()) {
    return 0;
  }
  const auto [seed, on_disk] = failed.front();
  const auto options = options_of(seed, broken, on_disk);
  const auto shortest = simulation::shrink(options, simulation::make_schedule(options));
  fmt::print("\nseed {} by itself: {} --seed {}{}{}\nthe shortest schedule that fails:\n", seed, argv[0], seed,
             on_disk ? " --rocksdb" : "", broken.empty() ? "" : " --broken " + broken);
  for (const auto& event : shortest) {
    fmt::print("  {}\n", to_string(event));
  }
  print(run(options, shortest));
  return 1;
}
