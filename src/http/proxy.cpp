#include "proxy.hpp"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "url.hpp"

namespace weir::http {
namespace {

// Host and port of "[scheme://][user[:password]@]host[:port][/...]".
Proxy parse(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    text.remove_prefix(at + 1);
  }
  Proxy proxy;
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
  proxy.host = text.substr(0, has_port ? colon : text.size());
  proxy.port = has_port ? text.substr(colon + 1) : std::string_view();
  return proxy;
}

std::string first_set(std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    const char* value = std::getenv(name);  // curl reads it the same way
    if (value != nullptr && *value != '\0') {
      return value;
    }
  }
  return {};
}

}  // namespace

bool is_loopback(std::string_view origin) {
  const auto place = place_of(origin);
  const std::string_view host = std::string_view(place).substr(0, place.rfind(':'));
  // A name like 127.example.com is somewhere else.
  const bool dotted = std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return host == "localhost" || host == "[::1]" || (dotted && host.starts_with("127."));
}

Proxy proxy_for(std::string_view origin, const std::string& chosen) {
  if (!chosen.empty()) {
    return parse(chosen);
  }
  const auto text = origin.starts_with("https://") ? first_set({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                                                   : first_set({"http_proxy", "all_proxy", "ALL_PROXY"});
  return parse(text);
}

}  // namespace weir::http
