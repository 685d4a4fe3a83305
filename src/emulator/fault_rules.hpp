#pragma once

#include "weir/emulator/faults.hpp"

namespace weir::emulator {

/// Whether a fault of this kind can happen to this call at all.
bool makes_sense(Fault::Kind kind, Operation operation) noexcept;

/// Whether calls of this operation name a stream, or one shard: only such can be chosen by it.
bool names_stream(Operation operation) noexcept;
bool names_shard(Operation operation) noexcept;

}  // namespace weir::emulator
