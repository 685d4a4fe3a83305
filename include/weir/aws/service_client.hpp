#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "weir/aws/credentials.hpp"
#include "weir/aws/retry.hpp"
#include "weir/aws/signer.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/log.hpp"
#include "weir/http/message.hpp"

namespace weir::aws {

/// Sends one HTTP request: `http::Client::send`, or what a test puts in its place.
using Transport = std::function<Task<http::Reply>(const http::Request& request, std::stop_token stop)>;

/// Calls the operations of one AWS service of the JSON protocol family (`X-Amz-Target`, POST to `/`):
/// signs, sends, reads errors, and tries again what may help. Owns no thread; any thread may call it,
/// several at a time. `clock` must outlive it.
class ServiceClient {
 public:
  struct Options {
    std::string region;
    std::string endpoint;       ///< without a slash at the end
    std::string service;        ///< what is signed for: "kinesis"
    std::string target_prefix;  ///< "Kinesis_20131202."
    std::string content_type;   ///< "application/x-amz-cbor-1.1"
    RetryPolicy::Options retry;
    Log log;
    Options() = default;
  };

  ServiceClient(Options options, std::shared_ptr<CredentialsProvider> credentials, Transport transport, Clock& clock,
                Random random = Random::from_machine());

  /// One call; any 2xx reply, which says where an attempt before it may have taken effect too. Fails as `service_error`
  /// and `http::Client::send` say, when no retry helped.
  ///
  /// Apart from retries as `kind` says, a request is signed anew and sent again at once, each at most once
  /// per call: when the service's clock is 4 minutes or more off what was signed (the difference is kept
  /// for later calls), and when the service takes the credentials for expired or unknown and the provider
  /// has other ones. `body` must live until the call completes.
  Task<http::Reply> call(std::string_view operation, std::string_view body, RetryPolicy::Kind kind,
                         std::stop_token stop);

  /// The service's time, as far as it is known.
  Timestamp now() const;
  const RetryBudget& budget() const noexcept { return retry_.budget(); }

 private:
  bool correct_clock(const http::Reply& reply, Timestamp signed_at);
  void log(LogLevel level, const std::string& text) const;

  const Options options_;
  const std::shared_ptr<CredentialsProvider> credentials_;
  const Transport transport_;
  Clock& clock_;
  Signer signer_;
  RetryPolicy retry_;
  std::atomic<std::int64_t> clock_offset_ms_{0};  // the service's clock minus ours
};

}  // namespace weir::aws
