#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/state/store.hpp"
#include "weir/stream/record.hpp"

namespace weir::pipelines {

class Handler;

/// A record that a pipeline could not take, and why. Decided from the record alone.
struct Failure {
  std::size_t index = 0;  ///< into the records given to `fold`
  std::string code;       ///< "BadJson", "MissingKey", "WrongType", ...
  std::string reason;     ///< a sentence, without the payload
};

/// What one loop has folded since its last commit: a key's changes, coalesced. One thread at a time.
class Deltas {
 public:
  virtual ~Deltas() = default;
  virtual std::size_t keys() const noexcept = 0;
  /// Memory held, roughly; a coalescing limit.
  virtual std::size_t bytes() const noexcept = 0;
  /// Appends one encoded change per key. The views live until `clear`.
  virtual void encode(std::vector<state::RowChange>& changes) = 0;
  /// Forgets everything and keeps the memory for the next round.
  virtual void clear() noexcept = 0;
};

/// One loop's working part of a pipeline: parser, buffers, extraction. One thread at a time.
class Folder {
 public:
  virtual ~Folder() = default;
  virtual std::unique_ptr<Deltas> make_deltas() const = 0;
  /// Folds the records in order. A record is taken whole or fails whole: key and values are all extracted
  /// before the first is applied. `deltas` must come from this pipeline's `make_deltas`. If user code
  /// throws, nothing of that record was applied and `next()` is its index.
  virtual void fold(std::span<const stream::RawRecord> records, Deltas& deltas, std::vector<Failure>& failures) = 0;
  /// How many of the records of the current `fold` are done.
  virtual std::size_t next() const noexcept = 0;
};

/// What becomes of a record that fails: kept as a dead letter; or the pipeline halts before it; or it is counted
/// and forgotten.
enum class OnFailure : std::uint8_t { dead_letter, halt, skip };

struct FailurePolicy {
  OnFailure on_failure = OnFailure::dead_letter;
  /// The pipeline halts before it would have more dead letters than this, or payloads of more bytes: none is ever
  /// forgotten. A gibibyte of them is a fault of the producers' that somebody should look at.
  std::uint64_t letters_max = 100'000;
  std::uint64_t letter_bytes_max = std::uint64_t{1} << 30U;

  FailurePolicy() {}
};

/// A typed description of what to keep, type-erased: what the hosts run. Immutable; any thread. One
/// implementation stands behind C++ pipelines and pipeline files.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  virtual const std::string& name() const noexcept = 0;
  /// Canonical text of everything that decides what a record does (unpack, decode, key, aggregates in order). Two
  /// pipelines with one definition do the same to every record.
  virtual const std::string& definition() const noexcept = 0;
  virtual std::unique_ptr<Folder> make_folder() const = 0;
  /// What acts on the outside world for each record, where the pipeline does that instead of keeping totals: a host
  /// runs it and folds nothing. Lives as long as the pipeline.
  virtual const Handler* handler() const noexcept { return nullptr; }
  /// Whether a host hands `fold` the user records of aggregated records instead (see stream::Unpacker).
  virtual bool unpacks_kpl() const noexcept { return false; }
  /// No part of the definition: it may change from run to run.
  virtual FailurePolicy failure_policy() const noexcept { return {}; }
  /// The names of the aggregates, in order.
  virtual std::span<const std::string> aggregates() const noexcept = 0;
  /// One JSON object of a stored row: {"key":"JFK","flights":12,"delay":3.5}; no line end. A compound key is
  /// an array; a string that is no UTF-8 is {"base64":"..."}. Where there are several roll-ups, "by" names the
  /// row's fields. What cannot be told is the
  /// word: "overflow", "corrupt".
  virtual void print_json(std::string_view key, std::string_view row, std::string& out) const = 0;
  /// The keys of the rows that a key as a person types it may mean: a plain text is the string, and the
  /// integer, boolean, quoted string or {"base64":"..."} that it spells (which of them the records held is not
  /// known here); a JSON array gives the parts of a compound key. One candidate or more, over all roll-ups.
  virtual Result<std::vector<std::string>> row_keys(std::string_view text) const = 0;
};

/// Combines encoded rows of any pipeline: rows describe themselves. Lives as long as the program.
const state::Combiner& row_combiner();

}  // namespace weir::pipelines
