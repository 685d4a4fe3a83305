#include "pipeline/key_text.hpp"

#include <fmt/format.h>

#include <optional>

#include "pipeline/json_text.hpp"
#include "weir/decode/scratch.hpp"

namespace weir::pipelines {
namespace {

using decode::JsonCursor;
using decode::Value;

/// One scalar that can be a key's part.
bool read_part(JsonCursor& cursor, Value& value) {
  switch (cursor.peek()) {
    case '"': {
      std::string_view text;
      if (!cursor.string(text)) {
        return false;
      }
      value = Value::of(text);
      return true;
    }
    case 't':
    case 'f': {
      bool boolean = false;
      if (!cursor.boolean(boolean)) {
        return false;
      }
      value = Value::of(boolean);
      return true;
    }
    default: {
      decode::Integer integer = 0;
      if (!cursor.integer(integer)) {
        return false;
      }
      value = Value::of(integer);
      return true;
    }
  }
}

/// The parts of a key written as a JSON array.
std::optional<std::vector<Value>> read_array(std::string_view text, decode::Scratch& scratch) {
  JsonCursor cursor = scratch.open_unpadded(text);
  if (!cursor.valid() || cursor.peek() != '[' || !cursor.enter_array()) {
    return std::nullopt;
  }
  std::vector<Value> parts;
  auto step = cursor.first_element();
  for (; step == JsonCursor::Step::member; step = cursor.next_element()) {
    if (!read_part(cursor, parts.emplace_back())) {
      return std::nullopt;
    }
  }
  if (step == JsonCursor::Step::failed || !cursor.finish()) {
    return std::nullopt;
  }
  return parts;
}

/// What a text without brackets may mean: always a string; also the integer or the boolean it spells.
std::vector<Value> readings(std::string_view text, decode::Scratch& scratch) {
  std::vector<Value> values{Value::of(text)};
  if (!text.empty() && text.front() != '"') {
    JsonCursor cursor = scratch.open_unpadded(text);
    Value value;
    if (cursor.valid() && read_part(cursor, value) && cursor.finish()) {
      values.push_back(value);
    }
  }
  return values;
}

std::string spell(const Spec& spec) {
  std::string text;
  for (const auto& key : spec.keys) {
    text.append(text.empty() ? "" : " or ");
    for (std::size_t i = 0; i < key.size(); ++i) {
      text.append(i == 0 ? "" : " and ").append(key[i]);
    }
  }
  return text;
}

}  // namespace

Result<std::vector<std::string>> row_keys_of(std::string_view text, const Spec& spec) {
  decode::Scratch scratch;
  std::vector<std::vector<Value>> candidates;
  const auto array = read_array(text, scratch);
  if (array) {
    candidates.push_back(*array);
  }
  decode::Scratch plain;
  for (const auto& value : readings(text, plain)) {
    candidates.push_back({value});
  }
  std::vector<std::string> keys;
  RowKeyWriter writer;
  for (std::size_t roll_up = 0; roll_up < spec.keys.size(); ++roll_up) {
    for (const auto& parts : candidates) {
      if (parts.size() != spec.keys[roll_up].size()) {
        continue;
      }
      writer.begin(static_cast<std::uint8_t>(roll_up));
      bool ok = true;
      for (const auto& part : parts) {
        ok = ok && writer.add(part);
      }
      if (ok && writer.finish()) {
        keys.emplace_back(writer.key());
      }
    }
  }
  if (keys.empty()) {
    return refused("BadKey", fmt::format("pipeline {} is keyed by {}: write a compound key as a JSON array of as many "
                                         "values, such as [\"JFK\",\"LAX\"]",
                                         spec.name, spell(spec)));
  }
  return keys;
}

}  // namespace weir::pipelines
