#include "weir/aws/errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "fakes.hpp"

namespace weir::aws {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Error error_of(int status, const std::string& code, std::string_view operation = "ListShards") {
  return service_error(operation, testing::error_reply(status, code, "the words"));
}

// Callers act on `next` alone. A wrong entry loses a shard (refused instead of retried) or spins for ever
// (retried instead of refused).
TEST(ServiceError, SaysWhatToDoNextForEveryErrorType) {
  struct Case {
    int status;
    const char* code;
    Next next;
    bool throttled = false;
  };
  const Case cases[] = {
      {400, "ProvisionedThroughputExceededException", Next::retry, true},
      {400, "LimitExceededException", Next::retry, true},
      {400, "KMSThrottlingException", Next::retry, true},
      {400, "ThrottlingException", Next::retry, true},
      {400, "Throttling", Next::retry, true},
      {400, "ThrottledException", Next::retry, true},
      {400, "RequestThrottled", Next::retry, true},
      {400, "RequestThrottledException", Next::retry, true},
      {400, "TooManyRequestsException", Next::retry, true},
      {400, "RequestLimitExceeded", Next::retry, true},
      {400, "BandwidthLimitExceeded", Next::retry, true},
      {503, "SlowDown", Next::retry, true},
      {400, "PriorRequestNotComplete", Next::retry, true},
      {400, "TransactionInProgressException", Next::retry, true},
      {503, "EC2ThrottledException", Next::retry, true},
      {500, "InternalFailure", Next::retry},
      {500, "InternalFailureException", Next::retry},
      {500, "InternalServerError", Next::retry},
      {503, "ServiceUnavailable", Next::retry},
      {503, "ServiceUnavailableException", Next::retry},
      {400, "RequestTimeout", Next::retry},
      {400, "RequestTimeoutException", Next::retry},
      {400, "KMSInvalidStateException", Next::retry, true},
      {400, "KMSDisabledException", Next::retry, true},
      {400, "ExpiredIteratorException", Next::reopen},
      {400, "ExpiredNextTokenException", Next::reopen},
      {400, "ResourceInUseException", Next::conflict},
      {400, "ResourceNotFoundException", Next::refused},
      {400, "InvalidArgumentException", Next::refused},
      {400, "ValidationException", Next::refused},
      {400, "SerializationException", Next::refused},
      {400, "UnknownOperationException", Next::refused},
      {400, "AccessDeniedException", Next::refused},
      {400, "KMSAccessDeniedException", Next::refused},
      {400, "KMSNotFoundException", Next::refused},
      {400, "KMSOptInRequired", Next::refused},
      {403, "OptInRequired", Next::refused},
      {400, "UnrecognizedClientException", Next::refused},
      {403, "InvalidClientTokenId", Next::refused},
      {403, "InvalidAccessKeyId", Next::refused},
      {400, "MissingAuthenticationTokenException", Next::refused},
      {400, "IncompleteSignatureException", Next::refused},
      {400, "IncompleteSignature", Next::refused},
      {400, "ExpiredTokenException", Next::refused},
      {400, "ExpiredToken", Next::refused},
      {400, "InvalidSignatureException", Next::refused},
      {403, "SignatureDoesNotMatch", Next::refused},
      {403, "AuthFailure", Next::refused},
      {400, "RequestTimeTooSkewed", Next::refused},
      {400, "RequestExpired", Next::refused},
      {400, "RequestInTheFuture", Next::refused},
      // Not known here: by status.
      {400, "SomethingNewException", Next::refused},
      {500, "SomethingNewException", Next::retry},
      {429, "SomethingNewException", Next::retry, true},
  };
  for (const auto& known : cases) {
    const auto error = error_of(known.status, known.code);
    EXPECT_EQ(error.next, known.next) << known.code;
    EXPECT_EQ(error.throttled, known.throttled) << known.code;
    EXPECT_EQ(error.code, known.code);
    EXPECT_EQ(error.http_status, known.status);
    EXPECT_EQ(error.request_id, "r-1");
    EXPECT_TRUE(error.message.starts_with("ListShards: ")) << error.message;
  }
}

// Proxies and half-started services answer without an AWS body.
TEST(ServiceError, GoesByTheStatusWhereTheReplyNamesNoError) {
  struct Case {
    int status;
    Next next;
    bool throttled;
  };
  for (const auto& bare :
       {Case{301, Next::refused, false}, Case{400, Next::refused, false}, Case{401, Next::refused, false},
        Case{403, Next::refused, false}, Case{404, Next::refused, false}, Case{405, Next::refused, false},
        Case{407, Next::refused, false}, Case{408, Next::retry, false}, Case{413, Next::refused, false},
        Case{425, Next::retry, false}, Case{429, Next::retry, true}, Case{500, Next::retry, false},
        Case{501, Next::refused, false}, Case{502, Next::retry, false}, Case{503, Next::retry, true},
        Case{504, Next::retry, false}, Case{505, Next::refused, false}, Case{599, Next::retry, false}}) {
    for (const auto* body : {"", "<html>gone</html>", "\xff\xff"}) {
      const auto error = service_error("ListShards", testing::reply_of(bare.status, body));
      EXPECT_EQ(error.next, bare.next) << bare.status;
      EXPECT_EQ(error.throttled, bare.throttled) << bare.status;
      EXPECT_EQ(error.code, "HTTP" + std::to_string(bare.status));
    }
  }
}

// The forms in which AWS names errors, and what endpoints send before they know the operation.
TEST(ServiceError, ReadsTheErrorTypeInEveryForm) {
  const std::string cbor = testing::from_hex("a1665f5f747970657818457870697265644974657261746f72457863657074696f6e");
  EXPECT_EQ(service_error("GetRecords", testing::reply_of(400, cbor)).next, Next::reopen);
  EXPECT_EQ(service_error("GetRecords",
                          testing::reply_of(400, R"({"__type":"com.amazonaws.kinesis#ExpiredIteratorException"})"))
                .next,
            Next::reopen);
  EXPECT_EQ(
      service_error("GetRecords", testing::reply_of(400, "", {"X-Amzn-Errortype: ExpiredIteratorException:http://x"}))
          .next,
      Next::reopen);
  const auto xml = service_error("GetRecords", testing::reply_of(404, "<UnknownOperationException/>"));
  EXPECT_EQ(xml.next, Next::refused);
  EXPECT_THAT(xml.message, HasSubstr("check that the endpoint is one of Kinesis"));
}

TEST(ServiceError, ReadsTheRecordedErrorsOfAnEmulator) {
  const auto missing =
      service_error("ListShards", testing::recorded_reply("kinesis/cbor-err-stream-not-found.response.bin"));
  EXPECT_EQ(missing.next, Next::refused);
  EXPECT_EQ(missing.code, "ResourceNotFoundException");
  EXPECT_EQ(missing.request_id, "906b85f6-a8ba-476d-ac97-208a6e2c5abb");
  EXPECT_THAT(missing.message, AllOf(HasSubstr("stream/absent not found"), HasSubstr("check the name, the region")));
  // A malformed iterator: 500 without a body.
  EXPECT_EQ(service_error("GetRecords", testing::recorded_reply("kinesis/json-err-bad-iterator.response.bin")).next,
            Next::retry);
}

// An iterator the service will not take is spent, whatever it is called; only a new one helps the shard.
TEST(ServiceError, ReplacesAnIteratorThatTheServiceDoesNotTake) {
  EXPECT_EQ(error_of(400, "InvalidArgumentException", "GetRecords").next, Next::reopen);
  EXPECT_EQ(error_of(400, "InvalidArgumentException", "GetShardIterator").next, Next::refused);
}

TEST(ServiceError, SaysWhatToCheck) {
  EXPECT_THAT(error_of(400, "AccessDeniedException", "GetRecords").message,
              AllOf(HasSubstr("the words"), HasSubstr("allowed kinesis:GetRecords")));
  EXPECT_THAT(error_of(400, "UnrecognizedClientException").message, HasSubstr("check the access key id"));
  EXPECT_THAT(error_of(400, "ExpiredTokenException").message, HasSubstr("session token has expired"));
}

// The service quotes the canonical request, which holds the session token.
TEST(ServiceError, DoesNotRepeatWhatASignatureErrorQuotes) {
  for (const auto* code :
       {"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException", "AuthFailure"}) {
    const auto error = service_error(
        "ListShards", testing::error_reply(403, code, "should have been 'POST x-amz-security-token:TOKEN'"));
    EXPECT_THAT(to_string(error), AllOf(HasSubstr("check"), Not(HasSubstr("TOKEN")))) << code;
  }
}

TEST(ServiceError, TakesTheServicesWishHowLongToWait) {
  using std::chrono::milliseconds;
  const auto wish = [](const std::vector<std::string>& lines) {
    return service_error("ListShards", testing::reply_of(503, "", lines)).retry_after;
  };
  EXPECT_EQ(wish({"x-amz-retry-after: 1500"}), milliseconds(1500));
  EXPECT_EQ(wish({"Retry-After: 2"}), milliseconds(2000));
  EXPECT_EQ(wish({"Retry-After: 2", "x-amz-retry-after: 1500"}), milliseconds(1500));
  for (const auto* nonsense : {"Retry-After: -1", "Retry-After: 99999999999999999999", "Retry-After: 999999999",
                               "Retry-After: Tue, 24 Nov 2026 02:06:08 GMT", "Retry-After:", "Retry-After: 1s"}) {
    EXPECT_EQ(wish({nonsense}), std::nullopt) << nonsense;
  }
}

// Ids come from outside and go into logs.
TEST(ServiceError, KeepsRequestIdsShortAndPrintable) {
  const auto error =
      service_error("ListShards", testing::reply_of(500, "", {"x-amzn-requestid: " + std::string(500, 'a')}));
  EXPECT_EQ(error.request_id.size(), 128U);
}

TEST(HttpDate, IsReadStrictly) {
  EXPECT_EQ(to_string(parse_http_date("Tue, 24 Nov 2026 02:06:08 GMT").value()), "2026-11-24T02:06:08.000Z");
  EXPECT_EQ(to_string(parse_http_date("Thu, 29 Feb 2024 23:59:60 GMT").value()), "2024-03-01T00:00:00.000Z");
  for (const auto* bad :
       {"", "Tue, 24 Nov 2026 02:06:08 UTC", "Tue, 31 Nov 2026 02:06:08 GMT", "Tue, 24 Nob 2026 02:06:08 GMT",
        "Tue, 24 ovD 2026 02:06:08 GMT", "Tue, 24 Nov 2026 24:06:08 GMT", "Tue, 24 Nov 2026 02:60:08 GMT",
        "Tue, 24 Nov 1969 02:06:08 GMT", "Tue, 24 Nov 2026 2:06:08 GMT ", "Tuesday, 24-Nov-26 02:06:08 GMT",
        "Tue, -4 Nov 2026 02:06:08 GMT"}) {
    EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
  }
}

// A cached reply's date is no news.
TEST(ServiceTime, ComesFromTheDateUnlessACacheKeptTheReply) {
  EXPECT_TRUE(service_time(testing::reply_of(200, "", {"Date: Tue, 24 Nov 2026 02:06:08 GMT"})));
  EXPECT_FALSE(service_time(testing::reply_of(200, "", {"Date: Tue, 24 Nov 2026 02:06:08 GMT", "Age: 10"})));
  EXPECT_FALSE(service_time(testing::reply_of(200)));
}

}  // namespace
}  // namespace weir::aws
