#include "pipeline/row.hpp"

#include <cstring>
#include <string>

#include "pipeline/bytes.hpp"
#include "pipeline/slots.hpp"
#include "weir/pipeline/pipeline.hpp"

namespace weir::pipelines {

std::uint32_t aggregate_id(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return hash;
}

RowReader::RowReader(std::string_view row)
    : rest_(row.empty() ? row : row.substr(1)),
      ok_(row.empty() || static_cast<std::uint8_t>(row.front()) == row_version) {}

bool RowReader::next(RowEntry& entry) {
  if (!ok_ || rest_.empty()) {
    return false;
  }
  ByteReader reader(rest_);
  entry.id = reader.fixed32();
  entry.tag = reader.byte();
  const auto size = reader.varint<std::uint64_t>();
  entry.payload = reader.bytes(size);
  ok_ = reader.ok() && static_cast<std::int64_t>(entry.id) > id_before_;
  if (!ok_) {
    return false;
  }
  id_before_ = entry.id;
  rest_ = {entry.payload.data() + entry.payload.size(),
           static_cast<std::size_t>(rest_.data() + rest_.size() - entry.payload.data() - entry.payload.size())};
  return true;
}

namespace {

/// Kinds of later versions pass as they are, as long as nothing must be added to them.
bool well_formed(const RowEntry& entry) {
  if (!is_kind(entry.tag)) {
    return true;
  }
  return with_slot(static_cast<AggregateKind>(entry.tag), [&entry]<class Slot>(Slot* /*type*/) {
    Slot slot;
    std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
    return slot.decode(entry.payload);
  });
}

bool well_formed(std::string_view row) {
  RowReader reader(row);
  RowEntry entry;
  while (reader.next(entry)) {
    if (!well_formed(entry)) {
      return false;
    }
  }
  return reader.ok();
}

void append(const RowEntry& entry, std::string& out) {
  char head[5 + varint64_bytes_max];
  ByteWriter writer(head);
  writer.fixed32(entry.id);
  writer.byte(entry.tag);
  writer.varint(std::uint64_t{entry.payload.size()});
  out.append(writer.written()).append(entry.payload);
}

bool append_sum(const RowEntry& left, const RowEntry& right, std::string& out) {
  if (left.tag != right.tag || !is_kind(left.tag)) {
    return false;
  }
  return with_slot(static_cast<AggregateKind>(left.tag), [&]<class Slot>(Slot* /*type*/) {
    Slot sum;
    Slot other;
    std::memset(static_cast<void*>(&sum), 0, sizeof(sum));
    std::memset(static_cast<void*>(&other), 0, sizeof(other));
    if (!sum.decode(left.payload) || !other.decode(right.payload)) {
      return false;
    }
    sum.merge(other);
    char payload[Slot::encoded_bytes_max];
    ByteWriter writer(payload);
    sum.encode(writer);
    append({left.id, left.tag, writer.written()}, out);
    return true;
  });
}

bool append_combined(std::string_view left, std::string_view right, std::string& out) {
  RowReader lefts(left);
  RowReader rights(right);
  RowEntry a;
  RowEntry b;
  bool more_a = lefts.next(a);
  bool more_b = rights.next(b);
  while (more_a || more_b) {
    if (more_a && more_b && a.id == b.id) {
      if (!append_sum(a, b, out)) {
        return false;
      }
      more_a = lefts.next(a);
      more_b = rights.next(b);
      continue;
    }
    const bool take_a = more_a && (!more_b || a.id < b.id);
    if (!well_formed(take_a ? a : b)) {
      return false;
    }
    append(take_a ? a : b, out);
    if (take_a) {
      more_a = lefts.next(a);
    } else {
      more_b = rights.next(b);
    }
  }
  return lefts.ok() && rights.ok();
}

class RowCombiner final : public state::Combiner {
 public:
  void combine(std::string& row, std::string_view delta) const noexcept override {
    if (delta.empty()) {
      return;
    }
    if (row.empty()) {
      row.assign(well_formed(delta) ? delta : corrupt_row);
      return;
    }
    // Kept from call to call: a commit combines thousands of rows.
    thread_local std::string combined;
    combined.assign(1, static_cast<char>(row_version));
    row.assign(append_combined(row, delta, combined) ? std::string_view(combined) : corrupt_row);
  }
};

}  // namespace

const state::Combiner& row_combiner() {
  static const RowCombiner combiner;
  return combiner;
}

}  // namespace weir::pipelines
