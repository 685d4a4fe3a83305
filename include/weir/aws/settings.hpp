#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "weir/aws/credentials.hpp"
#include "weir/aws/environment.hpp"
#include "weir/base/result.hpp"

namespace weir::aws {

/// Where to send requests, and as whom.
struct Settings {
  std::string region;    ///< "eu-central-1"; what requests are signed for
  std::string endpoint;  ///< "https://kinesis.eu-central-1.amazonaws.com", without a slash at the end
  std::shared_ptr<CredentialsProvider> credentials;
  std::string ca_bundle;  ///< a PEM file; empty: the system's
};

/// What a caller chooses; what is left empty is looked up.
struct SettingsOptions {
  std::string region;
  std::string endpoint;
  std::string profile;
  Environment environment = process_environment();
  SettingsOptions() = default;
};

/// Settles region, endpoint and credentials for Kinesis. The caller's choice beats the environment, which
/// beats the profile:
/// - region: option, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`;
/// - endpoint: option, `AWS_ENDPOINT_URL_KINESIS`, `AWS_ENDPOINT_URL`, `endpoint_url` of the profile's
///   `services` section for kinesis, the profile's `endpoint_url`, the region's own. All but the first and
///   the last are passed over when `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true;
/// - FIPS and dual-stack hosts: `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, or the profile's
///   `use_fips_endpoint`, `use_dualstack_endpoint`; refused beside an endpoint of the caller's own;
/// - credentials: `default_provider`; CA bundle: `AWS_CA_BUNDLE`, the profile's `ca_bundle`.
///
/// An endpoint on this machine (http to localhost, 127.0.0.0/8 or ::1) works out of the box: where
/// nothing else is set, it gets the region us-east-1 and made-up keys, which local endpoints don't check.
///
/// Refused with a sentence: no region, a malformed region or endpoint, a profile that does not exist, and
/// whatever `default_provider` refuses.
Result<Settings> resolve_settings(const SettingsOptions& options);

/// The regional endpoint by the service's rules (botocore `endpoint-rule-set-1.json`, `partitions.json`).
std::string kinesis_endpoint(std::string_view region, bool fips = false, bool dual_stack = false);

/// Whether a text can be the name of a region, or a whole endpoint: http or https, a host, a port from 1 to 65535,
/// no user, query or fragment.
bool is_region(std::string_view text);
bool is_endpoint(std::string_view text);

/// Whether plain http to this machine itself.
bool is_loopback(std::string_view endpoint);

}  // namespace weir::aws
