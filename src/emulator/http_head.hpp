#pragma once

#include <string>

#include "emulator/protocol.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"

namespace weir::emulator {

/// Replaces `out` with the head of an HTTP reply: status, request ids, date, type and length of the body.
void write_http_head(std::string& out, const Answer& answer, Timestamp now, Random& ids, bool keep_alive);

}  // namespace weir::emulator
