#include "emulator/errors.hpp"

#include <utility>

namespace weir::emulator {

Error service_error(std::string code, std::string message) {
  Error error(Next::refused, std::move(code), std::move(message));
  error.http_status = 400;
  if (error.code == "ProvisionedThroughputExceededException" || error.code == "LimitExceededException") {
    error.next = Next::retry;
    error.throttled = true;
  } else if (error.code == "ExpiredIteratorException" || error.code == "ExpiredNextTokenException") {
    error.next = Next::reopen;
  } else if (error.code == "ResourceInUseException") {
    error.next = Next::conflict;
  } else if (error.code == "InternalFailure") {
    error.next = Next::retry;
    error.http_status = 500;
    error.may_have_taken_effect = true;
  } else if (error.code == "ServiceUnavailable") {
    error.next = Next::retry;
    error.http_status = 503;
    error.may_have_taken_effect = true;
  }
  return error;
}

Error validation_error(const std::string& member, const std::string& constraint) {
  return service_error("ValidationException", "1 validation error detected: Value at '" + member +
                                                  "' failed to satisfy constraint: Member must " + constraint);
}

}  // namespace weir::emulator
