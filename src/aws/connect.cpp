// Apart from the rest, so that who brings another transport links no HTTP client.
#include "weir/aws/kinesis_client.hpp"

namespace weir::aws {

std::unique_ptr<KinesisClient> KinesisClient::connect(const Settings& settings, Clock& clock, Options options) {
  if (options.http.ca_bundle.empty()) {
    options.http.ca_bundle = settings.ca_bundle;
  }
  auto client = std::make_shared<http::Client>(options.http);
  Transport transport = [client](const http::Request& request, std::stop_token stop) {
    return client->send(request, std::move(stop));
  };
  return std::make_unique<KinesisClient>(settings, std::move(transport), clock, std::move(options));
}

Result<std::unique_ptr<KinesisClient>> KinesisClient::connect(const SettingsOptions& where, Options options) {
  WEIR_TRY(const auto settings, resolve_settings(where));
  return connect(settings, system_clock(), std::move(options));
}

}  // namespace weir::aws
