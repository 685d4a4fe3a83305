// A time as payloads tell it is refused, or is printed as RFC 3339 and read again as the same one.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "weir/decode/event_time.hpp"

namespace {

using namespace weir;

void check(const Result<Timestamp>& time) {
  if (!time) {
    return;
  }
  const auto again = decode::parse_event_time(to_string(*time));
  if (!again || *again != *time) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(decode::parse_event_time(std::string_view(reinterpret_cast<const char*>(data), size)));
  decode::Value value;
  if (size == sizeof(double)) {
    value.kind = decode::Value::Kind::real;
    std::memcpy(&value.real, data, sizeof(double));
    check(decode::parse_event_time(value));
    std::int64_t whole = 0;
    std::memcpy(&whole, data, sizeof(whole));
    value.kind = decode::Value::Kind::integer;
    value.integer = whole;
    check(decode::parse_event_time(value));
  }
  return 0;
}
