#pragma once

#include <map>
#include <string>
#include <string_view>

#include "weir/aws/environment.hpp"
#include "weir/base/result.hpp"

namespace weir::aws {

/// Values of one section by lower-case key. A value nested one level below a key, as in
///     kinesis =
///       endpoint_url = http://127.0.0.1:4567
/// is found under `kinesis.endpoint_url`.
using Section = std::map<std::string, std::string, std::less<>>;
/// Sections by the text in their brackets.
using Ini = std::map<std::string, Section, std::less<>>;

/// Reads the shared files' dialect of INI. Of repeated sections and keys the later value wins. Errors say
/// file and line and never quote a line, since any line may hold a secret.
Result<Ini> parse_ini(std::string_view text, const std::string& file);

/// `~/.aws/config` and `~/.aws/credentials`, or what the environment names instead.
struct ProfileFiles {
  static constexpr std::size_t file_bytes_max = 1 << 20;

  std::string config_file;  ///< paths, for messages; empty: no home directory is known
  std::string credentials_file;
  Ini config;
  Ini credentials;

  /// A file that is not there is an empty one.
  static Result<ProfileFiles> read(const Environment& environment);

  /// Both null: there is no such profile.
  const Section* in_config(const std::string& profile) const;
  const Section* in_credentials(const std::string& profile) const;
  /// A setting of a profile: the credentials file wins. Empty where it is not set.
  std::string setting(const std::string& profile, std::string_view key) const;
  /// A setting of the `[services ...]` section that the profile refers to.
  std::string service_setting(const std::string& profile, std::string_view key) const;
  std::string places() const;  ///< "<credentials file> and <config file>"
  bool has(const std::string& profile) const;
  Error no_such(const std::string& profile) const;
};

/// The profile in force: the caller's, else `AWS_PROFILE`, else `AWS_DEFAULT_PROFILE`, else `default`.
std::string profile_name(const Environment& environment, const std::string& chosen);

}  // namespace weir::aws
