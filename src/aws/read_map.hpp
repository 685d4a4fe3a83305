#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/result.hpp"
#include "weir/wire/cbor_reader.hpp"

namespace weir::aws {

/// Reads a map: `member(key)` reads the value of a key it knows and returns true, else reads nothing and
/// returns false. Nulls are passed over as if they were absent, and so is what is not known.
template <class Member>
void read_map(wire::CborReader& reader, Member&& member) {
  if (!reader.enter_map()) {
    return;
  }
  while (reader.next()) {
    const auto key = reader.key();
    if (!reader.null() && !member(key)) {
      reader.skip();
    }
  }
}

/// Reads an array with `item()` per element.
template <class Item>
void read_array(wire::CborReader& reader, Item&& item) {
  if (!reader.enter_array()) {
    return;
  }
  while (reader.next()) {
    item();
  }
}

/// A number of things. A value that no count has (an emulator's -1) counts as none, a large one as many.
inline std::uint32_t read_count(wire::CborReader& reader) {
  const auto value = reader.integer();
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  return value < 0 ? 0 : value > static_cast<std::int64_t>(most) ? most : static_cast<std::uint32_t>(value);
}

inline Error bad_reply(std::string_view operation, std::string_view what) {
  std::string message = "the reply to ";
  message.append(operation).append(" ").append(what);
  return corrupt("BadReply", std::move(message));
}

/// What is wrong with a reply's encoding, said of the operation.
inline Result<void> finish(const wire::CborReader& reader, std::string_view operation) {
  auto finished = reader.finish();
  if (finished) {
    return {};
  }
  return bad_reply(operation, "is malformed: " + finished.error().message);
}

}  // namespace weir::aws
