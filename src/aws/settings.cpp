#include "weir/aws/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "aws/profile_files.hpp"

namespace weir::aws {
namespace {

// Local endpoints don't check signatures; some (kinesis-mock) take a key id of 12 digits as the account.
constexpr std::string_view local_key_id = "000000000000";
constexpr std::string_view local_secret = "local";
constexpr std::string_view local_region = "us-east-1";

struct Partition {
  std::string_view region_prefix;
  std::string_view suffix;
  std::string_view dual_stack_suffix;  // empty: has none
};

// botocore `partitions.json`. The longest prefix that fits; anything else is the standard partition.
constexpr Partition partitions[] = {
    {"us-isob-", "sc2s.sgov.gov", ""},
    {"us-isof-", "csp.hci.ic.gov", ""},
    {"eu-isoe-", "cloud.adc-e.uk", ""},
    {"us-iso-", "c2s.ic.gov", ""},
    {"us-gov-", "amazonaws.com", "api.aws"},
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"", "amazonaws.com", "api.aws"},
};

const Partition& partition_of(std::string_view region) {
  return *std::find_if(std::begin(partitions), std::end(partitions),
                       [region](const Partition& partition) { return region.starts_with(partition.region_prefix); });
}

std::string_view authority_of(std::string_view endpoint) {
  const auto scheme = endpoint.find("://");
  if (scheme == std::string_view::npos) {
    return {};
  }
  const auto rest = endpoint.substr(scheme + 3);
  return rest.substr(0, rest.find('/'));
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && port != 0;
}

// Host and port of an authority; nothing when it is malformed.
std::optional<std::string_view> host_of(std::string_view authority) {
  std::string_view host = authority;
  std::string_view after;
  if (authority.starts_with('[')) {  // an IPv6 address
    const auto close = authority.find(']');
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    host = authority.substr(1, close - 1);
    after = authority.substr(close + 1);
  } else if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    after = authority.substr(colon);
  }
  if (host.empty() || (!after.empty() && (after.front() != ':' || !is_port(after.substr(1))))) {
    return std::nullopt;
  }
  return host;
}

// `source` says where it was set.
Result<std::string> checked_endpoint(std::string endpoint, std::string_view source) {
  while (endpoint.ends_with('/') && !endpoint.ends_with("://")) {
    endpoint.pop_back();
  }
  // A user name and password are never repeated.
  if (endpoint.find('@') != std::string::npos) {
    return refused("BadEndpoint", fmt::format("the endpoint of {} must not hold a user name or password", source));
  }
  const auto expected = [&](std::string_view what) {
    return refused("BadEndpoint", fmt::format("the endpoint \"{}\" of {} {}", endpoint.substr(0, 200), source, what));
  };
  const bool printable = std::all_of(endpoint.begin(), endpoint.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!printable) {
    return refused("BadEndpoint", fmt::format("the endpoint of {} holds a blank or a character no URL has", source));
  }
  if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) {
    return expected("must begin with http:// or https://, as in http://127.0.0.1:4567");
  }
  if (endpoint.find_first_of("?#") != std::string::npos) {
    return expected("must not hold a query or fragment");
  }
  if (!host_of(authority_of(endpoint))) {
    return expected("needs a host and, if any, a port from 1 to 65535, as in http://127.0.0.1:4567");
  }
  return endpoint;
}

