#include "failure.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "url.hpp"

namespace weir::http {
namespace {

Error retry(const char* code, std::string message) { return {Next::retry, code, std::move(message)}; }

// Only curl knows whether `no_proxy` spared this request the proxy: it names whom it tried to reach.
bool was_about(const Proxy& proxy, std::string_view detail) {
  return !proxy.host.empty() &&
         detail.find(fmt::format(" {} port {}", proxy.host, proxy.port)) != std::string_view::npos;
}

Error connect_failure(CURL* easy, const std::string& place, const Proxy& proxy, std::string_view detail) {
  if (was_about(proxy, detail)) {
    return retry(
        "ProxyUnreachable",
        fmt::format("no connection to the proxy {} on the way to {}: check http_proxy, https_proxy and no_proxy",
                    proxy.place(), place));
  }
  long os_error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
  if (os_error == ECONNREFUSED) {
    return retry(
        "ConnectionRefused",
        fmt::format("nothing listens at {}: check that the service runs there, and the endpoint's port", place));
  }
  const auto reason =
      os_error == 0 ? std::string("no address answered") : std::generic_category().message(static_cast<int>(os_error));
  return retry("ConnectionFailed",
               fmt::format("no connection to {} ({}): check the endpoint, the network and the proxy", place, reason));
}

Error timeout(CURL* easy, const std::string& place) {
  curl_off_t connected_us = 0;
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
  return retry("Timeout",
               connected_us == 0
                   ? fmt::format("no connection to {} in time: check the endpoint, firewalls and the proxy", place)
                   : fmt::format("no complete reply from {} in time: the service or the network is slow", place));
}

// Whether the request, or a part of it, may have gone out: then the peer may have acted on it. Not told by the
// code alone: where a kept connection dies under a request, curl makes a new one by itself, and says only how
// that went.
bool was_sent(CURLcode code, CURL* easy) {
  curl_off_t begun_us = 0;
  long sent_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
  if (sent_bytes > 0) {
    return true;
  }
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
      return false;
    case CURLE_OPERATION_TIMEDOUT:
      curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
      return begun_us != 0;
    default:
      return true;
  }
}

Error classify(CURLcode code, CURL* easy, std::string_view origin, const Proxy& proxy, std::string_view detail) {
  const auto place = place_of(origin);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return connect_failure(easy, place, proxy, detail);
    case CURLE_COULDNT_RESOLVE_HOST:
      return retry("HostNotFound",
                   fmt::format("no address for {}: check the endpoint's name, the region and DNS", place));
    case CURLE_COULDNT_RESOLVE_PROXY:
      return retry("ProxyUnreachable",
                   fmt::format("no address for the proxy {} on the way to {}: check http_proxy and https_proxy",
                               proxy.place(), place));
    case CURLE_OPERATION_TIMEDOUT:
      return timeout(easy, place);
    case CURLE_PARTIAL_FILE:
      return retry("ConnectionLost", fmt::format("the connection to {} ended in the middle of a reply", place));
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return retry("ConnectionLost", fmt::format("the connection to {} was lost", place));
    case CURLE_SSL_CONNECT_ERROR:
      return retry("TlsHandshake",
                   fmt::format("no TLS session with {}: check that the port speaks TLS 1.2 or later", place));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return refused(
          "TlsVerification",
          fmt::format("the certificate of {} is not accepted ({}): check the endpoint's name, this machine's "
                      "clock and the CA bundle",
                      place, detail.empty() ? "no reason given" : detail));
    case CURLE_SSL_CACERT_BADFILE:
      return refused("TlsVerification", fmt::format("the CA bundle to check {} cannot be read: check its path", place));
    case CURLE_URL_MALFORMAT:
      return refused("BadRequest", fmt::format("the URL for {} is malformed", place));
    case CURLE_FILESIZE_EXCEEDED:
      return corrupt("ReplyTooLarge", fmt::format("the reply of {} says it is larger than the limit", place));
    case CURLE_UNSUPPORTED_PROTOCOL:  // "HTTP/0.9": no status line at all
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_OUT_OF_MEMORY:  // curl's answer to a header line without end
    case CURLE_BAD_CONTENT_ENCODING:
      return corrupt("BadReply", fmt::format("the reply of {} is not HTTP/1.1: check the endpoint's port", place));
    default:
      return retry("TransferFailed", fmt::format("the request to {} failed: {}", place, curl_easy_strerror(code)));
  }
}

}  // namespace

bool is_out_of_descriptors(int number) noexcept { return number == EMFILE || number == ENFILE; }

Error out_of_descriptors(int number, std::string_view origin) {
  rlimit limit{};
  const auto place = place_of(origin);
  if (number == EMFILE && ::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    return retry("TooManyOpenFiles",
                 fmt::format("no connection to {}: this process has as many files and connections open as it may, {}: "
                             "raise the limit (ulimit -n)",
                             place, limit.rlim_cur));
  }
  return retry("TooManyOpenFiles",
               fmt::format("no connection to {}: this machine has as many files and connections open as it may", place));
}

Error failure_of(CURLcode code, CURL* easy, std::string_view origin, const Proxy& proxy, std::string_view detail) {
  if (code == CURLE_RECV_ERROR && detail.find("chunked-encoding") != std::string_view::npos) {
    code = CURLE_WEIRD_SERVER_REPLY;  // curl has no code of its own for broken chunks
  }
  auto error = classify(code, easy, origin, proxy, detail);
  error.may_have_taken_effect = was_sent(code, easy);
  return error;
}

}  // namespace weir::http
