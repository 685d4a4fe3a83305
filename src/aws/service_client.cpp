#include "weir/aws/service_client.hpp"

#include <fmt/format.h>

#include <utility>

#include "weir/aws/errors.hpp"

namespace weir::aws {
namespace {

// AWS refuses requests about 5 minutes off; the SDKs correct the clock from 4 on (aws-sdk-java-v2
// `ClockSkew`, JS 240000 ms).
constexpr std::chrono::minutes skew_min{4};
// A reply that took this long says nothing about now (JS).
constexpr std::chrono::minutes skew_round_trip_max{15};

// A service may quote what it was sent. AWS' secrets have 40 characters and more; short ones, which local
// endpoints take, are parts of words.
void erase_secret(std::string& text, const std::string& secret) {
  constexpr std::size_t secret_bytes_min = 16;
  if (secret.size() < secret_bytes_min) {
    return;
  }
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), "[secret]");
    at += 8;
  }
}

void erase_secrets(Error& error, const Credentials& credentials) {
  for (auto* text : {&error.code, &error.message, &error.request_id}) {
    erase_secret(*text, credentials.session_token);
    erase_secret(*text, credentials.secret_access_key);
  }
}

}  // namespace

ServiceClient::ServiceClient(Options options, std::shared_ptr<CredentialsProvider> credentials, Transport transport,
                             Clock& clock, Random random)
    : options_(std::move(options)),
      credentials_(std::move(credentials)),
      transport_(std::move(transport)),
      clock_(clock),
      signer_(options_.region, options_.service),
      retry_(options_.retry, random) {}

Timestamp ServiceClient::now() const {
  return clock_.now() + std::chrono::milliseconds(clock_offset_ms_.load(std::memory_order_relaxed));
}

Task<http::Reply> ServiceClient::call(std::string_view operation, std::string_view body, RetryPolicy::Kind kind,
                                      std::stop_token stop) {
  http::Request request("POST", options_.endpoint + "/");
  request.headers.reserve(5);
  request.headers.emplace_back("content-type", options_.content_type);
  request.headers.emplace_back("x-amz-target", options_.target_prefix + std::string(operation));
  request.body = body;

  RetryPolicy::Attempts attempts(retry_, kind);
  bool corrected = false;
  bool refreshed = false;
  bool in_doubt = false;  // whether an attempt so far may have taken effect
  WEIR_CO_TRY(auto credentials, co_await credentials_->get(stop));
  for (;;) {
    const auto signed_at = now();
    signer_.sign(request, credentials, signed_at);
    auto reply = co_await transport_(request, stop);
    if (reply && reply->status >= 200 && reply->status < 300) {
      attempts.succeeded();
      reply->may_repeat_an_effect |= in_doubt;
      co_return std::move(*reply);
    }
    auto error = reply ? service_error(operation, *reply) : reply.error();
    error.may_have_taken_effect |= reply && reply->may_repeat_an_effect;
    erase_secrets(error, credentials);
    // A server's own failure, or a gateway's before it, does not tell how far it came.
    in_doubt = in_doubt || error.may_have_taken_effect || error.http_status >= 500;
    error.may_have_taken_effect = in_doubt;
    if (error.is_stopped() || stop.stop_requested()) {
      co_return stopped();
    }

    if (reply && may_be_clock_skew(error) && !std::exchange(corrected, true) && correct_clock(*reply, signed_at)) {
      continue;
    }
    if (may_be_stale_credentials(error) && !std::exchange(refreshed, true)) {
      credentials_->invalidate();
      auto fresh = co_await credentials_->get(stop);
      if (fresh && *fresh != credentials) {
        log(LogLevel::info, fmt::format("{}: {}; new credentials were found, trying again", operation, error.code));
        credentials = *std::move(fresh);
        continue;
      }
    }

    const auto wait = attempts.after(error);
    if (!wait) {
      co_return error;
    }
    log(LogLevel::debug, fmt::format("{}; attempt {} in {} ms", to_string(error), attempts.made(),
                                     std::chrono::floor<std::chrono::milliseconds>(*wait).count()));
    auto waited = co_await clock_.sleep(*wait, stop);
    if (!waited) {
      co_return std::move(waited).error();
    }
    // They may have been renewed meanwhile.
    auto fresh = co_await credentials_->get(stop);
    if (fresh) {
      credentials = *std::move(fresh);
    }
  }
}

// The offset is taken from refusals only, compared with the corrected clock that was signed with: a
// clock that somebody sets right later is followed, too.
bool ServiceClient::correct_clock(const http::Reply& reply, Timestamp signed_at) {
  const auto theirs = service_time(reply);
  if (!theirs || reply.round_trip > skew_round_trip_max) {
    return false;
  }
  // From when it was signed, not from now: the refusal was about that.
  const auto off = *theirs - signed_at;
  if (off < skew_min && off > -skew_min) {
    return false;
  }
  const auto offset = *theirs - clock_.now();
  clock_offset_ms_.store(offset.count(), std::memory_order_relaxed);
  log(LogLevel::warning, fmt::format("this machine's clock is {} seconds {} the service's; corrected for requests",
                                     std::chrono::abs(std::chrono::floor<std::chrono::seconds>(offset)).count(),
                                     offset.count() > 0 ? "behind" : "ahead of"));
  return true;
}

void ServiceClient::log(LogLevel level, const std::string& text) const {
  if (options_.log) {
    options_.log(level, text);
  }
}

}  // namespace weir::aws
