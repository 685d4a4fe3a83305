// A struct of two members from a JSON record of about 330 bytes and 12 members: what a record's decoding
// costs, beside the same by hand with simdjson's on-demand interface (which checks less: it stops at the
// members it wants, takes unescaped strings from its own buffer, and leaves the rest unread).

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <boost/describe/class.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/random.hpp"
#include "weir/decode/fields.hpp"
#include "weir/decode/json.hpp"
#include "weir/stream/record.hpp"

namespace {

struct Click {
  std::string_view user;
  int millis = 0;
};
BOOST_DESCRIBE_STRUCT(Click, (), (user, millis))

/// 1,000 payloads, each followed by its padding.
class Payloads {
 public:
  Payloads() {
    weir::Random random(1);
    for (int i = 0; i < 1000; ++i) {
      const auto number = [&](std::uint64_t bound) { return std::to_string(random.below(bound)); };
      texts_.push_back(R"({"id":")" + number(1'000'000'000'000) +
                       R"(","time":"2026-11-24T06:05:30.123Z","user":"user-)" + number(10'000) +
                       R"(","session":"0d4f8e12-77aa-4b1e-9d0c-)" + number(1'000'000'000'000) +
                       R"(","page":"/products/)" + number(100'000) + R"(","referrer":"https://example.com/search?q=)" +
                       number(100'000) + R"(","agent":"Mozilla/5.0 X11 Linux x86_64","status":200,"bytes":)" +
                       number(100'000) + R"(,"millis":)" + number(5'000) +
                       R"(,"cached":false,"geo":{"country":"US","zip":")" + number(100'000) + R"("}})");
      sizes_.push_back(texts_.back().size());
      texts_.back().append(weir::stream::padding_bytes, '\0');
    }
  }
  std::string_view next() {
    i_ = i_ + 1 == texts_.size() ? 0 : i_ + 1;
    return {texts_[i_].data(), sizes_[i_]};
  }

 private:
  std::vector<std::string> texts_;
  std::vector<std::size_t> sizes_;
  std::size_t i_ = 0;
};

void described(benchmark::State& state) {
  Payloads payloads;
  weir::decode::Scratch scratch;
  const auto decoder = weir::json_decoder<Click>();
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto payload = payloads.next();
    auto click = decoder(payload, scratch);
    benchmark::DoNotOptimize(click);
    bytes += payload.size();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(described);

void described_any_bytes(benchmark::State& state) {
  Payloads payloads;
  const auto decoder = weir::json_decoder<Click>();
  for (auto _ : state) {
    auto click = decoder(payloads.next());
    benchmark::DoNotOptimize(click);
  }
}
BENCHMARK(described_any_bytes);

void fields_by_path(benchmark::State& state) {
  Payloads payloads;
  weir::decode::Scratch scratch;
  const auto fields = weir::decode::Fields::of({"user", "millis"}).value();
  weir::decode::Value values[2];
  for (auto _ : state) {
    benchmark::DoNotOptimize(fields.read(payloads.next(), scratch, values));
    benchmark::DoNotOptimize(values);
  }
}
BENCHMARK(fields_by_path);

void index_alone(benchmark::State& state) {
  Payloads payloads;
  weir::decode::Scratch scratch;
  for (auto _ : state) {
    auto cursor = scratch.open(payloads.next());
    benchmark::DoNotOptimize(cursor);
  }
}
BENCHMARK(index_alone);

void on_demand_by_hand(benchmark::State& state) {
  Payloads payloads;
  simdjson::ondemand::parser parser;
  for (auto _ : state) {
    const auto payload = payloads.next();
    auto document = parser.iterate(payload.data(), payload.size(), payload.size() + weir::stream::padding_bytes);
    Click click;
    std::int64_t millis = 0;
    if (document["user"].get_string().get(click.user) != simdjson::SUCCESS ||
        document["millis"].get_int64().get(millis) != simdjson::SUCCESS) {
      state.SkipWithError("the record does not parse");
      break;
    }
    click.millis = static_cast<int>(millis);
    benchmark::DoNotOptimize(click);
  }
}
BENCHMARK(on_demand_by_hand);

}  // namespace
