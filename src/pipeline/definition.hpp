#pragma once

#include <string>

#include "weir/pipeline/extract.hpp"

namespace weir::pipelines {

/// The canonical text: a line for the decoder, one each for unpacking and decompression where asked for, one for the
/// time, one per roll-up, one per aggregate.
std::string definition_text(const Spec& spec);

}  // namespace weir::pipelines
