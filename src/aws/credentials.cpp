#include "weir/aws/credentials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "aws/profile_files.hpp"

namespace weir::aws {
namespace {

constexpr std::string_view supported = "this version takes static keys, from the environment or a profile";

class StaticCredentials final : public CredentialsProvider {
 public:
  explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Task<Credentials> get(std::stop_token) override { co_return credentials_; }
  void invalidate() override {}

 private:
  const Credentials credentials_;
};

// Keys go into headers: a blank or control character in one would be sent as something else.
Result<void> check_printable(const std::string& value, std::string_view name, std::string_view place) {
  if (std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    return {};
  }
  return refused("BadCredentials", fmt::format("{} in {} holds a blank or a character that no key has", name, place));
}

Result<Credentials> checked(Credentials keys, std::string_view place) {
  WEIR_CHECK(check_printable(keys.access_key_id, "the access key id", place));
  WEIR_CHECK(check_printable(keys.secret_access_key, "the secret access key", place));
  WEIR_CHECK(check_printable(keys.session_token, "the session token", place));
  return keys;
}

std::string value_of(const Section& section, std::string_view key) {
  const auto found = section.find(key);
  return found == section.end() ? std::string() : found->second;
}

// A section's keys. They are never mixed over two files: half of an old pair would pass for a whole one.
Result<std::optional<Credentials>> keys_of(const Section* section, const std::string& profile,
                                           const std::string& file) {
  if (section == nullptr) {
    return std::optional<Credentials>();
  }
  Credentials keys(value_of(*section, "aws_access_key_id"), value_of(*section, "aws_secret_access_key"),
                   value_of(*section, "aws_session_token"));
  if (keys.session_token.empty()) {
    keys.session_token = value_of(*section, "aws_security_token");
  }
  if (keys.access_key_id.empty() && keys.secret_access_key.empty()) {
    return std::optional<Credentials>();
  }
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    return refused("PartialCredentials",
                   fmt::format("profile \"{}\" in {} has {} without {}", profile, file,
                               keys.access_key_id.empty() ? "aws_secret_access_key" : "aws_access_key_id",
                               keys.access_key_id.empty() ? "aws_access_key_id" : "aws_secret_access_key"));
  }
  WEIR_TRY(keys, checked(std::move(keys), fmt::format("profile \"{}\" of {}", profile, file)));
  return std::optional<Credentials>(std::move(keys));
}

Error unsupported(const std::string& profile, std::string_view key) {
  return refused("UnsupportedCredentials",
                 fmt::format("profile \"{}\" gets its keys by {}: {}", profile, key, supported));
}

Result<std::optional<Credentials>> read_profile(const Environment& environment, const std::string& profile) {
  WEIR_TRY(const auto files, ProfileFiles::read(environment));
  // A role is what the profile is for, also where the keys to assume it with stand beside it.
  for (const auto* key : {"role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "sso_account_id"}) {
    if (!files.setting(profile, key).empty()) {
      return unsupported(profile, key);
    }
  }
  for (const bool in_credentials : {true, false}) {
    const auto* section = in_credentials ? files.in_credentials(profile) : files.in_config(profile);
    WEIR_TRY(auto keys, keys_of(section, profile, in_credentials ? files.credentials_file : files.config_file));
    if (keys) {
      return keys;
    }
  }
  for (const auto* key : {"credential_process", "credential_source", "source_profile", "login_session"}) {
    if (!files.setting(profile, key).empty()) {
      return unsupported(profile, key);
    }
  }
  return std::optional<Credentials>();
}

class ProfileCredentials final : public CredentialsProvider {
 public:
  ProfileCredentials(Environment environment, std::string profile, Credentials credentials)
      : environment_(std::move(environment)), profile_(std::move(profile)), credentials_(std::move(credentials)) {}

  Task<Credentials> get(std::stop_token) override {
    const std::lock_guard lock(mutex_);
    co_return credentials_;
  }
  void invalidate() override {
    auto read = read_profile(environment_, profile_);
    if (!read || !*read) {
      return;  // what there was is still the best there is: the file may be half written
    }
    const std::lock_guard lock(mutex_);
    credentials_ = **std::move(read);
  }

 private:
  const Environment environment_;
  const std::string profile_;
  std::mutex mutex_;
  Credentials credentials_;
};

Error none_found(const Environment& environment, const std::string& profile, bool named) {
  for (const auto* variable : {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                               "AWS_CONTAINER_CREDENTIALS_FULL_URI"}) {
    if (!named && !environment(variable).empty()) {
      return refused("UnsupportedCredentials", fmt::format("{} offers credentials, but {}", variable, supported));
    }
  }
  auto files = ProfileFiles::read(environment);
  if (!files) {
    return std::move(files).error();
  }
  if (!files->has(profile) && (named || profile != "default")) {
    return files->no_such(profile);
  }
  if (named) {
    return refused("NoCredentials", fmt::format("profile \"{}\" in {} holds no keys", profile, files->places()));
  }
  return refused("NoCredentials", fmt::format("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                                              "or put keys into profile \"{}\" of {}",
                                              profile, files->places()));
}

}  // namespace

std::shared_ptr<CredentialsProvider> static_credentials(Credentials credentials) {
  return std::make_shared<StaticCredentials>(std::move(credentials));
}

Result<std::shared_ptr<CredentialsProvider>> environment_credentials(const Environment& environment) {
  Credentials keys(environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                   environment("AWS_SESSION_TOKEN"));
  if (keys.session_token.empty()) {
    keys.session_token = environment("AWS_SECURITY_TOKEN");
  }
  if (keys.access_key_id.empty() && keys.secret_access_key.empty()) {
    return std::shared_ptr<CredentialsProvider>();
  }
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    return refused("PartialCredentials", keys.access_key_id.empty()
                                             ? "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not"
                                             : "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
  }
  WEIR_TRY(keys, checked(std::move(keys), "the environment"));
  return static_credentials(std::move(keys));
}

Result<std::shared_ptr<CredentialsProvider>> profile_credentials(const Environment& environment,
                                                                 const std::string& profile) {
  WEIR_TRY(auto keys, read_profile(environment, profile));
  if (!keys) {
    return std::shared_ptr<CredentialsProvider>();
  }
  return std::shared_ptr<CredentialsProvider>(
      std::make_shared<ProfileCredentials>(environment, profile, *std::move(keys)));
}

Result<std::shared_ptr<CredentialsProvider>> default_provider(const Environment& environment,
                                                              const std::string& profile) {
  const bool named = !profile.empty();
  if (!named) {
    WEIR_TRY(auto provider, environment_credentials(environment));
    if (provider) {
      return provider;
    }
  }
  const auto name = profile_name(environment, profile);
  WEIR_TRY(auto provider, profile_credentials(environment, name));
  if (provider) {
    return provider;
  }
  return none_found(environment, name, named);
}

}  // namespace weir::aws
