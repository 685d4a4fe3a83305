#include "weir/aws/service_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fakes.hpp"

namespace weir::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = RetryPolicy::Kind;
using testing::error_reply;
using testing::reply_of;

/// Hands out one set of keys after another, a new one per `invalidate`; the last for ever.
class Rotating final : public CredentialsProvider {
 public:
  explicit Rotating(std::vector<Credentials> keys) : keys_(std::move(keys)) {}
  Task<Credentials> get(std::stop_token) override { co_return keys_[std::min(invalidated, keys_.size() - 1)]; }
  void invalidate() override { ++invalidated; }
  std::size_t invalidated = 0;

 private:
  std::vector<Credentials> keys_;
};

class ServiceClientTest : public ::testing::Test {
 protected:
  Result<http::Reply> call(Kind kind = Kind::repeatable, std::stop_token stop = {}) {
    if (!client_) {
      ServiceClient::Options options;
      options.region = "eu-central-1";
      options.endpoint = "http://127.0.0.1:4567";
      options.service = "kinesis";
      options.target_prefix = "Kinesis_20131202.";
      options.content_type = "application/x-amz-cbor-1.1";
      options.retry = retry_;
      options.log = [this](LogLevel, std::string_view text) { log_.emplace_back(text); };
      client_.emplace(options, credentials_, script_.transport(), clock_, Random(1));
    }
    return testing::run(client_->call("ListShards", "body", kind, stop));
  }
  std::string sent_date(std::size_t n) const { return script_.sent.at(n).headers.at("x-amz-date"); }
  std::string signature(std::size_t n) const { return script_.sent.at(n).headers.at("authorization"); }
  std::string at_offset(std::chrono::minutes offset) const {
    return "Date: " + testing::http_date(clock_.now() + offset);
  }
  http::Reply skewed(const std::string& code, std::chrono::minutes offset) const {
    return reply_of(400, R"({"__type":")" + code + "\"}", {at_offset(offset)});
  }

  RetryPolicy::Options retry_;
  std::shared_ptr<Rotating> credentials_ =
      std::make_shared<Rotating>(std::vector{Credentials("OLDID", "old-secret-key", "old-session-token"),
                                             Credentials("NEWID", "new-secret-key", "new-session-token")});
  testing::FakeClock clock_;
  testing::Script script_;
  std::vector<std::string> log_;
  std::optional<ServiceClient> client_;
};

TEST_F(ServiceClientTest, SendsASignedRequest) {
  script_.then(reply_of(200, "answer"));
  const auto reply = call();
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->body.bytes(), "answer");
  const auto& sent = script_.sent.at(0);
  EXPECT_EQ(sent.url, "http://127.0.0.1:4567/");
  EXPECT_EQ(sent.body, "body");
  EXPECT_EQ(sent.headers.at("x-amz-target"), "Kinesis_20131202.ListShards");
  EXPECT_EQ(sent.headers.at("content-type"), "application/x-amz-cbor-1.1");
  EXPECT_EQ(sent.headers.at("x-amz-security-token"), "old-session-token");
  EXPECT_EQ(sent.headers.at("x-amz-date"), "20261124T020608Z");
  EXPECT_THAT(sent.headers.at("authorization"),
              HasSubstr("Credential=OLDID/20261124/eu-central-1/kinesis/aws4_request, "
                        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature="));
}

// The request's time is signed: a retry after a long wait with the old time would be refused as expired.
TEST_F(ServiceClientTest, TriesAgainAfterTransientErrorsSignedAnew) {
  retry_.base = std::chrono::seconds(10);
  script_.then(error_reply(500, "InternalFailure"));
  script_.then(Error(Next::retry, "ConnectionLost", "127.0.0.1:4567 closed the connection"));
  script_.then(reply_of(200));
  EXPECT_TRUE(call());
  EXPECT_EQ(clock_.sleeps.size(), 2U);
  EXPECT_NE(sent_date(0), sent_date(2));
  EXPECT_NE(signature(0), signature(2));
}

TEST_F(ServiceClientTest, GivesUpAfterTheLastAttemptWithTheLastError) {
  script_.then(error_reply(500, "InternalFailure"));
  script_.then(error_reply(500, "InternalFailure"));
  script_.then(error_reply(400, "ProvisionedThroughputExceededException"));
  const auto reply = call();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "ProvisionedThroughputExceededException");
  EXPECT_TRUE(reply.error().throttled);
  EXPECT_EQ(reply.error().request_id, "r-1");
  EXPECT_EQ(clock_.sleeps.size(), 2U);
}

