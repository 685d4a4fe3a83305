#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/line_reader.hpp"
#include "weir/api/kinesis_api.hpp"
#include "weir/base/random.hpp"
#include "weir/base/result.hpp"
#include "weir/decode/arena.hpp"
#include "weir/decode/fields.hpp"
#include "weir/decode/scratch.hpp"

namespace weir::cli {

/// Finds a record's partition key in its JSON. One thread.
class KeyFinder {
 public:
  /// `path`: a member, or a member of a member ("flight.origin").
  static Result<KeyFinder> of(const std::string& path);

  /// The value as text: a string, an integer, or true or false. Lives until the next call. `line` is
  /// followed by `stream::padding_bytes` readable bytes. Fails with what is wrong, without the payload.
  Result<std::string_view> find(std::string_view line);

 private:
  KeyFinder(std::string path, decode::Fields fields) : path_(std::move(path)), fields_(std::move(fields)) {}
  std::string path_;
  decode::Fields fields_;
  decode::Scratch scratch_;
  std::string digits_;
};

/// Records for one PutRecords call, with everything that they point into.
struct PutBatch {
  api::PutRecordsRequest request;
  std::vector<std::uint64_t> lines;  ///< of each record
  std::vector<std::shared_ptr<const char[]>> blocks;
  decode::Arena keys;
  std::size_t bytes = 0;  ///< data and keys

  void clear();
};

/// Makes batches of the lines of a file: a record each, with a random key or one found in it. One thread.
class RecordFeed {
 public:
  struct Options {
    std::size_t records_max = api::put_records_max;
    std::size_t bytes_max = api::put_request_bytes_max;
    std::size_t record_bytes_max = api::record_bytes_max;  ///< data and key, as the service counts
    Options() {}
  };

  RecordFeed(LineReader& lines, std::optional<KeyFinder> key, Random random, Options options = Options());

  /// Fills `batch` from empty. `line`: it is full. `wait` and `end`: it holds what there was. On a bad
  /// line it fails with a sentence that names the line; the batch holds the lines before it.
  Result<LineReader::Step> fill(PutBatch& batch);

 private:
  Result<std::string_view> key_of_line();
  Result<bool> add(PutBatch& batch);

  LineReader& lines_;
  std::optional<KeyFinder> key_;
  Random random_;
  const Options options_;
  std::string random_key_;
  bool holds_line_ = false;  // the reader's latest line did not fit in
};

}  // namespace weir::cli
