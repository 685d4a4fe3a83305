#include "weir/stream/record.hpp"

#include "weir/stream/source.hpp"

namespace weir::stream {

std::string EventId::text() const {
  std::string text;
  text.reserve(stream.size() + shard.size() + sequence_number.size() + 14);
  text.append(stream).append("/").append(shard).append("/").append(sequence_number);
  if (unpacked) {
    text.append("/").append(std::to_string(sub));
  }
  return text;
}

std::string_view to_string(ShardState state) noexcept {
  switch (state) {
    case ShardState::starting:
      return "starting";
    case ShardState::reading:
      return "reading";
    case ShardState::caught_up:
      return "caught up";
    case ShardState::throttled:
      return "throttled";
    case ShardState::waiting_for_parent:
      return "waiting for parent";
    case ShardState::retrying:
      return "retrying";
    case ShardState::ended:
      return "ended";
    case ShardState::failed:
      return "failed";
    case ShardState::gap:
      return "gap";
  }
  return "failed";
}

}  // namespace weir::stream
