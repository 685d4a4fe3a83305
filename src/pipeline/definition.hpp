#pragma once

#include <string>

#include "weir/pipeline/extract.hpp"

namespace weir::pipelines {

/// The canonical text: a line for the decoder, one each for unpacking and decompression where asked for, one for the
/// time, one per roll-up, one per aggregate; of a handler, which has neither, `handler`.
std::string definition_text(const Spec& spec);

/// Whether the pipeline's own name is one.
Result<void> check_name(const Spec& spec);

}  // namespace weir::pipelines
