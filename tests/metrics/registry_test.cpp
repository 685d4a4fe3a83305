#include "weir/metrics/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace weir::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Registry, WritesThePrometheusText) {
  Registry registry;
  registry.counter("weir_records_total", "Records read.", {{"shard", "s-1"}, {"pipeline", "p"}}).add(41);
  registry.counter("weir_records_total", "Records read.", {{"pipeline", "p"}, {"shard", "s-1"}}).add();
  registry.counter("weir_records_total", "Records read.", {{"pipeline", "p"}, {"shard", "s-2"}});
  registry.gauge("weir_behind_seconds", "Distance to the newest record.").set(1.5);
  const auto text = registry.text();
  EXPECT_THAT(text, HasSubstr("# HELP weir_records_total Records read.\n# TYPE weir_records_total counter\n"
                              "weir_records_total{pipeline=\"p\",shard=\"s-1\"} 42\n"
                              "weir_records_total{pipeline=\"p\",shard=\"s-2\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE weir_behind_seconds gauge\nweir_behind_seconds 1.5\n"));
}

// A bucket holds values up to and including its bound; the text counts them up.
TEST(Registry, WritesHistograms) {
  Registry registry;
  auto& histogram = registry.histogram("weir_commit_seconds", "Commits.", {0.1, 1});
  for (const double value : {0.1, 0.05, 0.5, 7.0}) {
    histogram.observe(value);
  }
  const auto text = registry.text();
  EXPECT_THAT(text, HasSubstr("weir_commit_seconds_count 4\n"));
  EXPECT_THAT(text, HasSubstr("weir_commit_seconds_bucket{le=\"0.1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_commit_seconds_bucket{le=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("weir_commit_seconds_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_DOUBLE_EQ(histogram.sum(), 7.65);
}

// Stream names and error texts come from outside: they must not be able to break the lines apart.
TEST(Registry, EscapesLabelValues) {
  Registry registry;
  registry.counter("a_total", "A.", {{"stream", "x\"\\\ny"}}).add();
  EXPECT_THAT(registry.text(), HasSubstr(R"(a_total{stream="x\"\\\ny"} 1)"));
}

// Owners keep the reference for years: it must not move when others are made.
TEST(Registry, KeepsMetricsWhereTheyAre) {
  Registry registry;
  auto& first = registry.counter("a_total", "A.", {{"n", "0"}});
  for (int i = 1; i < 1000; ++i) {
    registry.counter("a_total", "A.", {{"n", std::to_string(i)}});
  }
  EXPECT_EQ(&registry.counter("a_total", "A.", {{"n", "0"}}), &first);
}

// A mistake in a name must neither end a worker nor spoil what is scraped: it is told as a figure.
TEST(Registry, ShowsNoNamesThatPrometheusDoesNotRead) {
  Registry registry;
  registry.counter("a b", "A.").add(1);
  registry.counter("", "A.").add(1);
  registry.counter("a", "A.", {{"b-c", "x"}}).add(1);
  registry.counter("a", "A.", {{"b", "x"}, {"b", "y"}}).add(1);
  registry.histogram("a", "A.", {1, 1}).observe(1);
  registry.counter("a", "A.").add(7);
  registry.gauge("a", "A.").set(5);
  const auto text = registry.text();
  EXPECT_THAT(text, HasSubstr("\na 7\n"));
  EXPECT_THAT(text, HasSubstr("weir_metrics_not_shown 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("a 5")));
  EXPECT_THAT(text, Not(HasSubstr("b-c")));
}

// Label values that never end (one per key, say) must not take all memory; the user is told.
TEST(Registry, LimitsTheNumberOfMetrics) {
  Registry registry;
  for (std::size_t i = 0; i < Registry::metrics_max; ++i) {
    registry.counter("a_total", "A.", {{"n", std::to_string(i)}});
  }
  EXPECT_THAT(registry.text(), Not(HasSubstr("weir_metrics_not_shown")));
  registry.counter("a_total", "A.", {{"n", "one more"}}).add();
  registry.gauge("b", "B.").set(1);
  registry.histogram("c", "C.", {1}).observe(1);
  registry.counter("a_total", "A.", {{"n", "0"}}).add();
  const auto text = registry.text();
  EXPECT_THAT(text, Not(HasSubstr("one more")));
  EXPECT_THAT(text, HasSubstr("weir_metrics_not_shown 3\n"));
  EXPECT_THAT(text, HasSubstr("a_total{n=\"0\"} 1\n"));
}

// Loops count while the text is written and while other loops make metrics; no count may be lost.
TEST(Registry, CountsFromSeveralThreads) {
  constexpr int threads_count = 4;
  constexpr int rounds = 2000;
  Registry registry;
  auto& shared = registry.counter("shared_total", "S.");
  auto& histogram = registry.histogram("h", "H.", {0.5});
  std::vector<std::thread> threads;
  for (int t = 0; t < threads_count; ++t) {
    threads.emplace_back([&, t] {
      auto& gauge = registry.gauge("g", "G.");
      for (int i = 0; i < rounds; ++i) {
        shared.add();
        gauge.add(1);
        histogram.observe(i % 2);
        if (i % 500 == 0) {
          registry.counter("own_total", "O.", {{"t", std::to_string(t)}, {"i", std::to_string(i)}}).add();
          EXPECT_FALSE(registry.text().empty());
        }
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(shared.value(), std::uint64_t{threads_count} * rounds);
  EXPECT_EQ(registry.gauge("g", "G.").value(), threads_count * rounds);
  EXPECT_EQ(histogram.count(0) + histogram.count(1), std::uint64_t{threads_count} * rounds);
}

}  // namespace
}  // namespace weir::metrics
