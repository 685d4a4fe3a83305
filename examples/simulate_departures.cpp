// Does a pipeline keep exact totals whatever happens to its stream and its process? Each seed is another fate: calls
// that fail, shards that split and end, records that are gone, crashes at any moment. One that fails can be run again.
#include <cstdio>
#include <weir/decode/json.hpp>
#include <weir/pipeline/typed.hpp>
#include <weir/simulation/simulation.hpp>

struct Flight {
  std::string_view origin;
  std::optional<std::int64_t> delay;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, delay))

// What the stream may hold; some of it should fail.
std::string payload(weir::Random& random) {
  const char* const origins[] = {"JFK", "LAX", "ORD"};
  const auto delay = random.below(10) == 0 ? std::string("null") : std::to_string(random.below(300));
  return random.below(20) == 0
             ? std::string("{\"origin\":")
             : "{\"origin\":\"" + std::string(origins[random.below(3)]) + "\",\"delay\":" + delay + "}";
}

int main() {
  constexpr std::uint64_t seeds = 200;
  weir::simulation::Options options;
  options.pipeline = weir::pipeline<Flight>("departures")
                         .decode(weir::json_decoder<Flight>())
                         .key(&Flight::origin)
                         .keep("flights", weir::count())
                         .keep("delay", weir::sum(&Flight::delay))
                         .build()
                         .value();
  options.payload = payload;
  std::uint64_t crashes = 0;
  for (options.seed = 1; options.seed <= seeds; ++options.seed) {
    const auto schedule = weir::simulation::make_schedule(options);
    const auto outcome = weir::simulation::run(options, schedule);
    if (!outcome.problems.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.seed), outcome.problems.front().c_str());
      for (const auto& event : weir::simulation::shrink(options, schedule)) {
        std::printf("  %s\n", weir::simulation::to_string(event).c_str());
      }
      return 1;
    }
    crashes += outcome.crashes;
  }
  std::printf("%llu seeds, %llu crashes: all totals exact\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(crashes));
  return 0;
}
