#include "pending_rows.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace weir::state {
namespace {

// A place in the map at its usual load, and what the allocator adds to two strings.
constexpr std::size_t entry_bytes = sizeof(PendingRows::Change) * 5 / 4 + 32;

// The eight bytes of `key` after `skip`, so that their order as a number is the order of the keys, ties aside.
std::uint64_t rank_of(std::string_view key, std::size_t skip) {
  std::uint64_t rank = 0;
  std::memcpy(&rank, key.data() + skip, std::min<std::size_t>(8, key.size() - skip));
  return std::endian::native == std::endian::little ? __builtin_bswap64(rank) : rank;
}

std::size_t common_prefix(std::string_view left, std::string_view right) {
  const auto most = std::min(left.size(), right.size());
  const auto differs = std::mismatch(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(most), right.begin());
  return static_cast<std::size_t>(differs.first - left.begin());
}

}  // namespace

void PendingRows::add(std::string_view key, std::string_view delta) {
  auto at = changes_.find(key);
  if (at == changes_.end()) {
    at = changes_.emplace(key, delta).first;
    bytes_ += entry_bytes + key.size() + delta.size();
    return;
  }
  const auto size = at->second.size();
  combiner_.combine(at->second, delta);
  bytes_ += at->second.size() - size;  // modulo 2^64, so shrinking works too
}

const std::string* PendingRows::find(std::string_view key) const {
  const auto at = changes_.find(key);
  return at == changes_.end() ? nullptr : &at->second;
}

const std::vector<const PendingRows::Change*>& PendingRows::sorted() {
  sorted_.clear();
  if (changes_.empty()) {
    return sorted_;
  }
  // What all keys begin with decides nothing, so they are compared by the eight bytes after it first.
  const std::string_view first = changes_.begin()->first;
  auto skip = first.size();
  for (const auto& change : changes_) {
    skip = common_prefix(first.substr(0, skip), change.first);
  }
  std::vector<std::pair<std::uint64_t, const Change*>> ranked;
  ranked.reserve(changes_.size());
  for (const auto& change : changes_) {
    ranked.emplace_back(rank_of(change.first, skip), &change);
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& left, const auto& right) {
    return left.first != right.first ? left.first < right.first : left.second->first < right.second->first;
  });
  sorted_.reserve(ranked.size());
  for (const auto& change : ranked) {
    sorted_.push_back(change.second);
  }
  return sorted_;
}

void PendingRows::clear() {
  changes_.clear();
  sorted_.clear();
  bytes_ = 0;
}

}  // namespace weir::state