// The last attempt's error does not tell what came of the first one: a caller that takes "refused" for "not done"
// does it again, or forgets it.
TEST_F(ServiceClientTest, ADoubtfulAttemptIsNotForgottenForAClearOne) {
  Error lost(Next::retry, "ConnectionLost", "127.0.0.1:4567 closed the connection");
  lost.may_have_taken_effect = true;
  script_.then(lost);
  script_.then(error_reply(400, "ResourceNotFoundException"));
  EXPECT_TRUE(call().error().may_have_taken_effect);
  script_.then(error_reply(500, "InternalFailure"));
  script_.then(error_reply(400, "ResourceNotFoundException"));
  EXPECT_TRUE(call().error().may_have_taken_effect);
  script_.then(Error(Next::retry, "ConnectionRefused", "nothing listens at 127.0.0.1:4567"));
  script_.then(error_reply(400, "ResourceNotFoundException"));
  EXPECT_FALSE(call().error().may_have_taken_effect);
}

// Nor does the last attempt's answer, where it tells of the entries one by one.
TEST_F(ServiceClientTest, AnAnswerSaysThatItMayRepeatAnEffect) {
  Error lost(Next::retry, "ConnectionLost", "127.0.0.1:4567 closed the connection");
  lost.may_have_taken_effect = true;
  script_.then(lost);
  script_.then(reply_of(200));
  EXPECT_TRUE(call()->may_repeat_an_effect);
  script_.then(error_reply(400, "ProvisionedThroughputExceededException"));
  script_.then(reply_of(200));
  EXPECT_FALSE(call()->may_repeat_an_effect);
}

TEST_F(ServiceClientTest, SurfacesAReadsThrottlingAtOnce) {
  script_.then(error_reply(400, "ProvisionedThroughputExceededException"));
  const auto reply = call(Kind::read);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().next, Next::retry);
  EXPECT_TRUE(clock_.sleeps.empty());
}

TEST_F(ServiceClientTest, DoesNotRepeatWhatIsRefused) {
  script_.then(error_reply(400, "ResourceNotFoundException"));
  EXPECT_EQ(call().error().next, Next::refused);
  script_.then(Error(Next::corrupt, "BadReply", "not HTTP"));
  EXPECT_EQ(call().error().next, Next::corrupt);
  EXPECT_EQ(script_.sent.size(), 2U);
}

// A stop in the middle of the waiting must not send once more.
TEST_F(ServiceClientTest, StopsWhileItWaits) {
  std::stop_source source;
  clock_.during_sleep = [&source] { source.request_stop(); };
  script_.then(error_reply(500, "InternalFailure"));
  const auto reply = call(Kind::repeatable, source.get_token());
  ASSERT_FALSE(reply);
  EXPECT_TRUE(reply.error().is_stopped());
  EXPECT_EQ(script_.sent.size(), 1U);
}

// Shutting down while the service fails: who asked to stop must hear that, not an error that looks like an
// incident.
TEST_F(ServiceClientTest, AStopBesideAnErrorIsAStop) {
  for (const auto* code : {"InternalFailure", "ResourceNotFoundException"}) {
    std::stop_source source;
    script_.stop_at_answer = &source;
    script_.then(error_reply(code[0] == 'I' ? 500 : 400, code));
    const auto reply = call(Kind::repeatable, source.get_token());
    ASSERT_FALSE(reply);
    EXPECT_TRUE(reply.error().is_stopped()) << code;
  }
}

// Else a stop waits for the reply, a minute at worst.
TEST_F(ServiceClientTest, AStopReachesTheRequestUnderWay) {
  std::stop_source source;
  script_.then(reply_of(200));
  EXPECT_TRUE(call(Kind::read, source.get_token()));
  EXPECT_EQ(script_.sent.at(0).stop, source.get_token());
}

