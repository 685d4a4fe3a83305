#include "weir/aws/retry.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::aws {
namespace {

bool is_timeout(const Error& error) {
  return error.code == "Timeout" || error.code == "RequestTimeout" || error.code == "RequestTimeoutException";
}

// Whether the service cannot have acted on the request: it never arrived, or was turned away.
bool had_no_effect(const Error& error) {
  constexpr std::array<std::string_view, 5> before_sending = {"ConnectionRefused", "ProxyUnreachable", "HostNotFound",
                                                              "TlsHandshake", "Overloaded"};
  return error.throttled || std::find(before_sending.begin(), before_sending.end(), error.code) != before_sending.end();
}

}  // namespace

bool RetryBudget::take(std::int32_t tokens) noexcept {
  auto left = tokens_.load(std::memory_order_relaxed);
  while (left >= tokens) {
    if (tokens_.compare_exchange_weak(left, left - tokens, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void RetryBudget::give(std::int32_t tokens) noexcept {
  auto left = tokens_.load(std::memory_order_relaxed);
  // A full purse is only looked at: thousands of successes a second write nothing.
  while (left < max_ &&
         !tokens_.compare_exchange_weak(left, left + std::min(tokens, max_ - left), std::memory_order_relaxed)) {
  }
}

RetryPolicy::RetryPolicy(Options options, Random random)
    : options_(options), budget_(options.budget), seed_(random()) {}

std::optional<Duration> RetryPolicy::Attempts::after(const Error& error) {
  const auto& options = policy_.options_;
  const bool allowed = error.next == Next::retry && (kind_ != Kind::read || options.retry_reads) &&
                       (kind_ != Kind::once || had_no_effect(error)) && made_ < options.attempts_max;
  const auto cost = is_timeout(error) ? options.timeout_cost : options.retry_cost;
  if (!allowed || !policy_.budget_.take(cost)) {
    return std::nullopt;
  }
  last_cost_ = cost;
  ++made_;
  if (!waits_) {
    Random random(policy_.seed_.fetch_add(1, std::memory_order_relaxed));
    const auto first = random();
    waits_.emplace(Waits{Backoff({options.throttled_base, options.wait_max}, Random(first)),
                         Backoff({options.base, options.wait_max}, random)});
  }
  const auto wait = error.throttled ? waits_->throttled.next() : waits_->other.next();
  if (!error.retry_after) {
    return wait;
  }
  return std::clamp<Duration>(*error.retry_after, wait, wait + options.retry_after_extra_max);
}

void RetryPolicy::Attempts::succeeded() noexcept {
  policy_.budget_.give(last_cost_ > 0 ? last_cost_ : policy_.options_.success_refund);
}

}  // namespace weir::aws
