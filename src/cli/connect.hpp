#pragma once

#include <memory>
#include <string>

#include "cli/command.hpp"
#include "weir/api/kinesis_api.hpp"
#include "weir/aws/environment.hpp"
#include "weir/aws/settings.hpp"
#include "weir/base/task.hpp"

namespace weir::cli {

/// What a pipeline file says about where its stream is.
struct FileSettings {
  std::string endpoint;
  std::string region;
  std::string profile;
};

/// Settles endpoint, region and credentials: the flag, else the environment, else the pipeline file, else
/// the profile.
Result<aws::Settings> settle(const CommonOptions& common, const FileSettings& file, aws::Environment environment);

/// A Kinesis to call, and where it is.
struct Connection {
  aws::Settings settings;
  std::unique_ptr<api::KinesisApi> kinesis;
  bool is_local = false;  ///< on this machine, and without quotas
};
Result<Connection> connect(const Context& context, const FileSettings& file = {});

/// `connect` reaches nothing yet; this asks for the stream, so that whatever is wrong is said at once, by
/// name: no such stream, nobody there, credentials refused. Those who may put but not describe get a
/// summary without content.
Task<api::StreamSummary> find_stream(const Connection& connection, std::string stream, std::stop_token stop);

}  // namespace weir::cli
