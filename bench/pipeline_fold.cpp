// What a record costs from its bytes to its row's slots: extraction, key, table; and what a commit's encoding
// and combining cost per row. 10,000 keys, Zipf 1.0, as in the whole-path bench.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <boost/describe/class.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/deltas.hpp"
#include "tests/support/kpl.hpp"
#include "weir/base/random.hpp"
#include "weir/pipeline/file.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/stream/unpack.hpp"

namespace {

using namespace weir;

constexpr std::size_t keys = 10'000;
constexpr std::size_t records = 100'000;

struct Click {
  std::string_view user;
  int millis = 0;
};
BOOST_DESCRIBE_STRUCT(Click, (), (user, millis))

std::vector<std::size_t> zipf() {
  std::vector<double> cumulative;
  double sum = 0;
  for (std::size_t i = 1; i <= keys; ++i) {
    sum += 1.0 / static_cast<double>(i);
    cumulative.push_back(sum);
  }
  Random random(1);
  std::vector<std::size_t> drawn;
  for (std::size_t i = 0; i < records; ++i) {
    const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), random.unit() * sum);
    drawn.push_back(std::min<std::size_t>(static_cast<std::size_t>(at - cumulative.begin()), keys - 1));
  }
  return drawn;
}

struct Data {
  std::vector<std::string> texts;
  std::vector<stream::RawRecord> records;
  Data() {
    Random random(2);
    for (const auto key : zipf()) {
      texts.push_back(
          R"j({"id":"829301827465","time":"2026-11-24T06:05:30.123Z","user":"user-)j" + std::to_string(key) +
          R"j(","session":"0d4f8e12-77aa-4b1e-9d0c-829301827465","page":"/products/12345","referrer":)j"
          R"j("https://example.com/search?q=12345","agent":"Mozilla/5.0 X11 Linux x86_64","status":200,)j"
          R"j("bytes":12345,"millis":)j" +
          std::to_string(random.below(5000)) + R"j(,"cached":false,"geo":{"country":"US","zip":"12345"}})j");
      texts.back().append(stream::padding_bytes, ' ');
    }
    for (const auto& text : texts) {
      stream::RawRecord record;
      record.data = std::string_view(text).substr(0, text.size() - stream::padding_bytes);
      records.push_back(record);
    }
  }
};

void run(benchmark::State& state, const pipelines::Pipeline& pipeline) {
  static const Data data;
  const auto folder = pipeline.make_folder();
  const auto deltas = folder->make_deltas();
  std::vector<pipelines::Failure> failures;
  for (auto _ : state) {
    folder->fold(data.records, *deltas, failures);
    deltas->clear();
  }
  if (!failures.empty()) {
    state.SkipWithError("records failed");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records));
}

void typed_count(benchmark::State& state) {
  const Result<pipelines::PipelinePtr> p = pipeline<Click>("p").key(&Click::user).keep("n", count());
  run(state, **p);
}
BENCHMARK(typed_count)->Unit(benchmark::kMillisecond);

void typed_count_mean_max(benchmark::State& state) {
  const Result<pipelines::PipelinePtr> p = pipeline<Click>("p")
                                               .key(&Click::user)
                                               .keep("n", count())
                                               .keep("mean", mean(&Click::millis))
                                               .keep("max", weir::max(&Click::millis));
  run(state, **p);
}
BENCHMARK(typed_count_mean_max)->Unit(benchmark::kMillisecond);

void file_count_mean_max(benchmark::State& state) {
  const auto file = pipelines::parse_file(
      "{name: p, source: {stream: s}, key: user, aggregates: {n: count, mean: {mean: millis}, max: {max: millis}}}",
      "f.yaml");
  run(state, *file->pipeline);
}
BENCHMARK(file_count_mean_max)->Unit(benchmark::kMillisecond);

/// The same payloads, a hundred to a record as the producer library packs them: what taking them apart costs for each.
/// `filtered`: by a shard's range, which needs the hash of each key.
void unpack(benchmark::State& state) {
  constexpr std::size_t per_record = 100;
  static const Data data;
  std::vector<std::string> aggregates;
  for (std::size_t i = 0; i < data.records.size(); i += per_record) {
    std::vector<weir::testing::KplRecord> users;
    for (std::size_t j = i; j < i + per_record; ++j) {
      users.push_back({std::string(data.records[j].data), "user-" + std::to_string(j % keys), {}});
    }
    aggregates.push_back(weir::testing::kpl_aggregate(users));
  }
  std::optional<stream::HashRange> range;
  if (state.range(0) != 0) {
    range = stream::HashRange{1, ~stream::HashKey{0}};
  }
  stream::Unpacker unpacker;
  std::size_t unpacked = 0;
  for (auto _ : state) {
    for (const auto& aggregate : aggregates) {
      unpacker.open(aggregate, range);
      for (stream::UserRecord user; unpacker.next(user);) {
        benchmark::DoNotOptimize(user);
        ++unpacked;
      }
    }
  }
  if (unpacked != static_cast<std::size_t>(state.iterations()) * records) {
    state.SkipWithError("records are missing");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(unpacked));
}
BENCHMARK(unpack)->ArgName("filtered")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// Only the table: a key's bytes found, its count raised.
void table(benchmark::State& state, std::vector<pipelines::AggregateKind> kinds) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    names.push_back("a" + std::to_string(i));
  }
  const pipelines::RowLayout layout(names, kinds);
  pipelines::RowDeltas deltas(layout);
  std::vector<std::string> texts;
  std::vector<decode::Value> values(kinds.size(), decode::Value::of(decode::Integer{7}));
  for (const auto key : zipf()) {
    texts.push_back(std::string("\0\4", 2) + "user-" + std::to_string(key) + std::string(10, '\0'));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    deltas.add(texts[i], values);
    i = i + 1 == texts.size() ? 0 : i + 1;
  }
}
void table_count(benchmark::State& state) { table(state, {pipelines::AggregateKind::count}); }
BENCHMARK(table_count);
void table_count_mean_max(benchmark::State& state) {
  table(state, {pipelines::AggregateKind::count, pipelines::AggregateKind::mean, pipelines::AggregateKind::max});
}
BENCHMARK(table_count_mean_max);

/// One row each, of three aggregates.
void encode_and_combine(benchmark::State& state) {
  const std::vector<std::string> names{"n", "mean", "max"};
  const std::vector<pipelines::AggregateKind> kinds{pipelines::AggregateKind::count, pipelines::AggregateKind::mean,
                                                    pipelines::AggregateKind::max};
  const pipelines::RowLayout layout(names, kinds);
  pipelines::RowDeltas deltas(layout);
  const std::vector<decode::Value> values(3, decode::Value::of(decode::Integer{7}));
  for (std::size_t i = 0; i < keys; ++i) {
    deltas.add("user-" + std::to_string(i), values);
  }
  const bool combine = state.range(0) != 0;
  std::vector<std::string> rows(keys);
  std::vector<state::RowChange> changes;
  for (auto _ : state) {
    changes.clear();
    deltas.encode(changes);
    for (std::size_t i = 0; combine && i < changes.size(); ++i) {
      pipelines::row_combiner().combine(rows[i], changes[i].delta);
    }
    state.PauseTiming();
    deltas.clear();
    for (std::size_t i = 0; i < keys; ++i) {
      deltas.add("user-" + std::to_string(i), values);
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(keys));
}
BENCHMARK(encode_and_combine)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
