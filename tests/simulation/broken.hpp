#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/simulation/simulation.hpp"

namespace weir::simulation {

/// The mistakes that a consumer must not make, each put into a working one from outside. The simulation that
/// does not find them proves nothing.
std::vector<std::string> broken_variants();
/// Breaks the consumer of these options; an unknown name leaves it whole.
void break_it(std::string_view variant, Options& options);

/// The pipeline and records of the simulation's own runs.
Options word_options(std::uint64_t seed);

}  // namespace weir::simulation
