#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/decode/compression.hpp"
#include "weir/decode/value.hpp"
#include "weir/pipeline/aggregate.hpp"
#include "weir/pipeline/handler.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/pipeline/row_key.hpp"

namespace weir::pipelines {

/// Everything that decides what a pipeline does, apart from how a record's fields are reached.
struct Spec {
  struct Keep {
    std::string name;
    AggregateKind kind = AggregateKind::count;
    std::string field;  ///< empty with `count`
  };
  std::string name;
  std::string decode = "json";
  bool unpack_kpl = false;
  FailurePolicy failure_policy;
  decode::Compression compression = decode::Compression::none;  ///< of each payload, after unpacking
  std::string event_time;                      ///< a field; empty: the arrival time
  std::vector<std::vector<std::string>> keys;  ///< the fields of each roll-up's key
  std::vector<Keep> keeps;
};
inline constexpr std::size_t aggregates_max = 256;
inline constexpr std::size_t name_bytes_max = 128;

/// What an extractor makes of one record: a key per roll-up and a value per aggregate (integer, real,
/// missing or null). On failure the code and a sentence.
struct Extracted {
  std::vector<RowKeyWriter> keys;
  std::vector<decode::Value> values;
  Timestamp event_time{};  ///< of a pipeline that names a field
  std::string code;
  std::string reason;

  bool fail(std::string_view error_code, std::string sentence) {
    code = error_code;
    reason = std::move(sentence);
    return false;
  }
  bool fail(const Error& error) { return fail(error.code, error.message); }
  /// Fails unless the time is one, at most a day after the record's arrival. An arrival of 0 is unknown.
  bool take_event_time(const decode::Value& value, Timestamp arrival);
  /// Finishes a roll-up's key.
  bool finish_key(std::size_t roll_up) {
    return keys[roll_up].finish() || fail("KeyTooLong", "the key takes " + std::to_string(keys[roll_up].length()) +
                                                            " bytes as it is stored, at most " +
                                                            std::to_string(state::key_bytes_max) + " are possible");
  }
  bool missing_key(std::string_view field) {
    return fail("MissingKey", std::string("the key ").append(field).append(" is missing or null"));
  }
};

/// Decodes a record and extracts what a pipeline needs. One thread at a time; each folder has its own.
class Extractor {
 public:
  virtual ~Extractor() = default;
  /// All of it, or false with the reason in `out`.
  virtual bool extract(const stream::RawRecord& record, Extracted& out) = 0;
  /// The records extracted so far are applied; their views are not used any more.
  virtual void clear() noexcept = 0;
};

using PipelinePtr = std::shared_ptr<const Pipeline>;

/// The one implementation behind typed pipelines and pipeline files. Refuses what makes no pipeline: no
/// key, no aggregate, bad or repeated names.
Result<PipelinePtr> make_pipeline(Spec spec, std::function<std::unique_ptr<Extractor>()> make_extractor);

/// A pipeline that keeps no totals and runs `handler`. Refuses a spec with keys or aggregates, and bad names.
Result<PipelinePtr> make_handler_pipeline(Spec spec, std::unique_ptr<Handler> handler);

/// What to store of a pipeline whose definition is `current`, where `stored` is stored: the same definition,
/// or the same with aggregates added, which are noted as counting since `now`. Else `refused` with code
/// "DefinitionChanged", and what differs.
Result<std::string> continue_definition(std::string_view stored, std::string_view current, Timestamp now);

/// An aggregate that was added to a pipeline with state.
struct AddedAggregate {
  std::string name;
  std::string since;  ///< RFC 3339
};
/// Those that a stored definition notes.
std::vector<AddedAggregate> added_aggregates(std::string_view stored);

/// 1 to `name_bytes_max` letters, digits, `_`, `-` or `.`, the first a letter, digit or `_`.
bool is_name(std::string_view name) noexcept;

}  // namespace weir::pipelines