// A machine an hour off is refused for ever unless the reply's Date is believed; the difference must be
// remembered, or every call is sent twice.
TEST_F(ServiceClientTest, CorrectsAWrongClockOnceAndKeepsTheDifference) {
  for (const auto* code : {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture", "InvalidSignatureException",
                           "SignatureDoesNotMatch", "AuthFailure"}) {
    client_.reset();
    script_.sent.clear();
    script_.then(skewed(code, std::chrono::minutes(60)));
    script_.then(reply_of(200));
    script_.then(reply_of(200));
    EXPECT_TRUE(call(Kind::read)) << code;
    EXPECT_TRUE(call(Kind::once)) << code;
    EXPECT_EQ(sent_date(0), "20261124T020608Z");
    EXPECT_EQ(sent_date(1), "20261124T030608Z");
    EXPECT_EQ(sent_date(2), "20261124T030608Z");
    EXPECT_EQ(client_->now(), clock_.now() + std::chrono::minutes(60));
  }
  EXPECT_TRUE(clock_.sleeps.empty());
  EXPECT_THAT(log_.at(0), HasSubstr("3600 seconds behind"));
}

// AWS refuses what is signed more than 5 minutes off: a client that calls that a small difference is refused for
// ever.
TEST_F(ServiceClientTest, CorrectsAClockFiveMinutesOffEitherWay) {
  for (const int off : {5, -5}) {
    client_.reset();
    script_.then(skewed("InvalidSignatureException", std::chrono::minutes(off)));
    script_.then(reply_of(200));
    EXPECT_TRUE(call()) << off;
    EXPECT_EQ(client_->now(), clock_.now() + std::chrono::minutes(off));
  }
}

// Somebody sets the clock right after it was corrected: what was added must come off again.
TEST_F(ServiceClientTest, FollowsAClockThatIsSetRightLater) {
  script_.then(skewed("RequestTimeTooSkewed", std::chrono::minutes(-60)));
  script_.then(reply_of(200));
  EXPECT_TRUE(call());
  script_.then(skewed("RequestTimeTooSkewed", std::chrono::minutes(0)));
  script_.then(reply_of(200));
  EXPECT_TRUE(call());
  EXPECT_EQ(sent_date(1), "20261124T010608Z");
  EXPECT_EQ(sent_date(3), "20261124T020608Z");
}

TEST_F(ServiceClientTest, CorrectsTheClockOncePerCallOnly) {
  script_.then(skewed("RequestTimeTooSkewed", std::chrono::minutes(60)));
  script_.then(skewed("RequestTimeTooSkewed", std::chrono::minutes(120)));
  EXPECT_EQ(call().error().code, "RequestTimeTooSkewed");
  EXPECT_EQ(script_.sent.size(), 2U);
}

// A wrong secret looks like a wrong clock. With the clock right, trying again only doubles the refusals.
TEST_F(ServiceClientTest, BelievesOnlyDatesThatExplainTheRefusal) {
  const std::string body = R"({"__type":"InvalidSignatureException"})";
  const auto slow = [&] {
    auto reply = reply_of(400, body, {at_offset(std::chrono::minutes(60))});
    reply.round_trip = std::chrono::minutes(16);
    return reply;
  };
  for (auto& reply :
       {skewed("InvalidSignatureException", std::chrono::minutes(3)),
        skewed("InvalidSignatureException", std::chrono::minutes(-3)), reply_of(400, body),
        reply_of(400, body, {at_offset(std::chrono::minutes(60)), "Age: 3600"}),
        reply_of(400, body, {"Date: yesterday"}), slow(), skewed("AccessDeniedException", std::chrono::minutes(60))}) {
    script_.sent.clear();
    script_.then(reply);
    EXPECT_EQ(call().error().next, Next::refused);
    EXPECT_EQ(script_.sent.size(), 1U);
  }
}

// Session tokens expire while a worker runs; another process renews them.
TEST_F(ServiceClientTest, FetchesNewCredentialsOnceWhenTheServiceRefusesTheOldOnes) {
  for (const auto* code :
       {"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"}) {
    credentials_->invalidated = 0;
    script_.sent.clear();
    script_.then(error_reply(400, code));
    script_.then(reply_of(200));
    EXPECT_TRUE(call(Kind::read)) << code;
    EXPECT_THAT(signature(0), HasSubstr("Credential=OLDID/"));
    EXPECT_THAT(signature(1), HasSubstr("Credential=NEWID/"));
    EXPECT_EQ(script_.sent.at(1).headers.at("x-amz-security-token"), "new-session-token");
  }
  EXPECT_TRUE(clock_.sleeps.empty());
}

