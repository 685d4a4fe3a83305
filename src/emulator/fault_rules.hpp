#pragma once

#include "weir/emulator/faults.hpp"

namespace weir::emulator {

/// Whether a fault of this kind can happen to this call at all.
bool makes_sense(Fault::Kind kind, Operation operation) noexcept;

}  // namespace weir::emulator
