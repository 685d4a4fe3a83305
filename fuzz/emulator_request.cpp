// The endpoint answers whoever can reach its port. The first byte picks the operation, the second the format,
// the rest is the body: every request gets an answer of its own format, and an error is the client's.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "emulator/core.hpp"
#include "emulator/protocol.hpp"
#include "weir/wire/document.hpp"

namespace {

using namespace weir;
using namespace weir::emulator;

/// Time stands still, so that an input does the same each time.
class StoppedClock : public Clock {
 public:
  Timestamp now() const override { return Timestamp(std::chrono::milliseconds(1'795'485'969'342)); }
  Duration elapsed() const override { return Duration(0); }
  Task<void> sleep(Duration, std::stop_token) override { co_return Result<void>(); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  StoppedClock clock;
  Kinesis::Options options;
  options.shards_max = 100;
  options.bytes_max = std::size_t{1024} * 1024;
  Core core(clock, options);
  if (!core.create_stream("s", 2).ok()) {
    std::abort();
  }
  const auto format = data[1] % 2 == 0 ? wire::Format::json : wire::Format::cbor;
  const std::string target =
      std::string("Kinesis_20131202.").append(to_string(static_cast<Operation>(data[0] % operations_count)));
  RequestHead head;
  head.target = target;
  head.content_type = wire::content_type(format);
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);

  const auto read = Call::read(head, body);
  Answer answer;
  if (const Call* const call = std::get_if<Call>(&read)) {
    static_cast<void>(core.begin(call->operation(), call->target(core)));
    answer = call->answer(core, std::nullopt);
  } else {
    answer = std::get<Answer>(read);
  }
  std::string whole = answer.head;
  for (const Slice& slice : answer.page.slices) {
    whole.append(slice.data, slice.size);
  }
  whole += answer.tail;
  if (answer.body_bytes() != whole.size()) {
    std::abort();
  }
  if (!whole.empty() && !wire::Document::parse(format, whole).ok()) {
    std::abort();
  }
  return 0;
}
