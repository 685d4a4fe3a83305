#include "weir/aws/errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "weir/wire/aws_error.hpp"

namespace weir::aws {
namespace {

struct Rule {
  std::string_view code;
  Next next;
  bool throttled;
  std::string_view advice;  // what to check; {} stands for the operation
};

constexpr std::string_view kms_key = "check the stream's KMS key and the permissions on it";
constexpr std::string_view clock_or_secret = "check this machine's clock and the secret access key";
constexpr std::string_view clock = "check this machine's clock";
constexpr std::string_view renew = "the session token has expired: get new credentials";
constexpr std::string_view who = "check the access key id, and that region and endpoint are those it belongs to";

// Kinesis' service model, botocore's `_retry.json`, and the generic errors of AWS services. Sorted as in
// the documents rather than by name: it is searched only after something went wrong.
constexpr Rule rules[] = {
    // Asked for less.
    {"ProvisionedThroughputExceededException", Next::retry, true, ""},
    {"LimitExceededException", Next::retry, true, ""},
    {"KMSThrottlingException", Next::retry, true, ""},
    {"ThrottlingException", Next::retry, true, ""},
    {"Throttling", Next::retry, true, ""},
    {"ThrottledException", Next::retry, true, ""},
    {"RequestThrottled", Next::retry, true, ""},
    {"RequestThrottledException", Next::retry, true, ""},
    {"TooManyRequestsException", Next::retry, true, ""},
    {"RequestLimitExceeded", Next::retry, true, ""},
    {"BandwidthLimitExceeded", Next::retry, true, ""},
    {"SlowDown", Next::retry, true, ""},
    {"PriorRequestNotComplete", Next::retry, true, ""},
    {"TransactionInProgressException", Next::retry, true, ""},
    {"EC2ThrottledException", Next::retry, true, ""},
    // Passes by itself.
    {"InternalFailure", Next::retry, false, ""},
    {"InternalFailureException", Next::retry, false, ""},
    {"InternalServerError", Next::retry, false, ""},
    {"ServiceUnavailable", Next::retry, false, ""},
    {"ServiceUnavailableException", Next::retry, false, ""},
    {"RequestTimeout", Next::retry, false, ""},
    {"RequestTimeoutException", Next::retry, false, ""},
    // May heal when somebody mends the key: waits long, and says why.
    {"KMSInvalidStateException", Next::retry, true, kms_key},
    {"KMSDisabledException", Next::retry, true, kms_key},
    // A handle is spent.
    {"ExpiredIteratorException", Next::reopen, false, ""},
    {"ExpiredNextTokenException", Next::reopen, false, ""},
    // The stream or consumer is busy, or exists.
    {"ResourceInUseException", Next::conflict, false, "it exists already, or is not ACTIVE yet"},
    // A person must change something.
    {"ResourceNotFoundException", Next::refused, false, "check the name, the region and the account"},
    {"InvalidArgumentException", Next::refused, false, ""},
    {"ValidationException", Next::refused, false, ""},
    {"SerializationException", Next::refused, false, "the endpoint does not understand the request"},
    {"UnknownOperationException", Next::refused, false, "check that the endpoint is one of Kinesis"},
    {"AccessDeniedException", Next::refused, false, "check that these credentials are allowed kinesis:{}"},
    {"KMSAccessDeniedException", Next::refused, false, kms_key},
    {"KMSNotFoundException", Next::refused, false, kms_key},
    {"KMSOptInRequired", Next::refused, false, kms_key},
    {"OptInRequired", Next::refused, false, "the account is not signed up for Kinesis in this region"},
    {"UnrecognizedClientException", Next::refused, false, who},
    {"InvalidClientTokenId", Next::refused, false, who},
    {"InvalidAccessKeyId", Next::refused, false, who},
    {"MissingAuthenticationTokenException", Next::refused, false, who},
    {"IncompleteSignatureException", Next::refused, false, who},
    {"IncompleteSignature", Next::refused, false, who},
    {"ExpiredTokenException", Next::refused, false, renew},
    {"ExpiredToken", Next::refused, false, renew},
    {"InvalidSignatureException", Next::refused, false, clock_or_secret},
    {"SignatureDoesNotMatch", Next::refused, false, clock_or_secret},
    {"AuthFailure", Next::refused, false, clock_or_secret},
    {"RequestTimeTooSkewed", Next::refused, false, clock},
    {"RequestExpired", Next::refused, false, clock},
    {"RequestInTheFuture", Next::refused, false, clock},
};

// What a status means where the reply names no error known here.
Rule rule_of_status(int status) {
  switch (status) {
    case 408:
    case 425:
      return {"", Next::retry, false, ""};
    case 429:
      return {"", Next::retry, true, ""};
    case 404:
    case 405:
      return {"", Next::refused, false, "check that the endpoint is one of Kinesis"};
    case 401:
    case 403:
      return {"", Next::refused, false, "check the credentials and that they are allowed kinesis:{}"};
    case 407:
      return {"", Next::refused, false, "the proxy wants credentials of its own"};
    case 413:
      return {"", Next::refused, false, "the request is larger than the endpoint takes"};
    case 501:
    case 505:
      return {"", Next::refused, false, "check that the endpoint is one of Kinesis"};
    default:
      break;
  }
  if (status >= 500) {
    return {"", Next::retry, status == 503, ""};
  }
  if (status >= 300 && status < 400) {
    return {"", Next::refused, false, "the endpoint redirects: check its address"};
  }
  return {"", Next::refused, false, ""};
}

bool quotes_what_was_signed(std::string_view code) {
  return code.find("Signature") != std::string_view::npos || code == "AuthFailure";
}

std::optional<std::int64_t> whole_number(std::optional<std::string_view> text) {
  std::int64_t value = 0;
  if (!text) {
    return std::nullopt;
  }
  const auto* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  constexpr std::int64_t most = 24 * 60 * 60 * 1000;  // a day, in either unit, is beyond every wait
  if (parsed.ec != std::errc() || parsed.ptr != end || value < 0 || value > most) {
    return std::nullopt;
  }
  return value;
}

// `x-amz-retry-after` in milliseconds (botocore), else `Retry-After` in seconds (RFC 9110; its date form
// is not used by AWS).
std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers) {
  if (const auto ms = whole_number(headers.find("x-amz-retry-after"))) {
    return std::chrono::milliseconds(*ms);
  }
  if (const auto seconds = whole_number(headers.find("retry-after"))) {
    return std::chrono::seconds(*seconds);
  }
  return std::nullopt;
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string result(text.substr(0, bytes_max));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c == '\x7f'; }, ' ');
  return result;
}

}  // namespace

