#pragma once

#include <cstdint>
#include <string_view>

#include "weir/pipeline/aggregate.hpp"

// Rows as they are stored: see "Rows" in docs/formats.md.
namespace weir::pipelines {

/// The first byte of a row.
inline constexpr std::uint8_t row_version = 1;
/// A row that holds something that is no row. Whatever is combined with it stays it.
inline constexpr std::string_view corrupt_row{"\xff", 1};

/// Names an aggregate within rows: FNV-1a of its name. A pipeline with two equal ones is refused.
std::uint32_t aggregate_id(std::string_view name) noexcept;

/// One aggregate of a row.
struct RowEntry {
  std::uint32_t id = 0;
  std::uint8_t tag = 0;  ///< an AggregateKind
  std::string_view payload;
};
/// The id, the tag, and a length that fits in one byte.
inline constexpr std::size_t entry_head_bytes = 6;

/// Takes a row apart: its entries, by ascending id.
class RowReader {
 public:
  explicit RowReader(std::string_view row);
  /// False at the end and at the first thing that is not ours: see `ok`.
  bool next(RowEntry& entry);
  bool ok() const noexcept { return ok_; }

 private:
  std::string_view rest_;
  std::int64_t id_before_ = -1;
  bool ok_;
};

}  // namespace weir::pipelines
