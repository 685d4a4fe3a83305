#pragma once

#include <curl/curl.h>

#include <string_view>

#include "weir/base/error.hpp"

namespace weir::http {

/// What a transfer that curl gave up means to the caller. `tls_detail` is curl's own line on why a
/// certificate was not accepted; its other lines are not repeated, for they may quote the request.
Error failure_of(CURLcode code, CURL* easy, std::string_view origin, std::string_view tls_detail);

}  // namespace weir::http
