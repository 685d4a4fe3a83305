#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"

/// Keys and values in the RocksDB directory (docs/formats.md, "RocksDB"). Every value but a row begins with
/// its version. Reading is bounded and total: what is not exactly such a value is nullopt.
namespace weir::state::layout {

/// The version of everything in the directory; written into its `WEIR` file.
inline constexpr std::uint32_t directory_version = 1;

/// Pipelines and streams are numbered within the directory, so that names are not repeated in every key.
using Number = std::uint32_t;

// Keys: a letter for the kind, then numbers as four bytes, most significant first, so that what belongs
// together is stored together.
std::string pipelines_prefix();                                            // p
std::string pipeline_key(std::string_view name);                           // p <name>
std::string letter_sum_key(Number pipeline);                               // c <pipeline>
std::string streams_prefix(Number pipeline);                               // s <pipeline>
std::string stream_key(Number pipeline, std::string_view name);            // s <pipeline> <name>
std::string shards_prefix(Number pipeline, Number stream);                 // h <pipeline> <stream>
std::string shard_key(Number pipeline, Number stream, std::string_view shard);
std::string gaps_prefix(Number pipeline, Number stream);                   // g <pipeline> <stream>
std::string gap_key(Number pipeline, Number stream, std::uint32_t index);
std::string dead_letters_prefix(Number pipeline, Number stream);           // d <pipeline> <stream>
/// In the order of shard, sequence number (a number, so by length first), place within an aggregated record.
std::string dead_letter_key(Number pipeline, Number stream, const LetterId& id);
std::string claims_prefix(Number pipeline, Number stream);                 // e <pipeline> <stream>
/// In the same order.
std::string claim_key(Number pipeline, Number stream, std::string_view shard, const ShardEvent& event);
/// The least key above those of the shard's events up to `last` and all that was unpacked from it.
std::string after_claims_key(Number pipeline, Number stream, std::string_view shard,
                             const stream::SequenceNumber& last);
std::string rows_prefix(Number pipeline);                                  // r <pipeline>
std::string journal_prefix();                                              // j
std::string journal_key(std::uint32_t index);                              // j <index>
/// How many batches were ever written: `n`, put, and `m`, to which each batch adds one. They differ when a part of what
/// was written is missing from the middle, which no checksum tells.
std::string writes_key();  // n
std::string writes_added_key();  // m
/// What the keys of everything that carries the pipeline's number begin with: five bytes each.
std::vector<std::string> prefixes_of(Number pipeline);
/// The least key above every key that starts with `prefix` (which is not all 0xff: it starts with a letter).
std::string after_prefix(std::string prefix);

struct PipelineValue {
  Number number = 0;
  std::optional<std::string> definition;
};
struct StreamValue {
  Number number = 0;
  std::optional<stream::StreamIdentity> identity;
  std::optional<stream::Start> start;
};

std::string encode(const PipelineValue& value);
std::string encode(const StreamValue& value);
std::string encode(const stream::ShardPosition& value);
std::string encode(const stream::Gap& value);
std::string encode(const DeadLetter& value);  ///< without what the key says
std::string encode(const LetterSum& value);
std::string encode_claim(bool confirmed);
std::string encode_writes(std::uint64_t number);

/// A journal entry: the changes of rows of one commit, appended one by one.
std::string begin_journal_entry();
void append_change(std::string& entry, std::string_view row_key, std::string_view delta);

std::optional<PipelineValue> decode_pipeline(std::string_view bytes);
std::optional<StreamValue> decode_stream(std::string_view bytes);
std::optional<stream::ShardPosition> decode_shard(std::string_view bytes);
std::optional<stream::Gap> decode_gap(std::string_view bytes);
/// `key` without its prefix.
std::optional<DeadLetter> decode_dead_letter(std::string_view key, std::string_view bytes);
std::optional<LetterSum> decode_letter_sum(std::string_view bytes);
std::optional<std::uint64_t> decode_writes(std::string_view bytes);
/// Of two numbers added one to the other; what is no such value stays none.
std::string add_writes(std::string_view left, std::string_view right);
/// Whose event it is; `key` without its prefix.
std::optional<stream::ShardId> decode_claim_key(std::string_view key);
/// Whether it is confirmed.
std::optional<bool> decode_claim(std::string_view bytes);

/// Takes a journal entry apart: `change(row key, delta)` for each; false if it is none.
bool read_journal_entry(std::string_view bytes, const std::function<void(std::string_view, std::string_view)>& change);

}  // namespace weir::state::layout
