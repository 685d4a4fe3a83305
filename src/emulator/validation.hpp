#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/result.hpp"

namespace weir::emulator {

/// Checks that need no stream, in the service's words. Each fails with ValidationException or
/// InvalidArgumentException as the service's model and pages say.
Result<void> check_stream_name(std::string_view name);
Result<void> check_shard_id(std::string_view member, std::string_view id);
Result<void> check_hash_key(std::string_view member, std::string_view key);
/// `member` is "" or "records.3.member.".
Result<void> check_entry(std::string_view member, const api::PutRecordsEntry& entry, std::size_t record_bytes_max);

/// The name an ARN of this account and region ends in; refuses other ARNs.
struct StreamName {
  std::string_view name;
};
Result<StreamName> stream_name_of(const api::StreamRef& ref, std::string_view region, std::string_view account);

}  // namespace weir::emulator
