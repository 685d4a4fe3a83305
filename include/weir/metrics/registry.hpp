#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::metrics {

/// Counts what only grows. Any thread may add; an add is one relaxed atomic operation.
class alignas(64) Counter {  // a cache line each: threads that count different things do not slow each other
 public:
  void add(std::uint64_t count = 1) noexcept { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A value that goes up and down. Any thread may set it.
class alignas(64) Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double change) noexcept { value_.fetch_add(change, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// How values are distributed over fixed buckets, each up to and including its bound, and one above all.
/// Any thread may observe.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value) noexcept;
  const std::vector<double>& bounds() const noexcept { return bounds_; }
  /// Values in the bucket of `bounds()[index]`; `bounds().size()` asks for those above all bounds.
  std::uint64_t count(std::size_t index) const noexcept { return counts_[index].load(std::memory_order_relaxed); }
  double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

/// `{{"shard", "shardId-000000000000"}}`; their order does not matter.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Everything one program measures, and its Prometheus text. Owns the metrics: what it returns stays where
/// it is as long as the registry lives, so owners ask once and keep the reference. Asking again for the same
/// name and labels returns the same metric. Any thread may call it; none of this is for a record's path.
class Registry {
 public:
  /// Metrics of all names and labels together. Beyond it a metric still counts but is not shown; it is
  /// shared, and `weir_metrics_not_shown` says how many were asked for.
  static constexpr std::size_t metrics_max = 50'000;

  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// A name or label that Prometheus does not allow, and a name that was used for another kind of metric, are
  /// mistakes of the program's: such a metric counts but is not shown, like one beyond the limit.
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  /// The bounds grow; those given first for a name hold for all its labels.
  Histogram& histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                       Labels labels = {});

  /// The Prometheus text exposition format, version 0.0.4.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::metrics
