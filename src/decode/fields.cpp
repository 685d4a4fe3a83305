#include "weir/decode/fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weir::decode {

std::string_view to_string(Value::Kind kind) noexcept {
  switch (kind) {
    case Value::Kind::missing:
      return "nothing";
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "a boolean";
    case Value::Kind::integer:
      return "an integer";
    case Value::Kind::real:
      return "a number with a fraction";
    case Value::Kind::string:
      return "a string";
    case Value::Kind::array:
      return "an array";
    case Value::Kind::object:
      return "an object";
    case Value::Kind::blocked:
      return "no object around it";
  }
  return "nothing";
}

Result<Fields> Fields::of(const std::vector<std::string>& paths) {
  Fields fields;
  fields.nodes_.emplace_back();
  for (std::size_t index = 0; index < paths.size(); ++index) {
    std::string_view rest = paths[index];
    std::uint32_t at = 0;
    for (bool more = true; more;) {
      const auto dot = rest.find('.');
      const auto part = rest.substr(0, dot);
      more = dot != std::string_view::npos;
      rest.remove_prefix(more ? dot + 1 : rest.size());
      if (part.empty()) {
        return refused("BadField", fmt::format("\"{}\" is no field: a name is empty", paths[index]));
      }
      const auto& children = fields.nodes_[at].children;
      const auto known = std::find_if(children.begin(), children.end(),
                                      [&](std::uint32_t child) { return fields.nodes_[child].name == part; });
      if (known != children.end()) {
        at = *known;
      } else {
        const auto added = static_cast<std::uint32_t>(fields.nodes_.size());
        fields.nodes_[at].children.push_back(added);
        fields.nodes_.push_back({std::string(part), {}, -1});
        at = added;
      }
    }
    auto& place = fields.nodes_[at].place;
    place = place < 0 ? static_cast<std::int32_t>(index) : place;
    fields.places_.push_back(static_cast<std::uint32_t>(place));
  }
  return fields;
}

bool Fields::read(std::string_view padded, Scratch& scratch, std::span<Value> values) const {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    values[i] = Value();
  }
  JsonCursor cursor = scratch.open(padded);
  if (!cursor.valid() || !read_object(cursor, nodes_.front(), values) || !cursor.finish()) [[unlikely]] {
    return false;
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] != i) {
      values[i] = values[places_[i]];
    }
  }
  return true;
}

bool Fields::read_object(JsonCursor& cursor, const Node& node, std::span<Value> values) const {
  if (!cursor.enter_object()) {
    return false;
  }
  // Few fields are read: a bit each tells which have been, and the rest of a wide pipeline skips the bits.
  std::uint64_t seen = 0;
  std::vector<bool> seen_beyond;
  auto step = cursor.first_member();
  for (; step == JsonCursor::Step::member; step = cursor.next_member()) {
    const std::string_view name = cursor.name();
    const Node* match = nullptr;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const Node& child = nodes_[node.children[i]];
      if (child.name == name) {
        if (i < 64) {
          match = (seen & (std::uint64_t{1} << i)) == 0 ? &child : nullptr;
          seen |= std::uint64_t{1} << i;
        } else {
          seen_beyond.resize(node.children.size());
          match = seen_beyond[i] ? nullptr : &child;
          seen_beyond[i] = true;
        }
        break;
      }
    }
    if (match == nullptr) {
      if (!cursor.skip()) {
        return false;
      }
    } else if (!read_value(cursor, *match, values)) {
      return cursor.blame(match->name);
    }
  }
  return step == JsonCursor::Step::end;
}

bool Fields::read_value(JsonCursor& cursor, const Node& node, std::span<Value> values) const {
  Value value;
  switch (cursor.peek()) {
    case '"': {
      std::string_view text;
      if (!cursor.string(text)) {
        return false;
      }
      value = Value::of(text);
      break;
    }
    case '{':
      value = Value::of(Value::Kind::object);
      if (!node.children.empty()) {
        if (node.place >= 0) {
          values[static_cast<std::size_t>(node.place)] = value;
        }
        return read_object(cursor, node, values);
      }
      if (!cursor.skip()) {
        return false;
      }
      break;
    case '[':
      value = Value::of(Value::Kind::array);
      if (!cursor.skip()) {
        return false;
      }
      break;
    case 't':
    case 'f': {
      bool boolean = false;
      if (!cursor.boolean(boolean)) {
        return false;
      }
      value = Value::of(boolean);
      break;
    }
    case 'n':
      if (!cursor.null()) {
        return false;
      }
      value = Value::of(Value::Kind::null);
      break;
    default: {
      Integer integer = 0;
      double real = 0;
      bool is_integer = false;
      if (!cursor.number(integer, real, is_integer)) {
        return false;
      }
      value = is_integer ? Value::of(integer) : Value::of(real);
    }
  }
  if (node.place >= 0) {
    values[static_cast<std::size_t>(node.place)] = value;
  }
  if (!node.children.empty() && value.kind != Value::Kind::null) {
    for (const auto child : node.children) {
      block(nodes_[child], values);
    }
  }
  return true;
}

void Fields::block(const Node& node, std::span<Value> values) const {
  if (node.place >= 0) {
    values[static_cast<std::size_t>(node.place)] = Value::of(Value::Kind::blocked);
  }
  for (const auto child : node.children) {
    block(nodes_[child], values);
  }
}

}  // namespace weir::decode
