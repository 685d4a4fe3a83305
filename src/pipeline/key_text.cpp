#include "pipeline/key_text.hpp"

#include <fmt/format.h>

#include <deque>
#include <optional>

#include "pipeline/json_text.hpp"
#include "weir/decode/scratch.hpp"
#include "weir/wire/base64.hpp"

namespace weir::pipelines {
namespace {

using decode::JsonCursor;
using decode::Value;

using Texts = std::deque<std::string>;  // what decoded parts point into

/// {"base64":"..."}: see append_json.
bool read_base64(JsonCursor& cursor, Value& value, Texts& texts) {
  std::string_view encoded;
  if (!cursor.enter_object() || cursor.first_member() != JsonCursor::Step::member || cursor.name() != "base64" ||
      !cursor.string(encoded) || cursor.next_member() != JsonCursor::Step::end) {
    return false;
  }
  auto bytes = wire::decode_base64(encoded);
  if (!bytes) {
    return false;
  }
  value = Value::of(std::string_view(texts.emplace_back(*std::move(bytes))));
  return true;
}

/// One value that can be a key's part.
bool read_part(JsonCursor& cursor, Value& value, Texts& texts) {
  switch (cursor.peek()) {
    case '{':
      return read_base64(cursor, value, texts);
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
std::optional<std::vector<Value>> read_array(std::string_view text, decode::Scratch& scratch, Texts& texts) {
  JsonCursor cursor = scratch.open_unpadded(text);
  if (!cursor.valid() || cursor.peek() != '[' || !cursor.enter_array()) {
    return std::nullopt;
  }
  std::vector<Value> parts;
  auto step = cursor.first_element();
  for (; step == JsonCursor::Step::member; step = cursor.next_element()) {
    if (!read_part(cursor, parts.emplace_back(), texts)) {
      return std::nullopt;
    }
  }
  if (step == JsonCursor::Step::failed || !cursor.finish()) {
    return std::nullopt;
  }
  return parts;
}

/// What a text without brackets may mean: always a string; also the integer, the boolean, the quoted string or
/// the bytes it spells.
std::vector<Value> readings(std::string_view text, decode::Scratch& scratch, Texts& texts) {
  std::vector<Value> values{Value::of(text)};
  if (!text.empty()) {
    JsonCursor cursor = scratch.open_unpadded(text);
    Value value;
    if (cursor.valid() && read_part(cursor, value, texts) && cursor.finish()) {
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
  Texts texts;
  const auto array = read_array(text, scratch, texts);
  if (array) {
    candidates.push_back(*array);
  }
  decode::Scratch plain;
  for (const auto& value : readings(text, plain, texts)) {
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
