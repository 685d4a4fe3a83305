#include "pipeline/yaml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <sstream>

namespace weir::pipelines {
namespace {

/// Hears a document and forgets all but where it began.
class Deaf final : public YAML::EventHandler {
 public:
  YAML::Mark start;

  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}
};

/// Where something follows the first document. Not by YAML::LoadAll: for some broken texts, ",!(a" is one,
/// it finds one empty document after another without end.
std::optional<YAML::Mark> second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Deaf deaf;
  const bool follows = parser.HandleNextDocument(deaf) && parser.HandleNextDocument(deaf);
  return follows ? std::optional(deaf.start) : std::nullopt;
}

Error mistake_at(const std::string& path, const YAML::Mark& mark, std::string_view text) {
  // yaml-cpp counts from 0, and marks what has no place with -1.
  return refused("BadPipelineFile", mark.is_null()
                                        ? fmt::format("{}: {}", path, text)
                                        : fmt::format("{}:{}:{}: {}", path, mark.line + 1, mark.column + 1, text));
}

/// How many letters must change, come or go to make one word of the other (Levenshtein).
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string one_of(std::initializer_list<std::string_view> words) {
  std::string text;
  std::size_t left = words.size();
  for (const auto word : words) {
    --left;
    text.append(word).append(left == 0 ? "" : left == 1 ? " or " : ", ");
  }
  return text;
}

/// The word meant by a mistyped one, if one is near.
std::string_view nearest(std::string_view found, std::initializer_list<std::string_view> words) {
  if (found.size() > 64) {
    return {};
  }
  std::string_view best;
  std::size_t least = 1 + found.size() / 3;
  for (const auto word : words) {
    // The same letters in another order are one slip, not two.
    const auto away = std::min(distance(found, word), std::ranges::is_permutation(found, word) ? 1U : SIZE_MAX);
    if (away <= least) {
      best = word;
      least = away - (away == 0 ? 0 : 1);
    }
  }
  return best;
}

std::string expected_one_of(std::string_view found, std::initializer_list<std::string_view> words) {
  const auto meant = nearest(found, words);
  return meant.empty() ? one_of(words) : fmt::format("{} (did you mean \"{}\"?)", one_of(words), meant);
}

}  // namespace

Result<Yaml> Yaml::parse(const std::string& text, const std::string& path) {
  try {
    if (const auto second = second_document(text)) {
      return mistake_at(path, *second, "found a second document, expected one pipeline");
    }
    auto document = YAML::Load(text);
    if (!document || document.IsNull()) {
      return mistake_at(path, YAML::Mark(), "found nothing, expected a pipeline: `name: ...`");
    }
    return Yaml(document, std::make_shared<const std::string>(path));
  } catch (const YAML::Exception& error) {
    return mistake_at(path, error.mark, fmt::format("not YAML: {}", error.msg));
  }
}

bool Yaml::is_scalar() const { return node_.IsScalar(); }
bool Yaml::is_list() const { return node_.IsSequence(); }

std::string Yaml::quote(std::string_view text) {
  std::string quoted(text.substr(0, 60));
  std::replace_if(
      quoted.begin(), quoted.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return fmt::format("\"{}{}\"", quoted, text.size() > 60 ? "..." : "");
}

std::string Yaml::found() const {
  switch (node_.Type()) {
    case YAML::NodeType::Scalar:
      return quote(node_.Scalar());
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a map";
    default:
      return "nothing";
  }
}

Error Yaml::mistake(std::string_view found, std::string_view expected) const {
  return mistake_at(*path_, node_.Mark(), fmt::format("found {}, expected {}", found, expected));
}

Result<std::string> Yaml::text(std::string_view expected) const {
  if (!node_.IsScalar() || node_.Scalar().empty()) {
    return mistake(found(), expected);
  }
  return node_.Scalar();
}

Result<std::size_t> Yaml::choice(std::initializer_list<std::string_view> words) const {
  WEIR_TRY(const auto word, text(one_of(words)));
  const auto known = std::find(words.begin(), words.end(), word);
  if (known == words.end()) {
    return mistake(quote(word), expected_one_of(word, words));
  }
  return static_cast<std::size_t>(known - words.begin());
}

Result<std::vector<Yaml>> Yaml::list(std::string_view expected, std::size_t items_max) const {
  if (!node_.IsSequence()) {
    return mistake(found(), expected);
  }
  if (node_.size() == 0 || node_.size() > items_max) {
    return mistake(fmt::format("{} items", node_.size()), fmt::format("{}: 1 to {}", expected, items_max));
  }
  std::vector<Yaml> items;
  for (std::size_t i = 0; i < node_.size(); ++i) {
    items.push_back(Yaml(node_[i], path_));
  }
  return items;
}

Result<std::vector<std::pair<std::string, Yaml>>> Yaml::any_map(std::string_view expected,
                                                                std::size_t items_max) const {
  if (!node_.IsMap()) {
    return mistake(found(), expected);
  }
  if (node_.size() == 0 || node_.size() > items_max) {
    return mistake(fmt::format("{} entries", node_.size()), fmt::format("{}: 1 to {}", expected, items_max));
  }
  std::vector<std::pair<std::string, Yaml>> entries;
  for (const auto& entry : node_) {
    const Yaml key(entry.first, path_);
    WEIR_TRY(auto name, key.text("a name"));
    for (const auto& [known, value] : entries) {
      if (known == name) {
        return key.mistake(quote(name) + " a second time", "it once");
      }
    }
    entries.emplace_back(std::move(name), Yaml(entry.second, path_));
  }
  return entries;
}

Result<YamlMap> Yaml::map(std::initializer_list<std::string_view> keys) const {
  WEIR_TRY(auto entries, any_map(fmt::format("a map of {}", one_of(keys)), 1000));
  for (const auto& entry : node_) {
    const auto& name = entry.first.Scalar();
    if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
      return Yaml(entry.first, path_).mistake(quote(name), expected_one_of(name, keys));
    }
  }
  return YamlMap(*this, std::move(entries));
}

std::optional<Yaml> YamlMap::find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name == key) {
      return value;
    }
  }
  return std::nullopt;
}

Result<std::string> YamlMap::required_text(std::string_view key, std::string_view expected) const {
  if (const auto value = find(key)) {
    return value->text(expected);
  }
  return at_.mistake(fmt::format("no `{}`", key), expected);
}

Result<std::string> YamlMap::optional_text(std::string_view key, std::string_view expected) const {
  if (const auto value = find(key)) {
    return value->text(expected);
  }
  return std::string();
}

}  // namespace weir::pipelines
