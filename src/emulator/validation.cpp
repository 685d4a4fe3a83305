#include "emulator/validation.hpp"

#include <algorithm>
#include <string>

#include "emulator/errors.hpp"
#include "emulator/hash_key.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::emulator {
namespace {

constexpr std::size_t name_chars_max = 128;  // stream names and shard ids (service model)
constexpr std::size_t key_chars_max = 256;   // partition keys, in Unicode characters (service model)
constexpr std::size_t hash_key_digits_max = 39;

Result<void> check_name(const std::string& member, std::string_view name) {
  if (name.empty()) {
    return validation_error(member, "have length greater than or equal to 1");
  }
  if (name.size() > name_chars_max) {
    return validation_error(member, "have length less than or equal to " + std::to_string(name_chars_max));
  }
  const bool matches = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
  if (!matches) {
    return validation_error(member, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
  }
  return {};
}

}  // namespace

Result<void> check_stream_name(std::string_view name) { return check_name("streamName", name); }

Result<void> check_shard_id(std::string_view member, std::string_view id) {
  return check_name(std::string(member), id);
}

Result<void> check_hash_key(std::string_view member, std::string_view key) {
  const bool digits = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (key.front() == '0' && key.size() > 1)) {
    return validation_error(std::string(member), "satisfy regular expression pattern: 0|([1-9]\\d{0,38})");
  }
  if (key.size() > hash_key_digits_max || !parse_hash_key(key)) {
    return invalid_argument("Invalid " + std::string(member) + ". It must be in the range: [0, 2^128-1].");
  }
  return {};
}

Result<void> check_entry(std::string_view member, const api::PutRecordsEntry& entry, std::size_t record_bytes_max) {
  const auto named = [&](std::string_view name) { return std::string(member).append(name); };
  if (entry.partition_key.empty()) {
    return validation_error(named("partitionKey"), "have length greater than or equal to 1");
  }
  if (!wire::is_utf8(entry.partition_key)) {
    return service_error("SerializationException", "The value of " + named("PartitionKey") + " is not UTF-8.");
  }
  // No more bytes than that cannot be more characters.
  if (entry.partition_key.size() > key_chars_max && wire::utf8_length(entry.partition_key) > key_chars_max) {
    return validation_error(named("partitionKey"),
                            "have length less than or equal to " + std::to_string(key_chars_max));
  }
  if (!entry.explicit_hash_key.empty()) {
    WEIR_CHECK(check_hash_key(named("ExplicitHashKey"), entry.explicit_hash_key));
  }
  if (entry.data.size() + entry.partition_key.size() > record_bytes_max) {
    return validation_error(named("data"), "have length less than or equal to " + std::to_string(record_bytes_max) +
                                               " with its partition key");
  }
  return {};
}

Result<StreamName> stream_name_of(const api::StreamRef& ref, std::string_view region, std::string_view account) {
  if (ref.arn.empty()) {
    if (ref.name.empty()) {
      return invalid_argument("Either StreamName or StreamARN should be provided.");
    }
    WEIR_CHECK(check_stream_name(ref.name));
    return StreamName{ref.name};
  }
  const std::string prefix =
      std::string("arn:aws:kinesis:").append(region).append(":").append(account).append(":stream/");
  const std::string_view arn = ref.arn;
  if (!arn.starts_with("arn:")) {
    return validation_error("streamARN", "satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/.+");
  }
  if (!arn.starts_with(prefix)) {
    return not_found("Stream arn " + ref.arn + " not found: this endpoint's begin with " + prefix + ".");
  }
  const std::string_view name = arn.substr(prefix.size());
  WEIR_CHECK(check_stream_name(name));
  if (!ref.name.empty() && ref.name != name) {
    return invalid_argument("StreamARN and StreamName name different streams.");
  }
  return StreamName{name};
}

}  // namespace weir::emulator
