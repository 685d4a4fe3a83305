#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/decode/scratch.hpp"
#include "weir/decode/value.hpp"

namespace weir::decode {

/// Reads some fields of JSON objects by their paths, in one pass: `delay`, or `flight.delay` for a member
/// of a member. What is read is validated, the rest checked for structure, the first of equal names wins.
/// Immutable; any thread.
class Fields {
 public:
  /// Paths may repeat and may lead into each other. An empty part ("a..b", "") is refused.
  static Result<Fields> of(const std::vector<std::string>& paths);

  std::size_t size() const noexcept { return places_.size(); }
  /// One value per path. Strings point into the payload or the scratch. False: `scratch.problem()` says
  /// why. A path through something that is no object gives `blocked`; through null, `missing`.
  bool read(std::string_view padded, Scratch& scratch, std::span<Value> values) const;

 private:
  struct Node {
    std::string name;
    std::vector<std::uint32_t> children;
    std::int32_t place = -1;  // among the distinct values read
  };
  bool read_object(JsonCursor& cursor, const Node& node, std::span<Value> values) const;
  bool read_value(JsonCursor& cursor, const Node& node, std::span<Value> values) const;
  void block(const Node& node, std::span<Value> values) const;

  std::vector<Node> nodes_;            // the first is the payload itself
  std::vector<std::uint32_t> places_;  // of each path; equal paths share the first one's
};

}  // namespace weir::decode
