#include "aws/signing_steps.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "aws/sha256.hpp"

namespace weir::aws {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

// Changed or dropped on the way by proxies (botocore's SIGNED_HEADERS_BLACKLIST, and the hop-by-hop
// headers of RFC 9110 7.6.1); and the signature itself.
constexpr std::array<std::string_view, 12> unsigned_headers = {"authorization",
                                                               "connection",
                                                               "expect",
                                                               "keep-alive",
                                                               "proxy-authenticate",
                                                               "proxy-authorization",
                                                               "te",
                                                               "trailer",
                                                               "upgrade",
                                                               "transfer-encoding",
                                                               "user-agent",
                                                               "x-amzn-trace-id"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

void append_encoded(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('%');
  out.push_back(digits[byte >> 4U]);
  out.push_back(digits[byte & 15U]);
}

struct Url {
  std::string_view host;
  std::string_view path;
  std::string_view query;
};

Url split(std::string_view url) {
  Url parts;
  const auto scheme = url.find("://");
  const bool tls = url.starts_with("https");
  auto rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('#'));
  if (const auto query = rest.find('?'); query != std::string_view::npos) {
    parts.query = rest.substr(query + 1);
    rest = rest.substr(0, query);
  }
  const auto slash = rest.find('/');
  parts.host = rest.substr(0, slash);
  parts.path = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  // The port is part of the Host unless it is the scheme's own.
  const std::string_view own_port = tls ? ":443" : ":80";
  if (parts.host.ends_with(own_port)) {
    parts.host.remove_suffix(own_port.size());
  }
  return parts;
}

void append_path(std::string& out, std::string_view path, bool normalize) {
  std::string normal;
  if (normalize && (path.find("//") != std::string_view::npos || path.find("/.") != std::string_view::npos)) {
    std::vector<std::string_view> segments;
    bool closed = false;  // ends in a slash
    for (auto rest = path.substr(1);;) {
      const auto slash = rest.find('/');
      const auto segment = rest.substr(0, slash);
      closed = segment.empty() || segment == "." || segment == "..";
      if (!closed) {
        segments.push_back(segment);
      } else if (segment == ".." && !segments.empty()) {
        segments.pop_back();
      }
      if (slash == std::string_view::npos) {
        break;
      }
      rest = rest.substr(slash + 1);
    }
    for (const auto segment : segments) {
      normal.append("/").append(segment);
    }
    if (closed || segments.empty()) {
      normal.push_back('/');
    }
    path = normal;
  }
  for (const char c : path) {
    if (is_unreserved(c) || c == '/') {
      out.push_back(c);
    } else {
      append_encoded(out, c);
    }
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

// Decodes and encodes again, so that either spelling is signed the same.
std::string encoded_anew(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      c = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    }
    if (is_unreserved(c)) {
      result.push_back(c);
    } else {
      append_encoded(result, c);
    }
  }
  return result;
}

void append_query(std::string& out, std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto parameter = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (parameter.empty()) {
      continue;
    }
    const auto equals = parameter.find('=');
    parameters.emplace_back(encoded_anew(parameter.substr(0, equals)),
                            equals == std::string_view::npos ? "" : encoded_anew(parameter.substr(equals + 1)));
  }
  std::sort(parameters.begin(), parameters.end());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    out.append(i == 0 ? "" : "&").append(parameters[i].first).append("=").append(parameters[i].second);
  }
}

// Without blanks at either end; runs of them within become one.
void append_value(std::string& out, std::string_view value) {
  bool blank = false;
  bool begun = false;
  for (const char c : value) {
    if (is_blank(c)) {
      blank = begun;
      continue;
    }
    if (blank) {
      out.push_back(' ');
    }
    out.push_back(c);
    blank = false;
    begun = true;
  }
}

}  // namespace

CanonicalRequest canonical_request(const http::Request& request, std::string_view body_hash, bool normalize_path) {
  const auto url = split(request.url);
  std::vector<std::pair<std::string, std::string_view>> headers;
  headers.reserve(request.headers.size() + 1);
  bool has_host = false;
  for (const auto& [name, value] : request.headers) {
    std::string small(name);
    std::transform(small.begin(), small.end(), small.begin(), lower);
    if (std::find(unsigned_headers.begin(), unsigned_headers.end(), small) != unsigned_headers.end()) {
      continue;
    }
    has_host = has_host || small == "host";
    headers.emplace_back(std::move(small), value);
  }
  if (!has_host) {
    headers.emplace_back("host", url.host);
  }
  // Stable: values of a repeated header stay in the order given.
  std::stable_sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

  CanonicalRequest result;
  auto& text = result.text;
  text.reserve(512);
  text.append(request.method).append("\n");
  append_path(text, url.path, normalize_path);
  text.append("\n");
  append_query(text, url.query);
  text.append("\n");
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto& [name, value] = headers[i];
    if (i > 0 && name == headers[i - 1].first) {
      text.back() = ',';
    } else {
      text.append(name).append(":");
      result.signed_headers.append(i == 0 ? "" : ";").append(name);
    }
    append_value(text, value);
    text.append("\n");
  }
  text.append("\n").append(result.signed_headers).append("\n").append(body_hash);
  return result;
}

std::string amz_date(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::string text = "00000000T000000Z";
  const auto put = [&text](std::size_t at, std::size_t digits, unsigned value) {
    for (; digits > 0; --digits, value /= 10) {
      text[at + digits - 1] = static_cast<char>('0' + value % 10);
    }
  };
  put(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
  put(4, 2, static_cast<unsigned>(date.month()));
  put(6, 2, static_cast<unsigned>(date.day()));
  put(9, 2, static_cast<unsigned>(clock.hours().count()));
  put(11, 2, static_cast<unsigned>(clock.minutes().count()));
  put(13, 2, static_cast<unsigned>(clock.seconds().count()));
  return text;
}

std::string credential_scope(std::string_view amz_date, std::string_view region, std::string_view service) {
  std::string scope(amz_date.substr(0, 8));
  scope.append("/").append(region).append("/").append(service).append("/aws4_request");
  return scope;
}

std::string string_to_sign(std::string_view amz_date, std::string_view scope, std::string_view canonical_request) {
  std::string text(algorithm);
  text.append("\n").append(amz_date).append("\n").append(scope).append("\n");
  append_hex(text, sha256(canonical_request));
  return text;
}

}  // namespace weir::aws