// A wait may last 20 seconds; keys that were renewed meanwhile must be used, or the next attempt is wasted.
TEST_F(ServiceClientTest, SignsWithTheKeysOfAfterTheWait) {
  clock_.during_sleep = [this] { credentials_->invalidated = 1; };
  script_.then(error_reply(500, "InternalFailure"));
  script_.then(reply_of(200));
  EXPECT_TRUE(call());
  EXPECT_THAT(signature(1), HasSubstr("Credential=NEWID/"));
}

TEST_F(ServiceClientTest, DoesNotRepeatARequestWithCredentialsThatStayedTheSame) {
  credentials_ = std::make_shared<Rotating>(std::vector{Credentials("OLDID", "old-secret-key")});
  script_.then(error_reply(400, "ExpiredTokenException"));
  EXPECT_EQ(call().error().code, "ExpiredTokenException");
  EXPECT_EQ(credentials_->invalidated, 1U);
  EXPECT_EQ(script_.sent.size(), 1U);
}

TEST_F(ServiceClientTest, FetchesNewCredentialsOncePerCallOnly) {
  script_.then(error_reply(400, "ExpiredTokenException"));
  script_.then(error_reply(400, "ExpiredTokenException"));
  EXPECT_EQ(call().error().code, "ExpiredTokenException");
  EXPECT_EQ(script_.sent.size(), 2U);
}

// When the service is down, calls stop being repeated: 500 tokens are 100 retries.
TEST_F(ServiceClientTest, StopsRetryingWhenTheBudgetIsSpent) {
  for (int i = 0; i < 300; ++i) {
    script_.then(error_reply(500, "InternalFailure"));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(call());
  }
  EXPECT_EQ(script_.sent.size(), 200U);
}

// A worker runs for months: were the purse never filled again, the hundredth hiccup would be the last that a
// retry hides.
TEST_F(ServiceClientTest, EarnsTheBudgetBackBySucceeding) {
  for (int i = 0; i < 300; ++i) {
    script_.then(error_reply(500, "InternalFailure"));
    script_.then(reply_of(200));
    ASSERT_TRUE(call()) << i;
  }
  EXPECT_EQ(client_->budget().left(), 500);
}

// A service, a proxy or an attacker's endpoint can echo what it was sent, in every place that ends up in
// an error; none of it may reach a log.
TEST_F(ServiceClientTest, NeverRepeatsASecretThatTheServiceQuotes) {
  credentials_ =
      std::make_shared<Rotating>(std::vector{Credentials("OLDID", "the-secret-access-key", "the-session-token")});
  const std::string secrets = "the-session-token the-secret-access-key";
  for (const auto* code : {"AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException",
                           "RequestTimeTooSkewed", "InternalFailure", "SomethingNewException", "the-session-token"}) {
    for (const int status : {400, 403, 500}) {
      for (int n = 0; n < 6; ++n) {
        script_.then(reply_of(status, R"({"__type":")" + std::string(code) + R"(","message":")" + secrets + "\"}",
                              {"x-amzn-requestid: " + secrets, at_offset(std::chrono::minutes(60 * n))}));
      }
      const auto reply = call();
      ASSERT_FALSE(reply);
      log_.push_back(to_string(reply.error()));
      script_ = testing::Script();
      client_.reset();
    }
  }
  EXPECT_GT(log_.size(), 21U) << "the retries were logged, too";
  for (const auto& text : log_) {
    EXPECT_THAT(text, Not(HasSubstr("the-se")));
  }
}

// A local endpoint takes any secret, "b" too: cut out of every word, it leaves none to read.
TEST_F(ServiceClientTest, AShortSecretIsNotCutOutOfWords) {
  credentials_ = std::make_shared<Rotating>(std::vector{Credentials("ID", "b", "local")});
  script_.then(reply_of(400, R"({"__type":"ValidationException","message":"no bees at local endpoints"})"));
  const auto reply = call();
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("no bees at local endpoints"));
}

}  // namespace
}  // namespace weir::aws
