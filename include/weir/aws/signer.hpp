#pragma once

#include <array>
#include <mutex>
#include <string>

#include "weir/aws/credentials.hpp"
#include "weir/base/clock.hpp"
#include "weir/http/message.hpp"

namespace weir::aws {

/// Signs requests to one service in one region: AWS Signature Version 4, header form. Any thread may call
/// it. Pure but for the signing key, which depends only on secret, UTC day, region and service and is
/// kept while they stay the same.
class Signer {
 public:
  struct Options {
    /// Resolve `.`, `..` and empty segments of the path (every service but S3).
    bool normalize_path = true;
    /// Add and sign `x-amz-content-sha256`. The body's hash is part of every signature either way.
    bool body_hash_header = false;
    /// False: the session token's header is added unsigned, as a few services want it.
    bool sign_session_token = true;
    Options() {}
  };

  Signer(std::string region, std::string service, Options options = Options());

  /// Adds `x-amz-date`, `authorization` and, where they apply, `x-amz-security-token` and
  /// `x-amz-content-sha256`; replaces them when the request was signed before. Every other header present
  /// is signed, except those that a proxy may change (connection, user-agent ...); so is the `Host`, from
  /// the URL unless given. `now` is the service's time, as far as it is known.
  void sign(http::Request& request, const Credentials& credentials, Timestamp now);

 private:
  using Key = std::array<unsigned char, 32>;

  Key signing_key(const Credentials& credentials, const std::string& day);

  const std::string region_;
  const std::string service_;
  const Options options_;

  std::mutex mutex_;
  std::string key_secret_;
  std::string key_day_;
  Key key_{};
};

}  // namespace weir::aws
