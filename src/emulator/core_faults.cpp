// What a fault does to the streams and to the caller.

#include "emulator/core.hpp"
#include "emulator/errors.hpp"

namespace weir::emulator {
namespace {

bool moves_records(Operation operation) {
  return operation == Operation::put_record || operation == Operation::put_records ||
         operation == Operation::get_shard_iterator || operation == Operation::get_records;
}

// A caller cannot tell whether the call took effect first.
Error closed(std::string when) {
  Error error(Next::retry, "ConnectionClosed", "the connection was closed " + std::move(when));
  error.may_have_taken_effect = true;
  return error;
}

}  // namespace

Faults::Strike Core::begin(Operation operation, const Target& target) {
  ++calls_[static_cast<std::size_t>(operation)];
  return faults_.strike(operation, target.stream, target.shard);
}

Result<void> Core::before(const Fault& fault, Operation operation, const Target& target) {
  switch (fault.kind) {
    case Fault::Kind::throttle:
      if (moves_records(operation)) {
        const std::string shard = target.shard.empty() ? "" : "shard " + target.shard + " in ";
        return service_error(
            "ProvisionedThroughputExceededException",
            "Rate exceeded for " + shard + "stream " + target.stream + " under account " + options_.account_id + ".");
      }
      return limit_exceeded("Rate exceeded for " + std::string(to_string(operation)) + " under account " +
                            options_.account_id + ".");
    case Fault::Kind::internal_failure:
      return service_error("InternalFailure", "The request processing has failed because of a scripted fault.");
    case Fault::Kind::unavailable:
      return service_error("ServiceUnavailable", "The service is unavailable because of a scripted fault.");
    case Fault::Kind::expired_iterator:
      return service_error("ExpiredIteratorException", "Iterator expired because of a scripted fault.");
    case Fault::Kind::cut:
      return closed("before a reply came");
    case Fault::Kind::trim:
      // Where there is no such shard, the call itself says so.
      static_cast<void>(answer_trimmed(target.stream, target.shard, fault.trimmed_answer).ok());
      static_cast<void>(trim(target.stream, target.shard, {}).ok());
      return {};
    case Fault::Kind::made_again:
      static_cast<void>(recreate(target.stream).ok());
      return {};
    case Fault::Kind::lost_reply:
    case Fault::Kind::truncated:
    case Fault::Kind::slow:
    case Fault::Kind::empty_reply:
    case Fault::Kind::failed_entries:
      return {};
  }
  return {};
}

Result<void> Core::after(const Fault& fault) const {
  if (fault.kind == Fault::Kind::lost_reply) {
    return closed("before a reply came");
  }
  if (fault.kind == Fault::Kind::truncated) {
    return closed("in the middle of the reply");
  }
  return {};
}

}  // namespace weir::emulator
