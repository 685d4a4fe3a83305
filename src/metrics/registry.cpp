#include "weir/metrics/registry.hpp"

#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <locale>
#include <map>
#include <mutex>
#include <sstream>
#include <type_traits>
#include <variant>

namespace weir::metrics {
namespace {

using Metric = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

struct Family {
  std::string help;
  std::size_t kind = 0;        // the Metric's index
  std::vector<double> bounds;  // a histogram's
  std::map<Labels, Metric> metrics;
};

constexpr prometheus::MetricType types[] = {prometheus::MetricType::Counter, prometheus::MetricType::Gauge,
                                            prometheus::MetricType::Histogram};

void show(const Counter& counter, prometheus::ClientMetric& shown) {
  shown.counter.value = static_cast<double>(counter.value());
}
void show(const Gauge& gauge, prometheus::ClientMetric& shown) { shown.gauge.value = gauge.value(); }
void show(const Histogram& histogram, prometheus::ClientMetric& shown) {
  // Others go on observing meanwhile: the total is taken from the buckets, so that the two agree.
  std::uint64_t count = 0;
  const auto& bounds = histogram.bounds();
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    count += histogram.count(i);
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    shown.histogram.bucket.push_back({count, bound});
  }
  shown.histogram.sample_count = count;
  shown.histogram.sample_sum = histogram.sum();
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1)) {}

void Histogram::observe(double value) noexcept {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<std::size_t>(bound - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

struct Registry::State {
  mutable std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
  std::size_t metrics = 0;
  std::uint64_t not_shown = 0;
  // What those beyond the limit share.
  Counter spare_counter;
  Gauge spare_gauge;
  Histogram spare_histogram{{}};

  // Null: not to be shown.
  template <class T>
  T* find(std::string_view name, std::string_view help, Labels& labels, const std::vector<double>& bounds) {
    constexpr std::size_t kind = std::is_same_v<T, Counter> ? 0 : std::is_same_v<T, Gauge> ? 1 : 2;
    std::sort(labels.begin(), labels.end());
    auto family = families.find(name);
    const bool other_kind = family != families.end() && family->second.kind != kind;
    if (family != families.end() && !other_kind) {
      const auto known = family->second.metrics.find(labels);
      if (known != family->second.metrics.end()) {
        return std::get<kind>(known->second).get();
      }
    }
    if (other_kind || metrics == metrics_max || !can_be_shown(name, labels, bounds)) {
      ++not_shown;
      return nullptr;
    }
    if (family == families.end()) {
      family = families.emplace(std::string(name), Family{std::string(help), kind, bounds, {}}).first;
    }
    std::unique_ptr<T> metric;
    if constexpr (std::is_same_v<T, Histogram>) {
      metric = std::make_unique<T>(family->second.bounds);
    } else {
      metric = std::make_unique<T>();
    }
    T* made = metric.get();
    family->second.metrics.emplace(std::move(labels), std::move(metric));
    ++metrics;
    return made;
  }

  static bool can_be_shown(std::string_view name, const Labels& labels, const std::vector<double>& bounds) {
    const auto same_name = [](const auto& left, const auto& right) { return left.first == right.first; };
    const auto is_bad = [](const auto& label) { return !prometheus::CheckLabelName(label.first); };
    return prometheus::CheckMetricName(std::string(name)) && std::ranges::none_of(labels, is_bad) &&
           std::ranges::adjacent_find(labels, same_name) == labels.end() &&
           std::ranges::adjacent_find(bounds, std::ranges::greater_equal()) == bounds.end();
  }
};

Registry::Registry() : state_(std::make_unique<State>()) {}
Registry::~Registry() = default;

Counter& Registry::counter(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(state_->mutex);
  auto* counter = state_->find<Counter>(name, help, labels, {});
  return counter != nullptr ? *counter : state_->spare_counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(state_->mutex);
  auto* gauge = state_->find<Gauge>(name, help, labels, {});
  return gauge != nullptr ? *gauge : state_->spare_gauge;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                               Labels labels) {
  const std::scoped_lock lock(state_->mutex);
  auto* histogram = state_->find<Histogram>(name, help, labels, bounds);
  return histogram != nullptr ? *histogram : state_->spare_histogram;
}

std::string Registry::text() const {
  std::vector<prometheus::MetricFamily> families;
  {
    const std::scoped_lock lock(state_->mutex);
    families.reserve(state_->families.size() + 1);
    for (const auto& [name, family] : state_->families) {
      auto& shown = families.emplace_back();
      shown.name = name;
      shown.help = family.help;
      shown.type = types[family.kind];
      for (const auto& [labels, metric] : family.metrics) {
        auto& line = shown.metric.emplace_back();
        for (const auto& [label, value] : labels) {
          line.label.push_back({label, value});
        }
        std::visit([&line](const auto& held) { show(*held, line); }, metric);
      }
    }
    if (state_->not_shown > 0) {
      auto& shown = families.emplace_back();
      shown.name = "weir_metrics_not_shown";
      shown.help = "Metrics asked for beyond the limit of the registry.";
      shown.type = prometheus::MetricType::Counter;
      shown.metric.emplace_back().counter.value = static_cast<double>(state_->not_shown);
    }
  }
  std::ostringstream out;
  out.imbue(std::locale::classic());
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace weir::metrics
