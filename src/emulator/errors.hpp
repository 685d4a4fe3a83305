#pragma once

#include <string>

#include "weir/base/error.hpp"

namespace weir::emulator {

/// An error as the service sends it, with what a client does about it.
Error service_error(std::string code, std::string message);

inline Error invalid_argument(std::string message) {
  return service_error("InvalidArgumentException", std::move(message));
}
inline Error not_found(std::string message) { return service_error("ResourceNotFoundException", std::move(message)); }
inline Error in_use(std::string message) { return service_error("ResourceInUseException", std::move(message)); }
inline Error limit_exceeded(std::string message) { return service_error("LimitExceededException", std::move(message)); }

/// `1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must ...`. The
/// value is left out: it may be a payload.
Error validation_error(const std::string& member, const std::string& constraint);

}  // namespace weir::emulator
