#include "cli/reader_config.hpp"

#include "cli/pipeline_file.hpp"

namespace weir::cli {
namespace {

kinesis::StartingPosition starting_position(pipelines::FileSource::Start start) {
  using From = pipelines::FileSource::Start;
  switch (start) {
    case From::latest:
      return kinesis::StartingPosition::latest;
    case From::trim_horizon:
      return kinesis::StartingPosition::trim_horizon;
    case From::at_timestamp:
      return kinesis::StartingPosition::at_timestamp;
    case From::at_sequence_number:
      return kinesis::StartingPosition::at_sequence_number;
    case From::after_sequence_number:
      return kinesis::StartingPosition::after_sequence_number;
  }
  return kinesis::StartingPosition::latest;
}

}  // namespace

kinesis::ReaderConfig reader_config(const pipelines::FileSource& source, const Connection& connection) {
  kinesis::ReaderConfig config;
  config.client = connection.kinesis.get();
  config.stream_name = stream_name_of(source.stream);
  if (source.stream.starts_with("arn:")) {
    config.stream_arn = source.stream;
  }
  config.starting_position = starting_position(source.start);
  if (source.start == pipelines::FileSource::Start::at_timestamp) {
    config.start_timestamp = source.timestamp;
  }
  config.starting_sequence_number = source.sequence_number.text();
  config.starting_shard = source.shard;
  // An endpoint on this machine has no shares to keep within.
  config.keep_quotas = !connection.is_local;
  return config;
}

}  // namespace weir::cli
