#include <gtest/gtest.h>

#include "http/failure.hpp"

namespace weir::http {
namespace {

// What curl says decides whether a call is repeated, reopened or given up, and whether it may have had an effect.
// Several of these (a connection lost while sending) no test can cause at will.
TEST(CurlCodes, BecomeWhatACallerCanActOn) {
  struct Case {
    CURLcode code;
    Next next;
    const char* expected;
  };
  const Case cases[] = {
      {CURLE_SEND_ERROR, Next::retry, "ConnectionLost"},
      {CURLE_RECV_ERROR, Next::retry, "ConnectionLost"},
      {CURLE_GOT_NOTHING, Next::retry, "ConnectionLost"},
      {CURLE_PARTIAL_FILE, Next::retry, "ConnectionLost"},
      {CURLE_COULDNT_RESOLVE_HOST, Next::retry, "HostNotFound"},
      {CURLE_COULDNT_RESOLVE_PROXY, Next::retry, "ProxyUnreachable"},
      {CURLE_OPERATION_TIMEDOUT, Next::retry, "Timeout"},
      {CURLE_SSL_CONNECT_ERROR, Next::retry, "TlsHandshake"},
      {CURLE_PEER_FAILED_VERIFICATION, Next::refused, "TlsVerification"},
      {CURLE_SSL_ISSUER_ERROR, Next::refused, "TlsVerification"},
      {CURLE_SSL_CACERT_BADFILE, Next::refused, "TlsVerification"},
      {CURLE_URL_MALFORMAT, Next::refused, "BadRequest"},
      {CURLE_FILESIZE_EXCEEDED, Next::corrupt, "ReplyTooLarge"},
      {CURLE_UNSUPPORTED_PROTOCOL, Next::corrupt, "BadReply"},
      {CURLE_WEIRD_SERVER_REPLY, Next::corrupt, "BadReply"},
      {CURLE_SSL_ENGINE_NOTFOUND, Next::retry, "TransferFailed"},  // whatever else there is
  };
  auto* easy = curl_easy_init();
  for (const auto& [code, next, expected] : cases) {
    const auto error = failure_of(code, easy, "http://kinesis.example:80", Proxy(), "");
    EXPECT_EQ(error.code, expected) << curl_easy_strerror(code);
    EXPECT_EQ(error.next, next) << curl_easy_strerror(code);
    EXPECT_NE(error.message.find("kinesis.example:80"), std::string::npos) << error.message;
  }
  curl_easy_cleanup(easy);
}

}  // namespace
}  // namespace weir::http
