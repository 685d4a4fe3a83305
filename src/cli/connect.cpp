#include "cli/connect.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <chrono>

#include "weir/aws/kinesis_client.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/task_group.hpp"
#include "weir/http/client.hpp"

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

// How long an endpoint may think before somebody who waits is told.
constexpr std::chrono::seconds silence_max{3};

// Says at once that nobody can be reached, and soon that nobody answers, which the client tries to mend for longer
// than a person waits. Until the first answer, once each.
class FirstContact {
 public:
  FirstContact(http::Client::Options options, Console& console, std::string endpoint)
      : client_(std::move(options)), console_(console), endpoint_(std::move(endpoint)) {}

  Task<http::Reply> send(const http::Request& request, std::stop_token stop) {
    if (settled_) {
      co_return co_await client_.send(request, std::move(stop));
    }
    auto executor = co_await boost::asio::this_coro::executor;
    TaskGroup beside(executor, stop);
    beside.spawn(say_if_silent(beside.stop_token()));
    auto reply = co_await client_.send(request, std::move(stop));
    beside.request_stop();
    static_cast<void>(co_await beside.wait());
    const bool failed = !reply && reply.error().next == Next::retry;
    if (!settled_.exchange(true) && failed) {
      // What was sent has reached somebody.
      console_.note(reply.error().may_have_taken_effect ? fmt::format("no answer from {}; trying again", endpoint_)
                                                        : fmt::format("cannot reach {}; trying again", endpoint_));
    }
    co_return reply;
  }

 private:
  Task<void> say_if_silent(std::stop_token stop) {
    WEIR_CO_CHECK(co_await system_clock().sleep(silence_max, stop));
    if (!settled_ && !waited_.exchange(true)) {
      console_.note(fmt::format("no answer from {} for {} s; waiting", endpoint_, silence_max.count()));
    }
    co_return Result<void>();
  }

  http::Client client_;
  Console& console_;
  const std::string endpoint_;
  std::atomic<bool> settled_{false};
  std::atomic<bool> waited_{false};  // the wait has been told
};

// Errors of the transport name host and port; what to check depends on whose endpoint it is.
Error explain(Error error, const Connection& connection, const std::string& stream) {
  const auto& endpoint = connection.settings.endpoint;
  if (error.code == "ResourceNotFoundException") {
    error.message = fmt::format("there is no stream '{}' at {} (region {}); check the name, --region and --endpoint",
                                stream, endpoint, connection.settings.region);
  } else if (error.code == fmt::format("HTTP{}", error.http_status) || error.next == Next::corrupt) {
    error.message += fmt::format("; what answers at {} may be no Kinesis: check --endpoint", endpoint);
  } else if (error.code == "ProxyUnreachable") {
    return error;
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
  auto settings = settle(context.common, file, aws::process_environment());
  if (!settings && (settings.error().code == "BadEndpoint" || settings.error().code == "BadRegion")) {
    return as_misuse(std::move(settings).error());
  }
  WEIR_TRY(connection.settings, std::move(settings));
  connection.is_local = aws::is_loopback(connection.settings.endpoint);
  aws::KinesisClient::Options options;
  options.http.user_agent = "weir/" WEIR_VERSION;
  options.http.ca_bundle = connection.settings.ca_bundle;
  options.log = context.log;
  auto contact = std::make_shared<FirstContact>(options.http, context.console, connection.settings.endpoint);
  aws::Transport transport = [contact = std::move(contact)](const http::Request& request, std::stop_token stop) {
    return contact->send(request, std::move(stop));
  };
  connection.kinesis = std::make_unique<aws::KinesisClient>(connection.settings, std::move(transport), system_clock(),
                                                            std::move(options));
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
