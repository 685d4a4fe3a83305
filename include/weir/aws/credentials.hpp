#pragma once

#include <iosfwd>
#include <memory>
#include <stop_token>
#include <string>

#include "weir/aws/environment.hpp"
#include "weir/base/task.hpp"

namespace weir::aws {

/// A consistent set of keys. Cannot be streamed, so that no log line prints one by accident.
struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< empty: long-lived keys

  Credentials() = default;
  Credentials(std::string key_id, std::string secret, std::string token = {})
      : access_key_id(std::move(key_id)), secret_access_key(std::move(secret)), session_token(std::move(token)) {}

  friend bool operator==(const Credentials&, const Credentials&) = default;
  friend std::ostream& operator<<(std::ostream&, const Credentials&) = delete;
};

/// Where credentials come from. Any thread may call it, several at a time.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;

  /// What to sign with now: key, secret and token always belong together.
  virtual Task<Credentials> get(std::stop_token stop) = 0;
  /// The service refused what `get` gave: fetch anew at the next `get`, where there is a fresh place to
  /// look. Blocks for the reading of a small file at most.
  virtual void invalidate() = 0;
};

/// The same keys for ever.
std::shared_ptr<CredentialsProvider> static_credentials(Credentials credentials);

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` (or its old name
/// `AWS_SECURITY_TOKEN`), read once. Null when neither key is set; one without the other is refused,
/// naming the variable that is missing.
Result<std::shared_ptr<CredentialsProvider>> environment_credentials(const Environment& environment);

/// The keys of a profile in the shared files (`AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`;
/// then `AWS_CONFIG_FILE`, else `~/.aws/config`). Read again after `invalidate`, so keys renewed by other
/// tools are picked up. Null when no such profile holds keys. Refused: a profile that gets its keys by a
/// role, SSO or a process, which this version does not do; half a pair of keys; files not readable.
Result<std::shared_ptr<CredentialsProvider>> profile_credentials(const Environment& environment,
                                                                 const std::string& profile);

/// The first that has keys: the profile, where the caller names one (a flag beats the environment); the
/// environment; the profile named by `AWS_PROFILE` or `AWS_DEFAULT_PROFILE`, else `default`. When there
/// are none, fails with `NoCredentials`, or `UnsupportedCredentials` where the machine offers some of a
/// kind this version does not know (web identity, container).
Result<std::shared_ptr<CredentialsProvider>> default_provider(const Environment& environment,
                                                              const std::string& profile = {});

}  // namespace weir::aws
