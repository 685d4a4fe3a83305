#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.hpp"
#include "weir/base/result.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/stream/sequence_number.hpp"

namespace weir::pipelines {

inline constexpr std::size_t file_bytes_max = 1024 * 1024;

/// Where a pipeline file says its records come from. Empty texts: not said.
struct FileSource {
  enum class Start { latest, trim_horizon, at_timestamp, at_sequence_number, after_sequence_number };
  std::string stream;  ///< a name or an ARN
  Start start = Start::latest;
  Timestamp timestamp{};                   ///< with at_timestamp
  std::string shard;                       ///< with a sequence number
  stream::SequenceNumber sequence_number;  ///< likewise
  std::string region;
  std::string endpoint;
  std::string profile;
};

/// A pipeline file (docs/pipeline-file.md), read.
struct FileDefinition {
  PipelinePtr pipeline;
  FileSource source;
  /// A directory, `memory`, or empty: the default, ./weir-state/<name>. As written: a relative one is
  /// relative to the current directory.
  std::string state;
  /// A stream that dead letters are copied to; empty: none.
  std::string dead_letter_stream;
};

/// Whether a region or an endpoint that the file names can be one: what calls the service knows (`aws::is_region`,
/// `aws::is_endpoint`). Without them any text is taken.
struct FileChecks {
  std::function<bool(std::string_view)> region;
  std::function<bool(std::string_view)> endpoint;
};

/// Fails with `refused`: each mistake is told with file, line, column, what was found and what was expected.
Result<FileDefinition> load_file(const std::string& path, const FileChecks& checks = FileChecks());
/// The same from text; `path` is for messages.
Result<FileDefinition> parse_file(const std::string& text, const std::string& path,
                                  const FileChecks& checks = FileChecks());

}  // namespace weir::pipelines
