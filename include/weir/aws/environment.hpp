#pragma once

#include <functional>
#include <string>

namespace weir::aws {

/// Looks up an environment variable; empty when it is unset or set to nothing, which AWS' own tools
/// treat alike. A function, so that tests and embedding programs can supply their own.
using Environment = std::function<std::string(const std::string& name)>;

/// This process' variables. Reading them while another thread calls `setenv` is a race of the C library:
/// resolve settings before starting threads.
Environment process_environment();

}  // namespace weir::aws
