#pragma once

#include <string>
#include <string_view>

#include "weir/aws/signer.hpp"
#include "weir/base/clock.hpp"
#include "weir/http/message.hpp"

namespace weir::aws {

/// What is signed, as text.
struct CanonicalRequest {
  std::string text;
  std::string signed_headers;  ///< "content-type;host;x-amz-date"
};

/// `body_hash` in hex.
CanonicalRequest canonical_request(const http::Request& request, std::string_view body_hash, bool normalize_path);

/// `20261124T060530Z`
std::string amz_date(Timestamp time);

/// `<day>/<region>/<service>/aws4_request`
std::string credential_scope(std::string_view amz_date, std::string_view region, std::string_view service);

std::string string_to_sign(std::string_view amz_date, std::string_view scope, std::string_view canonical_request);

}  // namespace weir::aws
