#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weir/decode/json.hpp"
#include "weir/pipeline/typed.hpp"
#include "weir/worker/worker.hpp"

namespace weir::scenario {

/// The records of the crash tests: {"word":"w12","number":-3}.
struct Counted {
  std::string_view word;
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(Counted, (), (word, number))

inline std::shared_ptr<const pipelines::Pipeline> counted_pipeline() {
  return weir::pipeline<Counted>("counted")
      .key(&Counted::word)
      .keep("count", weir::count())
      .keep("sum", weir::sum(&Counted::number))
      .keep("least", weir::min(&Counted::number))
      .keep("most", weir::max(&Counted::number))
      .build()
      .value();
}

/// Commits so often that a kill at any moment falls into one, or between two.
inline worker::Options hasty_options(const std::string& state, std::uint32_t threads) {
  worker::Options options;
  options.state = state;
  options.threads = threads;
  options.limits.records_max = 100;
  options.limits.age_max = std::chrono::milliseconds(2);
  return options;
}

}  // namespace weir::scenario
