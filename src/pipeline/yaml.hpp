#pragma once

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.hpp"

namespace weir::pipelines {

class YamlMap;

/// One place of a YAML file, and what may stand there. Every mistake says file, line, column, what was
/// found and what was expected. Throws nothing: yaml-cpp's exceptions end here.
class Yaml {
 public:
  /// Exactly one document.
  static Result<Yaml> parse(const std::string& text, const std::string& path);

  bool is_scalar() const;
  bool is_list() const;
  /// A scalar that is not empty, and no null.
  Result<std::string> text(std::string_view expected) const;
  /// One of the words; its index.
  Result<std::size_t> choice(std::initializer_list<std::string_view> words) const;
  /// 1 to `items_max` items.
  Result<std::vector<Yaml>> list(std::string_view expected, std::size_t items_max) const;
  /// A map of these keys alone, each at most once; an unknown one is answered with the nearest.
  Result<YamlMap> map(std::initializer_list<std::string_view> keys) const;
  /// A map of any keys, in order, each once.
  Result<std::vector<std::pair<std::string, Yaml>>> any_map(std::string_view expected, std::size_t items_max) const;

  Error mistake(std::string_view found, std::string_view expected) const;
  /// For messages: in quotes, shortened, without control characters.
  static std::string quote(std::string_view text);

 private:
  Yaml(const YAML::Node& node, std::shared_ptr<const std::string> path) : node_(node), path_(std::move(path)) {}
  std::string found() const;

  YAML::Node node_;
  std::shared_ptr<const std::string> path_;
};

/// A map whose keys have been checked.
class YamlMap {
 public:
  YamlMap(Yaml at, std::vector<std::pair<std::string, Yaml>> entries)
      : at_(std::move(at)), entries_(std::move(entries)) {}
  std::size_t size() const noexcept { return entries_.size(); }
  std::optional<Yaml> find(std::string_view key) const;
  Result<std::string> required_text(std::string_view key, std::string_view expected) const;
  /// Empty where it is absent.
  Result<std::string> optional_text(std::string_view key, std::string_view expected) const;

 private:
  Yaml at_;
  std::vector<std::pair<std::string, Yaml>> entries_;
};

}  // namespace weir::pipelines
