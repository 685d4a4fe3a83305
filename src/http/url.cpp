#include "url.hpp"

#include <algorithm>

namespace weir::http {
namespace {

constexpr std::string_view http = "http://";
constexpr std::string_view https = "https://";

}  // namespace

Result<std::string_view> origin_of(std::string_view url) {
  const auto scheme = url.starts_with(https) ? https : url.starts_with(http) ? http : std::string_view();
  if (scheme.empty() || url.size() > url_bytes_max) {
    return refused("BadRequest",
                   scheme.empty() ? "the URL must start with http:// or https://" : "the URL is longer than 64 KiB");
  }
  if (!std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    return refused("BadRequest", "the URL holds a byte that must be percent-encoded");
  }
  const auto origin = url.substr(0, url.find_first_of("/?#", scheme.size()));
  if (origin.size() == scheme.size() || origin.find('@') != std::string_view::npos) {
    return refused("BadRequest", "the URL must name a host, and no user or password");
  }
  return origin;
}

std::string place_of(std::string_view origin) {
  const bool secure = origin.starts_with(https);
  std::string place(origin.substr(secure ? https.size() : http.size()));
  // A colon inside brackets belongs to an IPv6 address.
  const auto colon = place.rfind(':');
  const auto bracket = place.rfind(']');
  if (colon == std::string::npos || (bracket != std::string::npos && bracket > colon)) {
    place += secure ? ":443" : ":80";
  }
  return place;
}

}  // namespace weir::http
