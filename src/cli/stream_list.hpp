#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.hpp"

namespace weir::cli {

struct WantedStream {
  std::string name;
  std::uint32_t shards = 1;
};

/// Reads "flights:4,orders": names of streams, each with a number of shards or one. A misuse otherwise.
Result<std::vector<WantedStream>> parse_stream_list(std::string_view text);

}  // namespace weir::cli
