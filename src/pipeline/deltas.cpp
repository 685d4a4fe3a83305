#include "pipeline/deltas.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "pipeline/row.hpp"
#include "pipeline/slots.hpp"
#include "weir/base/random.hpp"

namespace weir::pipelines {
namespace {

/// What `clear` keeps for the next round; a commit's 100,000 records over 10,000 keys need about 2 MiB.
constexpr std::size_t kept_bytes_max = 16U * 1024 * 1024;
constexpr std::size_t kept_rows_max = 256 * 1024;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t load64(const char* p) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

std::uint64_t load32(const char* p) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

constexpr std::uint64_t secret0 = 0xa0761d6478bd642fU;
constexpr std::uint64_t secret1 = 0xe7037ed1a0b428dbU;
constexpr std::uint64_t secret2 = 0x8ebc6af09c88c6e3U;

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) noexcept {
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  seed ^= secret0;
  while (left > 16) {
    seed = mix(load64(p) ^ secret1, load64(p + 8) ^ seed);
    p += 16;
    left -= 16;
  }
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (left >= 8) {
    a = load64(p);
    b = load64(p + left - 8);
  } else if (left >= 4) {
    a = load32(p);
    b = load32(p + left - 4);
  } else if (left > 0) {
    a = (std::uint64_t{static_cast<unsigned char>(p[0])} << 16U) |
        (std::uint64_t{static_cast<unsigned char>(p[left >> 1U])} << 8U) | static_cast<unsigned char>(p[left - 1]);
  }
  return mix(secret2 ^ bytes.size(), mix(a ^ secret1, b ^ seed));
}

RowLayout::RowLayout(std::span<const std::string> names, std::span<const AggregateKind> kinds) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [bytes, encoded] = with_slot(
        kinds[i], []<class Slot>(Slot* /*type*/) { return std::pair(sizeof(Slot), Slot::encoded_bytes_max); });
    cells_.push_back({kinds[i], static_cast<std::uint32_t>(slot_bytes_), aggregate_id(names[i])});
    slot_bytes_ += bytes;
    encoded_bytes_max_ += entry_head_bytes + encoded;
  }
  by_id_.resize(cells_.size());
  std::iota(by_id_.begin(), by_id_.end(), 0U);
  std::sort(by_id_.begin(), by_id_.end(),
            [this](std::uint32_t left, std::uint32_t right) { return cells_[left].id < cells_[right].id; });
}

RowDeltas::RowDeltas(const RowLayout& layout)
    : layout_(&layout),
      seed_(Random::from_machine()()),
      index_(0, Hash(), Equal{layout.slot_bytes()}),
      memory_(kept_bytes_max),
      encoded_(kept_bytes_max) {}

RowDeltas::Row* RowDeltas::insert(const Probe& probe) {
  const std::size_t slot_bytes = layout_->slot_bytes();
  // Room for both lists first: from here on nothing throws and leaves a row half known.
  if (rows_.size() == rows_.capacity()) {
    rows_.reserve(std::max<std::size_t>(256, rows_.size() * 2));
  }
  auto* row = new (memory_.allocate(sizeof(Row) + slot_bytes + probe.key.size(), alignof(Row))) Row;
  row->hash = probe.hash;
  row->key_bytes = static_cast<std::uint32_t>(probe.key.size());
  std::memset(row->slots(), 0, slot_bytes);
  std::memcpy(row->slots() + slot_bytes, probe.key.data(), probe.key.size());
  index_.insert(row);
  rows_.push_back(row);
  return row;
}

void RowDeltas::add(std::string_view key, std::span<const decode::Value> values) {
  const Probe probe{key, hash_bytes(key, seed_)};
  const auto found = index_.find(probe);
  char* slots = (found != index_.end() ? *found : insert(probe))->slots();
  const auto cells = layout_->cells();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    char* slot = slots + cells[i].offset;
    switch (cells[i].kind) {
      case AggregateKind::count:
        reinterpret_cast<CountSlot*>(slot)->add(values[i]);
        break;
      case AggregateKind::sum:
      case AggregateKind::mean:
        reinterpret_cast<SumSlot*>(slot)->add(values[i]);
        break;
      case AggregateKind::min:
        reinterpret_cast<MinSlot*>(slot)->add(values[i]);
        break;
      case AggregateKind::max:
        reinterpret_cast<MaxSlot*>(slot)->add(values[i]);
        break;
    }
  }
}

std::size_t RowDeltas::bytes() const noexcept {
  return memory_.bytes_used() + encoded_.bytes_used() + rows_.size() * 2 * sizeof(Row*);
}

void RowDeltas::encode(std::vector<state::RowChange>& changes) {
  changes.reserve(changes.size() + rows_.size());
  const auto cells = layout_->cells();
  for (Row* row : rows_) {
    char* begin = encoded_.allocate(layout_->encoded_bytes_max());
    ByteWriter writer(begin);
    writer.byte(row_version);
    for (const auto index : layout_->by_id()) {
      const auto& cell = cells[index];
      writer.fixed32(cell.id);
      writer.byte(static_cast<std::uint8_t>(cell.kind));
      char* size = writer.position();
      writer.byte(0);
      with_slot(cell.kind, [&]<class Slot>(Slot* /*type*/) {
        static_assert(Slot::encoded_bytes_max < 0x80, "the length is written in one byte");
        reinterpret_cast<const Slot*>(row->slots() + cell.offset)->encode(writer);
      });
      *size = static_cast<char>(writer.position() - size - 1);
    }
    const auto delta = writer.written();
    encoded_.shrink(begin, delta.size());
    changes.push_back({key_of(row), delta});
  }
}

void RowDeltas::clear() noexcept {
  rows_.clear();
  if (rows_.capacity() > kept_rows_max) {
    // An empty set of its own: `clear` alone keeps the buckets of the largest round for ever.
    std::vector<Row*>().swap(rows_);
    Index empty(0, Hash(), Equal{layout_->slot_bytes()});
    index_.swap(empty);
  } else {
    index_.clear();
  }
  memory_.clear();
  encoded_.clear();
}

}  // namespace weir::pipelines
