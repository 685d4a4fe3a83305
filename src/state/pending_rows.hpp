#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/state/store.hpp"

namespace weir::state {

/// Changes of rows since the last checkpoint, one per stored key: what the journal entries in the database
/// add up to. One thread at a time.
class PendingRows {
 public:
  using Change = std::pair<const std::string, std::string>;

  explicit PendingRows(const Combiner& combiner) : combiner_(combiner) {}

  void add(std::string_view key, std::string_view delta);
  /// The change of one row; null if there is none.
  const std::string* find(std::string_view key) const;
  /// All of them, in the order of their keys. Valid until the next `add` or `clear`.
  const std::vector<const Change*>& sorted();
  void clear();

  bool empty() const noexcept { return changes_.empty(); }
  /// Memory held, roughly.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>()(key); }
  };
  using Changes = boost::unordered_flat_map<std::string, std::string, Hash, std::equal_to<>>;

  const Combiner& combiner_;
  Changes changes_;
  std::vector<const Change*> sorted_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::state
