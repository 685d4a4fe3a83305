#include "weir/aws/signer.hpp"

#include <utility>

#include "aws/sha256.hpp"
#include "aws/signing_steps.hpp"

namespace weir::aws {
namespace {

bool is_ours(std::string_view name) {
  return name == "x-amz-date" || name == "x-amz-security-token" || name == "x-amz-content-sha256" ||
         name == "authorization";
}

}  // namespace

Signer::Signer(std::string region, std::string service, Options options)
    : region_(std::move(region)), service_(std::move(service)), options_(options) {}

void Signer::sign(http::Request& request, const Credentials& credentials, Timestamp now) {
  std::erase_if(request.headers, [](const auto& header) { return is_ours(header.first); });
  const auto date = amz_date(now);
  request.headers.emplace_back("x-amz-date", date);
  const bool has_token = !credentials.session_token.empty();
  if (has_token && options_.sign_session_token) {
    request.headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  std::string body_hash;
  append_hex(body_hash, sha256(request.body));
  if (options_.body_hash_header) {
    request.headers.emplace_back("x-amz-content-sha256", body_hash);
  }

  const auto canonical = canonical_request(request, body_hash, options_.normalize_path);
  const auto scope = credential_scope(date, region_, service_);
  const auto key = signing_key(credentials, date.substr(0, 8));
  std::string authorization = "AWS4-HMAC-SHA256 Credential=";
  authorization.reserve(320);
  authorization.append(credentials.access_key_id).append("/").append(scope);
  authorization.append(", SignedHeaders=").append(canonical.signed_headers).append(", Signature=");
  append_hex(authorization, hmac_sha256(bytes_of(key), string_to_sign(date, scope, canonical.text)));
  request.headers.emplace_back("authorization", std::move(authorization));
  if (has_token && !options_.sign_session_token) {
    request.headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
}

Signer::Key Signer::signing_key(const Credentials& credentials, const std::string& day) {
  const std::lock_guard lock(mutex_);
  if (key_day_ != day || key_secret_ != credentials.secret_access_key) {
    auto key = hmac_sha256("AWS4" + credentials.secret_access_key, day);
    key = hmac_sha256(bytes_of(key), region_);
    key = hmac_sha256(bytes_of(key), service_);
    key_ = hmac_sha256(bytes_of(key), "aws4_request");
    key_day_ = day;
    key_secret_ = credentials.secret_access_key;
  }
  return key_;
}

}  // namespace weir::aws
