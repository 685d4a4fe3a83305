#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "weir/decode/arena.hpp"
#include "weir/decode/value.hpp"
#include "weir/pipeline/aggregate.hpp"
#include "weir/pipeline/pipeline.hpp"

namespace weir::pipelines {

/// Where each aggregate's slot lies in a row, and in which order rows are written.
class RowLayout {
 public:
  struct Cell {
    AggregateKind kind;
    std::uint32_t offset;
    std::uint32_t id;
  };
  /// `names` and `kinds` in the pipeline's order.
  RowLayout(std::span<const std::string> names, std::span<const AggregateKind> kinds);

  std::span<const Cell> cells() const noexcept { return cells_; }
  std::span<const std::uint32_t> by_id() const noexcept { return by_id_; }
  std::size_t slot_bytes() const noexcept { return slot_bytes_; }
  std::size_t encoded_bytes_max() const noexcept { return encoded_bytes_max_; }

 private:
  std::vector<Cell> cells_;          // in the pipeline's order
  std::vector<std::uint32_t> by_id_;  // indices of cells, as rows are written
  std::size_t slot_bytes_ = 0;
  std::size_t encoded_bytes_max_ = 1;
};

/// Rows being added to, found by key. A row is one piece of memory, so that looking it up brings its slots
/// into the cache: head, slots, key.
class RowDeltas final : public Deltas {
 public:
  /// `layout` must outlive it.
  explicit RowDeltas(const RowLayout& layout);

  void add(std::string_view key, std::span<const decode::Value> values);

  std::size_t keys() const noexcept override { return rows_.size(); }
  std::size_t bytes() const noexcept override;
  void encode(std::vector<state::RowChange>& changes) override;
  void clear() noexcept override;

 private:
  struct alignas(16) Row {
    std::uint64_t hash;
    std::uint32_t key_bytes;
    char* slots() noexcept { return reinterpret_cast<char*>(this + 1); }
  };
  struct Probe {
    std::string_view key;
    std::uint64_t hash;
  };
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(const Row* row) const noexcept { return row->hash; }
    std::size_t operator()(const Probe& probe) const noexcept { return probe.hash; }
  };
  struct Equal {
    using is_transparent = void;
    std::size_t slot_bytes;
    bool operator()(const Row* left, const Row* right) const noexcept { return left == right; }
    bool operator()(const Probe& probe, const Row* row) const noexcept { return (*this)(row, probe); }
    bool operator()(const Row* row, const Probe& probe) const noexcept {
      return row->key_bytes == probe.key.size() &&
             std::memcmp(reinterpret_cast<const char*>(row + 1) + slot_bytes, probe.key.data(), probe.key.size()) == 0;
    }
  };
  using Index = boost::unordered_flat_set<Row*, Hash, Equal>;

  std::string_view key_of(Row* row) const noexcept { return {row->slots() + layout_->slot_bytes(), row->key_bytes}; }
  Row* insert(const Probe& probe);

  const RowLayout* layout_;
  std::uint64_t seed_;  // so that nobody can choose keys that collide
  Index index_;
  std::vector<Row*> rows_;  // in the order of their first record
  decode::Arena memory_;
  decode::Arena encoded_;
};

/// A hash of bytes whose every bit depends on every bit of the key (after wyhash, Wang Yi, public domain).
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) noexcept;

}  // namespace weir::pipelines
