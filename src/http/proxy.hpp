#pragma once

#include <string>
#include <string_view>

namespace weir::http {

/// Whether an origin is this machine itself: localhost, 127.0.0.0/8 or ::1. No proxy is on the way there.
bool is_loopback(std::string_view origin);

/// Where a proxy is: as the caller says, else as the environment does for this origin, by curl's rules
/// (http_proxy; https_proxy, HTTPS_PROXY; all_proxy, ALL_PROXY). `no_proxy` is not looked at.
struct Proxy {
  std::string host;  ///< empty: there is none
  std::string port;  ///< empty: not said
  /// "127.0.0.1:3128", never a user name or password.
  std::string place() const { return port.empty() ? host : host + ":" + port; }
};
Proxy proxy_for(std::string_view origin, const std::string& chosen);

}  // namespace weir::http
