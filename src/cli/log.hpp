#pragma once

#include "cli/console.hpp"
#include "weir/base/log.hpp"

namespace weir::cli {

/// The library's words on the console: warnings and errors; with `verbosity` 1 what happens, with 2
/// everything, each with its time. Quiet: errors alone. `console` must outlive it.
Log console_log(Console& console, int verbosity, bool quiet);

}  // namespace weir::cli