Result<bool> flag(std::string value, std::string_view name) {
  std::transform(value.begin(), value.end(), value.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (value.empty() || value == "false") {
    return false;
  }
  if (value == "true") {
    return true;
  }
  return refused("BadSetting", fmt::format("{} must be true or false", name));
}

struct Lookup {
  const Environment& environment;
  const ProfileFiles& files;
  const std::string& profile;

  /// The variable's, else the profile's.
  Result<bool> flag_of(const std::string& variable, std::string_view key) const {
    if (auto value = environment(variable); !value.empty()) {
      return flag(std::move(value), variable);
    }
    return flag(files.setting(profile, key), fmt::format("{} of profile \"{}\"", key, profile));
  }

  /// Empty: none was configured.
  Result<std::string> endpoint(const std::string& chosen) const {
    if (!chosen.empty()) {
      return checked_endpoint(chosen, "the --endpoint option");
    }
    WEIR_TRY(const bool ignore, flag_of("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"));
    if (ignore) {
      return std::string();
    }
    for (const auto* variable : {"AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"}) {
      if (auto value = environment(variable); !value.empty()) {
        return checked_endpoint(std::move(value), variable);
      }
    }
    auto value = files.service_setting(profile, "kinesis.endpoint_url");
    if (value.empty()) {
      value = files.setting(profile, "endpoint_url");
    }
    if (value.empty()) {
      return value;
    }
    return checked_endpoint(std::move(value), fmt::format("profile \"{}\"", profile));
  }

  Result<std::string> region(const std::string& chosen, bool local) const {
    const auto checked = [](std::string value, std::string_view source) -> Result<std::string> {
      if (!is_region(value)) {
        return refused("BadRegion", fmt::format("{} is not the name of a region, such as eu-central-1", source));
      }
      return value;
    };
    if (!chosen.empty()) {
      return checked(chosen, fmt::format("\"{}\" of the --region option", chosen.substr(0, 64)));
    }
    for (const auto* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
      if (auto value = environment(variable); !value.empty()) {
        const auto source = fmt::format("\"{}\" of {}", value.substr(0, 64), variable);
        return checked(std::move(value), source);
      }
    }
    if (auto value = files.setting(profile, "region"); !value.empty()) {
      const auto source = fmt::format("\"{}\" of profile \"{}\"", value.substr(0, 64), profile);
      return checked(std::move(value), source);
    }
    if (local) {
      return std::string(local_region);
    }
    if (profile != "default" && !files.has(profile)) {
      return files.no_such(profile);
    }
    return refused("NoRegion", fmt::format("no AWS region: pass --region, set AWS_REGION, or put region into profile "
                                           "\"{}\" of {}",
                                           profile, files.places()));
  }
};

Result<std::shared_ptr<CredentialsProvider>> credentials_for(const SettingsOptions& options, bool local) {
  auto provider = default_provider(options.environment, options.profile);
  if (provider || !local || !options.profile.empty()) {
    return provider;
  }
  // Half a pair of keys or an unreadable file is a mistake; none, or none of a usable kind, is not.
  const auto& code = provider.error().code;
  if (code == "NoCredentials" || code == "UnsupportedCredentials") {
    return static_credentials(Credentials(std::string(local_key_id), std::string(local_secret)));
  }
  return provider;
}

}  // namespace

// It becomes part of a host name.
bool is_region(std::string_view text) {
  constexpr std::size_t label_bytes_max = 63;  // RFC 1035
  return !text.empty() && text.size() <= label_bytes_max && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_endpoint(std::string_view text) { return checked_endpoint(std::string(text), "").ok(); }

std::string kinesis_endpoint(std::string_view region, bool fips, bool dual_stack) {
  const auto& partition = partition_of(region);
  // The standard host of us-gov is its FIPS host.
  const bool own_fips_host = fips && (dual_stack || !region.starts_with("us-gov-"));
  const auto suffix =
      dual_stack && !partition.dual_stack_suffix.empty() ? partition.dual_stack_suffix : partition.suffix;
  return fmt::format("https://kinesis{}.{}.{}", own_fips_host ? "-fips" : "", region, suffix);
}

bool is_loopback(std::string_view endpoint) {
  if (!endpoint.starts_with("http://")) {
    return false;
  }
  const auto host = host_of(authority_of(endpoint));
  if (!host) {
    return false;
  }
  // A name like 127.example.com is somewhere else.
  const bool dotted =
      std::all_of(host->begin(), host->end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return *host == "localhost" || *host == "::1" || (dotted && host->starts_with("127."));
}

Result<Settings> resolve_settings(const SettingsOptions& options) {
  const auto profile = profile_name(options.environment, options.profile);
  WEIR_TRY(const auto files, ProfileFiles::read(options.environment));
  if (!options.profile.empty() && !files.has(profile)) {
    return files.no_such(profile);
  }
  const Lookup lookup{options.environment, files, profile};

  Settings settings;
  WEIR_TRY(settings.endpoint, lookup.endpoint(options.endpoint));
  WEIR_TRY(const bool fips, lookup.flag_of("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"));
  WEIR_TRY(const bool dual_stack, lookup.flag_of("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"));
  const bool local = is_loopback(settings.endpoint);
  WEIR_TRY(settings.region, lookup.region(options.region, local));
  if (settings.endpoint.empty()) {
    if (dual_stack && partition_of(settings.region).dual_stack_suffix.empty()) {
      return refused("BadEndpoint", fmt::format("region {} has no dual-stack endpoint of Kinesis", settings.region));
    }
    settings.endpoint = kinesis_endpoint(settings.region, fips, dual_stack);
  } else if (fips || dual_stack) {
    return refused("BadEndpoint", fmt::format("a {} endpoint was asked for, but also the endpoint {}: choose one",
                                              fips ? "FIPS" : "dual-stack", settings.endpoint));
  }
  WEIR_TRY(settings.credentials, credentials_for(options, local));
  settings.ca_bundle = options.environment("AWS_CA_BUNDLE");
  if (settings.ca_bundle.empty()) {
    settings.ca_bundle = files.setting(profile, "ca_bundle");
  }
  return settings;
}

}  // namespace weir::aws
