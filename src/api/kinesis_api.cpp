#include "weir/api/kinesis_api.hpp"

namespace weir::api {

std::string_view to_string(StreamStatus status) noexcept {
  switch (status) {
    case StreamStatus::creating:
      return "CREATING";
    case StreamStatus::deleting:
      return "DELETING";
    case StreamStatus::active:
      return "ACTIVE";
    case StreamStatus::updating:
      return "UPDATING";
  }
  return "ACTIVE";
}

std::string_view to_string(IteratorType type) noexcept {
  switch (type) {
    case IteratorType::at_sequence_number:
      return "AT_SEQUENCE_NUMBER";
    case IteratorType::after_sequence_number:
      return "AFTER_SEQUENCE_NUMBER";
    case IteratorType::at_timestamp:
      return "AT_TIMESTAMP";
    case IteratorType::trim_horizon:
      return "TRIM_HORIZON";
    case IteratorType::latest:
      return "LATEST";
  }
  return "TRIM_HORIZON";
}

}  // namespace weir::api
