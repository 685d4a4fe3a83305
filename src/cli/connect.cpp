#include "cli/connect.hpp"

#include <fmt/format.h>

#include "weir/aws/kinesis_client.hpp"
#include "weir/base/clock.hpp"

namespace weir::cli {
namespace {

bool any_set(const aws::Environment& environment, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (!environment(name).empty()) {
      return true;
    }
  }
  return false;
}

bool is_true(const std::string& text) { return text == "true" || text == "True" || text == "TRUE"; }

// Errors of the transport name host and port; what to check depends on whose endpoint it is.
Error explain(Error error, const Connection& connection, const std::string& stream) {
  const auto& endpoint = connection.settings.endpoint;
  if (error.code == "ResourceNotFoundException") {
    error.message = fmt::format("there is no stream '{}' at {} (region {}); check the name, --region and --endpoint",
                                stream, endpoint, connection.settings.region);
  } else if (error.http_status == 0 && error.next == Next::retry) {
    error.message += connection.is_local ? std::string("; `weir local` starts a local one")
                                         : fmt::format("; check --endpoint ({}), --region and the network", endpoint);
  }
  return error;
}

}  // namespace

Result<aws::Settings> settle(const CommonOptions& common, const FileSettings& file, aws::Environment environment) {
  aws::SettingsOptions options;
  options.endpoint = common.endpoint;
  options.region = common.region;
  options.profile = common.profile;
  const bool ignores_endpoints = is_true(environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
  if (options.endpoint.empty() &&
      (ignores_endpoints || !any_set(environment, {"AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"}))) {
    options.endpoint = file.endpoint;
  }
  if (options.region.empty() && !any_set(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"})) {
    options.region = file.region;
  }
  // A profile given as an option would beat keys in the environment; one in the file must not.
  const bool has_profile = any_set(environment, {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
  options.environment = [environment = std::move(environment), has_profile,
                         profile = file.profile](const std::string& name) {
    return name == "AWS_PROFILE" && !has_profile ? profile : environment(name);
  };
  return aws::resolve_settings(options);
}

Result<Connection> connect(const Context& context, const FileSettings& file) {
  Connection connection;
  WEIR_TRY(connection.settings, settle(context.common, file, aws::process_environment()));
  connection.is_local = aws::is_loopback(connection.settings.endpoint);
  aws::KinesisClient::Options options;
  options.http.user_agent = "weir/" WEIR_VERSION;
  options.log = context.log;
  connection.kinesis = aws::KinesisClient::connect(connection.settings, system_clock(), std::move(options));
  return connection;
}

Task<api::StreamSummary> find_stream(const Connection& connection, std::string stream, std::stop_token stop) {
  api::StreamRef name;
  name.name = stream;
  auto summary = co_await connection.kinesis->describe_stream_summary(name, stop);
  if (!summary) {
    if (summary.error().code == "AccessDeniedException") {
      co_return api::StreamSummary();
    }
    co_return explain(std::move(summary).error(), connection, stream);
  }
  co_return summary;
}

}  // namespace weir::cli
