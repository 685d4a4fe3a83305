#include "cli/stream_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/command.hpp"
#include "cli/text.hpp"
#include "weir/stream/stream_name.hpp"

namespace weir::cli {
namespace {

Result<WantedStream> parse_one(std::string_view text) {
  WantedStream stream;
  const auto colon = std::min(text.find(':'), text.size());
  stream.name = text.substr(0, colon);
  if (stream.name.empty()) {
    return misuse(fmt::format("--streams: found '{}', expected NAME or NAME:SHARDS", printable(text)));
  }
  if (!stream::is_stream_name(stream.name)) {
    return misuse(fmt::format("--streams: found '{}', expected a stream's name: {}", printable(stream.name),
                              stream::stream_name_rule));
  }
  if (colon < text.size()) {
    const auto digits = text.substr(colon + 1);
    const auto* end = digits.data() + digits.size();
    const auto [stop, code] = std::from_chars(digits.data(), end, stream.shards);
    if (code != std::errc() || stop != end || stream.shards == 0) {
      return misuse(fmt::format("--streams: {}: found '{}', expected a number of shards, 1 or more",
                                printable(stream.name), printable(digits)));
    }
  }
  return stream;
}

}  // namespace

Result<std::vector<WantedStream>> parse_stream_list(std::string_view text) {
  std::vector<WantedStream> streams;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    WEIR_TRY(auto stream, parse_one(text.substr(0, comma)));
    for (const auto& other : streams) {
      if (other.name == stream.name) {
        return misuse(fmt::format("--streams: '{}' is named twice", printable(stream.name)));
      }
    }
    streams.push_back(std::move(stream));
    if (comma + 1 == text.size()) {
      return misuse("--streams: found nothing after the last comma, expected NAME or NAME:SHARDS");
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return streams;
}

}  // namespace weir::cli
