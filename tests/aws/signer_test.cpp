#include "weir/aws/signer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "aws/sha256.hpp"
#include "aws/signing_steps.hpp"
#include "fakes.hpp"
#include "weir/wire/document.hpp"

namespace weir::aws {
namespace {

std::string header(const http::Request& request, std::string_view name) {
  std::string found = "(none)";
  for (const auto& [key, value] : request.headers) {
    if (key == name) {
      EXPECT_EQ(found, "(none)") << "sent twice: " << name;
      found = value;
    }
  }
  return found;
}

// A request of the suite: text with LF line ends; a line that begins with a blank continues the one before.
http::Request parse(std::string_view text) {
  std::string head(text.substr(0, text.find("\n\n")));
  http::Request request;
  request.body = text.find("\n\n") == std::string_view::npos ? std::string_view() : text.substr(text.find("\n\n") + 2);
  const auto end = head.find('\n');
  const auto line = head.substr(0, end);
  const auto path = line.find(' ');
  request.method = line.substr(0, path);
  request.url = "http://elsewhere.example" + line.substr(path + 1, line.rfind(' ') - path - 1);
  for (std::size_t at = end + 1; at < head.size();) {
    const auto next = std::min(head.find('\n', at), head.size());
    const auto content = head.substr(at, next - at);
    if (content.starts_with(' ')) {
      request.headers.back().second.append("\n").append(content);
    } else if (const auto colon = content.find(':'); colon != std::string::npos) {
      request.headers.emplace_back(content.substr(0, colon), content.substr(colon + 1));
    }
    at = next + 1;
  }
  return request;
}

// The suite is AWS' own statement of the algorithm: paths, queries, repeated and folded headers, tokens. A
// signer that only fits Kinesis' requests would break with the next service.
TEST(Signer, ReproducesEveryHeaderSignatureOfTheAwsSuite) {
  const auto text = testing::vector_file("sigv4/aws-suite-v4.json");
  auto document = wire::Document::parse_json(text);
  ASSERT_TRUE(document) << to_string(document.error());
  int cases = 0;
  for (const auto vector : document->root()["cases"]) {
    const std::string name(vector.text("name"));
    SCOPED_TRACE(name);
    const auto context = vector["context"];
    const auto keys = context["credentials"];
    const Credentials credentials(std::string(keys.text("access_key_id")), std::string(keys.text("secret_access_key")),
                                  std::string(keys.text("token")));
    Signer::Options options;
    options.normalize_path = context["normalize"].boolean().value();
    options.body_hash_header = context["sign_body"].boolean().value();
    options.sign_session_token = !context["omit_session_token"].boolean().value_or(false);
    Signer signer(std::string(context.text("region")), std::string(context.text("service")), options);
    const auto time = parse_rfc3339(context.text("timestamp"));
    const auto raw = std::string(vector.text("request"));
    auto request = parse(raw);

    signer.sign(request, credentials, time.value());

    std::string body_hash;
    append_hex(body_hash, sha256(request.body));
    auto signed_part = request;
    if (!options.sign_session_token) {
      std::erase_if(signed_part.headers, [](const auto& h) { return h.first == "x-amz-security-token"; });
    }
    EXPECT_EQ(canonical_request(signed_part, body_hash, options.normalize_path).text,
              vector.text("header_canonical_request"));
    EXPECT_TRUE(
        header(request, "authorization").ends_with("Signature=" + std::string(vector.text("header_signature"))));
    const auto whole = std::string(vector.text("header_signed_request"));
    EXPECT_NE(whole.find("Authorization:" + header(request, "authorization")), std::string::npos);
    if (!credentials.session_token.empty()) {
      EXPECT_EQ(header(request, "x-amz-security-token"), credentials.session_token);
    }
    ++cases;
  }
  EXPECT_EQ(cases, 38);
}

// Requests as this library makes them; two independent signers agree on each. One sits a second before
// midnight, one names a port.
TEST(Signer, ReproducesTheKinesisAndDynamoRequests) {
  const auto text = testing::vector_file("sigv4/kinesis-dynamodb.json");
  auto document = wire::Document::parse_json(text);
  ASSERT_TRUE(document) << to_string(document.error());
  int cases = 0;
  for (const auto vector : document->root()["cases"]) {
    SCOPED_TRACE(std::string(vector.text("name")));
    Signer signer(std::string(vector.text("region")), std::string(vector.text("service")));
    const auto body = testing::from_hex(vector.text("body_hex"));
    http::Request request(std::string(vector.text("method")), "");
    for (const auto value : vector["headers"]) {
      if (value.name() == "host") {
        request.url = "http://" + std::string(value.text().value()) + std::string(vector.text("path"));
      } else {
        request.headers.emplace_back(value.name(), value.text().value());
      }
    }
    request.body = body;
    const Credentials credentials(std::string(vector.text("access_key_id")),
                                  std::string(vector.text("secret_access_key")),
                                  std::string(vector.text("session_token")));

    signer.sign(request, credentials, parse_rfc3339(vector.text("timestamp")).value());

    EXPECT_EQ(header(request, "authorization"), vector.text("authorization"));
    EXPECT_EQ(header(request, "x-amz-date"), vector.text("x_amz_date"));
    ++cases;
  }
  EXPECT_EQ(cases, 8);
}

http::Request list_shards() {
  http::Request request("POST", "https://kinesis.us-east-1.amazonaws.com/");
  request.headers.emplace_back("x-amz-target", "Kinesis_20131202.ListShards");
  return request;
}

std::string signed_with(Signer& signer, const Credentials& credentials, std::string_view time) {
  auto request = list_shards();
  signer.sign(request, credentials, parse_rfc3339(time).value());
  return header(request, "authorization");
}

// The key is cached. If it outlived the day or the secret, every request after midnight or after a
// rotation of keys would be refused.
TEST(Signer, MakesANewKeyForANewDayAndForANewSecret) {
  const Credentials first("AKIDEXAMPLE", "first-secret");
  const Credentials second("AKIDEXAMPLE", "second-secret");
  Signer kept("us-east-1", "kinesis");
  for (const auto& [credentials, time] : {std::pair(first, "2026-11-24T23:59:59Z"),
                                          {first, "2026-11-25T00:00:00Z"},
                                          {second, "2026-11-25T00:00:00Z"},
                                          {first, "2026-11-25T00:00:01Z"}}) {
    Signer fresh("us-east-1", "kinesis");
    EXPECT_EQ(signed_with(kept, credentials, time), signed_with(fresh, credentials, time)) << time;
  }
}

// A retry is signed again. Were the old signature signed along or a header sent twice, the service would
// refuse every retry.
TEST(Signer, SignsARequestAgainAsIfForTheFirstTime) {
  Signer signer("us-east-1", "kinesis");
  const Credentials with_token("AKIDEXAMPLE", "secret", "token");
  const Credentials without("AKIDEXAMPLE", "secret");
  auto request = list_shards();
  signer.sign(request, with_token, parse_rfc3339("2026-11-24T00:00:00Z").value());
  signer.sign(request, without, parse_rfc3339("2026-11-24T00:10:00Z").value());
  EXPECT_EQ(header(request, "authorization"), signed_with(signer, without, "2026-11-24T00:10:00Z"));
  EXPECT_EQ(header(request, "x-amz-security-token"), "(none)");
}

// Proxies change or drop these; signing one breaks every request behind such a proxy.
TEST(Signer, LeavesOutHeadersThatProxiesChange) {
  Signer signer("us-east-1", "kinesis");
  auto request = list_shards();
  for (const auto* name : {"Connection", "expect", "Keep-Alive", "proxy-authenticate", "proxy-authorization", "te",
                           "trailer", "Transfer-Encoding", "upgrade", "User-Agent", "X-Amzn-Trace-Id"}) {
    request.headers.emplace_back(name, "x");
  }
  signer.sign(request, Credentials("AKIDEXAMPLE", "secret"), parse_rfc3339("2026-11-24T00:00:00Z").value());
  EXPECT_NE(header(request, "authorization").find("SignedHeaders=host;x-amz-date;x-amz-target,"), std::string::npos)
      << header(request, "authorization");
}

// HMAC keys longer than a block are hashed first (RFC 4231, test case 6).
TEST(Signer, HashesLongHmacKeysFirst) {
  std::string hex;
  append_hex(hex, hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"));
  EXPECT_EQ(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace weir::aws
