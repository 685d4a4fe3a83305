#pragma once

#include <memory>

#include "weir/pipeline/extract.hpp"

namespace weir::pipelines {

/// Reads a Spec's fields from payloads by name: what stands behind pipeline files.
Result<PipelinePtr> make_field_pipeline(Spec spec);

}  // namespace weir::pipelines
