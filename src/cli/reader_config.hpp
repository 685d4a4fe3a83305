#pragma once

#include "cli/connect.hpp"
#include "weir/kinesis/config.hpp"
#include "weir/pipeline/file.hpp"

namespace weir::cli {

/// How to read the stream that a pipeline file names, where it is. `connection` must outlive the source.
kinesis::ReaderConfig reader_config(const pipelines::FileSource& source, const Connection& connection);

}  // namespace weir::cli
