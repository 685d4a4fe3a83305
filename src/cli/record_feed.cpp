#include "cli/record_feed.hpp"

#include <fmt/format.h>

#include "cli/text.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::cli {
namespace {

// A partition key has 1 to 256 characters (service model).
constexpr std::size_t key_characters_max = 256;

}  // namespace

Result<KeyFinder> KeyFinder::of(const std::string& path) {
  WEIR_TRY(auto fields, decode::Fields::of({path}));
  return KeyFinder(path, std::move(fields));
}

Result<std::string_view> KeyFinder::find(std::string_view line) {
  decode::Value value;
  scratch_.clear();
  if (!fields_.read(line, scratch_, std::span(&value, 1))) {
    return scratch_.problem().error();
  }
  std::string_view key;
  switch (value.kind) {
    case decode::Value::Kind::string:
      key = value.string();
      break;
    case decode::Value::Kind::boolean:
      key = value.boolean ? "true" : "false";
      break;
    case decode::Value::Kind::integer:
      digits_ = fmt::format("{}", value.integer);
      key = digits_;
      break;
    case decode::Value::Kind::missing:
      return refused("MissingKey", fmt::format("it has no member '{}'", path_));
    default:
      return refused("BadKey", fmt::format("'{}' is {}; a key is a string, an integer, true or false", path_,
                                           decode::to_string(value.kind)));
  }
  if (key.empty()) {
    return refused("BadKey", fmt::format("'{}' is empty; a key has at least one character", path_));
  }
  if (key.size() > key_characters_max && width_of(key) > key_characters_max) {
    return refused("BadKey", fmt::format("'{}' has {} characters; a key has at most {}", path_, width_of(key),
                                         key_characters_max));
  }
  return key;
}

void PutBatch::clear() {
  request.records.clear();
  lines.clear();
  blocks.clear();
  keys.clear();
  bytes = 0;
}

RecordFeed::RecordFeed(LineReader& lines, std::optional<KeyFinder> key, Random random, Options options)
    : lines_(lines), key_(std::move(key)), random_(random), options_(options) {}

Result<std::string_view> RecordFeed::key_of_line() {
  if (key_) {
    return key_->find(lines_.line());
  }
  // 60 random bits: records spread over the shards by the key's MD5, so any distinct keys would do.
  constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  auto bits = random_();
  random_key_.clear();
  for (int i = 0; i < 10; ++i) {
    random_key_ += letters[bits & 63U];
    bits >>= 6U;
  }
  return std::string_view(random_key_);
}

// False: the batch is full, and the line is for the next one.
Result<bool> RecordFeed::add(PutBatch& batch) {
  const auto line = lines_.line();
  auto key = key_of_line();
  if (!key) {
    return refused(key.error().code, fmt::format("line {}: {}", lines_.line_number(), key.error().message));
  }
  const auto bytes = line.size() + key->size();
  if (bytes > options_.record_bytes_max) {
    return refused("RecordTooLarge", fmt::format("line {}: {} bytes with the key; the stream takes records of up to {}",
                                                 lines_.line_number(), bytes, options_.record_bytes_max));
  }
  if (!batch.lines.empty() && batch.bytes + bytes > options_.bytes_max) {
    return false;
  }
  if (batch.blocks.empty() || batch.blocks.back() != lines_.block()) {
    batch.blocks.push_back(lines_.block());
  }
  auto& entry = batch.request.records.emplace_back();
  entry.data = line;
  entry.partition_key = batch.keys.copy(*key);
  batch.lines.push_back(lines_.line_number());
  batch.bytes += bytes;
  return true;
}

Result<LineReader::Step> RecordFeed::fill(PutBatch& batch) {
  batch.clear();
  while (batch.lines.size() < options_.records_max) {
    if (!holds_line_) {
      auto step = lines_.next();
      if (!step) {
        return refused(step.error().code, fmt::format("line {}: {}", lines_.line_number(), step.error().message));
      }
      if (*step != LineReader::Step::line) {
        return step;
      }
    }
    WEIR_TRY(holds_line_, [&]() -> Result<bool> {
      WEIR_TRY(const bool added, add(batch));
      return !added;
    }());
    if (holds_line_) {
      return LineReader::Step::line;
    }
  }
  return LineReader::Step::line;
}

}  // namespace weir::cli
