#include <fmt/format.h>

#include <algorithm>

#include "pipeline/definition.hpp"
#include "pipeline/json_text.hpp"
#include "weir/pipeline/extract.hpp"

namespace weir::pipelines {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

constexpr std::string_view keep_word = "keep ";
// Only in what is stored: an aggregate that was added later.
constexpr std::string_view since_word = "since ";

// Only where asked for: definitions that were stored before these lines existed stay equal.
constexpr std::string_view unpack_word = "unpack ";
constexpr std::string_view decompress_word = "decompress ";

bool starts_with(std::string_view line, std::string_view word) { return line.substr(0, word.size()) == word; }

/// Of a line that begins with `word`: the quoted name. Names hold no quotes.
std::string_view name_in(std::string_view line, std::string_view word) {
  const auto rest = line.substr(std::min(word.size() + 1, line.size()));
  return rest.substr(0, rest.find('"'));
}

/// The names of the aggregates that `now` has and `before` has not; `refused` where anything else differs.
Result<std::vector<std::string_view>> compare(const std::vector<std::string_view>& before,
                                              const std::vector<std::string_view>& now) {
  const auto has = [](const std::vector<std::string_view>& lines, std::string_view line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  const auto other = [](std::string_view stored_line, std::string_view current_line) {
    return refused("DefinitionChanged",
                   fmt::format("the state was made with {}, the pipeline says {}: use another state, or put it back",
                               stored_line, current_line));
  };
  for (const auto word : {unpack_word, decompress_word}) {
    const auto said = [word](const std::vector<std::string_view>& lines) {
      const auto found =
          std::find_if(lines.begin(), lines.end(), [word](std::string_view line) { return starts_with(line, word); });
      return found == lines.end() ? fmt::format("no `{}`", word.substr(0, word.size() - 1))
                                  : fmt::format("`{}`", *found);
    };
    if (said(before) != said(now)) {
      return other(said(before), said(now));
    }
  }
  // Everything but the aggregates decides what earlier records did: it must be the same, in the same order.
  const auto decides = [](std::string_view line) {
    return !starts_with(line, keep_word) && !starts_with(line, since_word);
  };
  std::vector<std::string_view> rest_before;
  std::vector<std::string_view> rest_now;
  std::copy_if(before.begin(), before.end(), std::back_inserter(rest_before), decides);
  std::copy_if(now.begin(), now.end(), std::back_inserter(rest_now), decides);
  for (std::size_t i = 0; i < std::max(rest_before.size(), rest_now.size()); ++i) {
    const auto left = i < rest_before.size() ? rest_before[i] : "nothing more";
    const auto right = i < rest_now.size() ? rest_now[i] : "nothing more";
    if (left != right) {
      return other(fmt::format("`{}`", left), fmt::format("`{}`", right));
    }
  }
  for (const auto line : before) {
    if (starts_with(line, keep_word) && !has(now, line)) {
      const auto renewed = std::find_if(now.begin(), now.end(), [line](std::string_view candidate) {
        return starts_with(candidate, keep_word) && name_in(candidate, keep_word) == name_in(line, keep_word);
      });
      return other(fmt::format("`{}`", line),
                   renewed == now.end() ? std::string("nothing of it") : fmt::format("`{}`", *renewed));
    }
  }
  std::vector<std::string_view> added;
  for (const auto line : now) {
    if (starts_with(line, keep_word) && !has(before, line)) {
      added.push_back(name_in(line, keep_word));
    }
  }
  return added;
}

}  // namespace

std::string definition_text(const Spec& spec) {
  std::string text = fmt::format("decode {}\n", spec.decode);
  if (spec.unpack_kpl) {
    text.append(unpack_word).append("kpl\n");
  }
  if (spec.compression != decode::Compression::none) {
    text.append(decompress_word).append(to_string(spec.compression)).append("\n");
  }
  if (spec.event_time.empty()) {
    text.append("time arrival\n");
  } else {
    text.append("time ");
    append_json_string(spec.event_time, text);
    text.push_back('\n');
  }
  if (spec.keys.empty()) {
    text.append("handler\n");
  }
  for (const auto& key : spec.keys) {
    text.append("key");
    for (const auto& field : key) {
      text.push_back(' ');
      append_json_string(field, text);
    }
    text.push_back('\n');
  }
  for (const auto& keep : spec.keeps) {
    text.append(keep_word);
    append_json_string(keep.name, text);
    text.append(" ").append(to_string(keep.kind));
    if (keep.kind != AggregateKind::count) {
      text.push_back(' ');
      append_json_string(keep.field, text);
    }
    text.push_back('\n');
  }
  return text;
}

Result<std::string> continue_definition(std::string_view stored, std::string_view current, Timestamp now) {
  const auto before = lines_of(stored);
  WEIR_TRY(const auto added, compare(before, lines_of(current)));
  std::string text(current);
  for (const auto line : before) {
    if (starts_with(line, since_word)) {
      text.append(line).push_back('\n');
    }
  }
  for (const auto name : added) {
    text.append(since_word);
    append_json_string(name, text);
    text.append(" ").append(weir::to_string(now)).push_back('\n');
  }
  return text;
}

std::vector<AddedAggregate> added_aggregates(std::string_view stored) {
  std::vector<AddedAggregate> added;
  for (const auto line : lines_of(stored)) {
    if (starts_with(line, since_word)) {
      added.push_back({std::string(name_in(line, since_word)), std::string(line.substr(line.rfind(' ') + 1))});
    }
  }
  return added;
}

Result<void> check_name(const Spec& spec) {
  if (!is_name(spec.name)) {
    return refused("BadName", fmt::format("\"{}\" cannot name a pipeline: up to {} letters, digits, _ - and .",
                                          spec.name.substr(0, name_bytes_max), name_bytes_max));
  }
  return {};
}

bool is_name(std::string_view name) noexcept {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= name_bytes_max && plain(name.front()) &&
         std::all_of(name.begin(), name.end(), [plain](char c) { return plain(c) || c == '-' || c == '.'; });
}

}  // namespace weir::pipelines
