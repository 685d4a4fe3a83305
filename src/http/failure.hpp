#pragma once

#include <curl/curl.h>

#include <string_view>

#include "proxy.hpp"
#include "weir/base/error.hpp"

namespace weir::http {

/// What a transfer that curl gave up means to the caller. `detail` is curl's own line on it. It is repeated
/// only where it says why a certificate was not accepted: others may quote the request. `proxy`: the one that
/// may have been on the way.
Error failure_of(CURLcode code, CURL* easy, std::string_view origin, const Proxy& proxy, std::string_view detail);

/// Whether this errno says that a process, or the machine, has as many files open as it may.
bool is_out_of_descriptors(int number) noexcept;
Error out_of_descriptors(int number, std::string_view origin);

}  // namespace weir::http