Error service_error(std::string_view operation, const http::Reply& reply) {
  constexpr std::size_t request_id_bytes_max = 128;
  const auto said = wire::read_aws_error(reply.headers.find("x-amzn-errortype").value_or(""), reply.body.bytes());
  const auto* known =
      std::find_if(std::begin(rules), std::end(rules), [&](const Rule& rule) { return rule.code == said.code; });
  auto rule = known != std::end(rules) ? *known : rule_of_status(reply.status);
  // An iterator that the service does not take (any more) is replaced, like an expired one: nothing else in
  // a GetRecords request can be wrong. The KCL does the same.
  if (said.code == "InvalidArgumentException" && operation == "GetRecords") {
    rule.next = Next::reopen;
  }

  Error error;
  error.next = rule.next;
  error.throttled = rule.throttled;
  error.code = said.code.empty() ? fmt::format("HTTP{}", reply.status) : said.code;
  error.http_status = reply.status;
  error.request_id = printable(reply.headers.find("x-amzn-requestid").value_or(""), request_id_bytes_max);
  error.retry_after = retry_after(reply.headers);
  error.message = operation;
  if (!said.message.empty() && !quotes_what_was_signed(said.code)) {
    error.message.append(": ").append(said.message);
  } else if (rule.advice.empty()) {
    error.message.append(" failed");
  }
  if (!rule.advice.empty()) {
    std::string advice(rule.advice);
    if (const auto place = advice.find("{}"); place != std::string::npos) {
      advice.replace(place, 2, operation);
    }
    error.message.append(error.message.size() == operation.size() ? ": " : "; ").append(advice);
  }
  return error;
}

bool may_be_clock_skew(const Error& error) noexcept {
  constexpr std::array<std::string_view, 6> codes = {"RequestTimeTooSkewed",  "RequestExpired",
                                                     "RequestInTheFuture",    "InvalidSignatureException",
                                                     "SignatureDoesNotMatch", "AuthFailure"};
  return std::find(codes.begin(), codes.end(), error.code) != codes.end();
}

bool may_be_stale_credentials(const Error& error) noexcept {
  constexpr std::array<std::string_view, 4> codes = {"ExpiredTokenException", "ExpiredToken",
                                                     "UnrecognizedClientException", "InvalidClientTokenId"};
  return std::find(codes.begin(), codes.end(), error.code) != codes.end();
}

std::optional<Timestamp> service_time(const http::Reply& reply) {
  const auto date = reply.headers.find("date");
  if (!date || reply.headers.find("age")) {
    return std::nullopt;
  }
  return parse_http_date(*date);
}

std::optional<Timestamp> parse_http_date(std::string_view text) {
  constexpr std::string_view shape = "___, 00 ___ 0000 00:00:00 GMT";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != shape.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool fits = shape[i] == '_' || (shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i]);
    if (!fits) {
      return std::nullopt;
    }
  }
  const auto number = [text](std::size_t at, std::size_t digits) {
    int value = 0;
    for (const char c : text.substr(at, digits)) {
      value = value * 10 + (c - '0');
    }
    return value;
  };
  const auto month = months.find(text.substr(8, 3));
  const std::chrono::year_month_day date{std::chrono::year(number(12, 4)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(number(5, 2)))};
  const int hour = number(17, 2), minute = number(20, 2), second = number(23, 2);
  if (month == std::string_view::npos || month % 3 != 0 || !date.ok() || number(12, 4) < 1970 || hour > 23 ||
      minute > 59 || second > 60) {
    return std::nullopt;
  }
  return Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace weir::aws
