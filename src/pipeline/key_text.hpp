#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/pipeline/extract.hpp"

namespace weir::pipelines {

/// See Pipeline::row_keys.
Result<std::vector<std::string>> row_keys_of(std::string_view text, const Spec& spec);

}  // namespace weir::pipelines
