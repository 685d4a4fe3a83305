// What the state directory's values say must be bounded by the value itself, whatever the bytes; and what is
// read must come out the same when written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "state/layout.hpp"

namespace layout = weir::state::layout;

namespace {

template <class Decode>
void round_trip(std::string_view bytes, Decode decode) {
  if (const auto value = decode(bytes)) {
    const auto again = layout::encode(*value);
    const auto same = decode(again);
    if (!same || layout::encode(*same) != again) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  round_trip(bytes, layout::decode_pipeline);
  round_trip(bytes, layout::decode_stream);
  round_trip(bytes, layout::decode_shard);
  round_trip(bytes, layout::decode_gap);
  round_trip(bytes, layout::decode_letter_sum);
  std::size_t seen = 0;
  (void)layout::read_journal_entry(
      bytes, [&](std::string_view key, std::string_view delta) { seen += key.size() + delta.size(); });
  if (seen > size) {
    std::abort();
  }
  (void)layout::decode_claim_key(bytes);
  if (const auto claim = layout::decode_claim(bytes); claim && layout::encode_claim(*claim) != bytes) {
    std::abort();
  }
  // The first byte says where the key ends and the value begins.
  if (!bytes.empty()) {
    const auto split = std::min<std::size_t>(static_cast<unsigned char>(bytes[0]), size - 1);
    const auto key = bytes.substr(1, split);
    if (const auto letter = layout::decode_dead_letter(key, bytes.substr(1 + split))) {
      const auto prefix = layout::dead_letters_prefix(0, 0).size();
      if (layout::dead_letter_key(0, 0, letter->id()).substr(prefix) != key) {
        std::abort();
      }
    }
  }
  return 0;
}
