#include "transfer.hpp"

#include <algorithm>
#include <new>

#include "failure.hpp"
#include "proxy.hpp"
#include "url.hpp"

namespace weir::http {
namespace {

// curl hands over what one recv() gave, so this is also how much of a large reply one turn of the loop reads.
// Untouched pages of it cost nothing.
constexpr long receive_bytes = 256 << 10;

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return x == y || ((x ^ y) == 0x20 && (x | 0x20) >= 'a' && (x | 0x20) <= 'z');
  });
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

}  // namespace

Result<void> check(const Request& request) {
  if (!is_token(request.method)) {
    return refused("BadRequest", "the method is not a word such as POST");
  }
  if (!request.body.empty() && (request.method == "GET" || request.method == "HEAD")) {
    return refused("BadRequest", "a GET or HEAD request takes no body");
  }
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name) || !is_field_value(value)) {
      return refused("BadRequest", "a header's name or value holds a byte that cannot be sent");
    }
    // They say where a request ends; the client writes them itself.
    if (same_name(name, "transfer-encoding") || same_name(name, "content-length") || same_name(name, "expect")) {
      return refused("BadRequest", "the header " + name + " is the client's to set");
    }
  }
  return {};
}

Transfer::Transfer(const Client::Options& options, BufferPool& pool, curl_opensocket_callback open_socket,
                   curl_closesocket_callback close_socket, void* sockets)
    : easy_(curl_easy_init()),
      body_bytes_max_(options.body_bytes_max),
      header_bytes_max_(options.header_bytes_max),
      proxy_(options.proxy),
      body_(pool) {
  if (easy_ == nullptr) {
    throw std::bad_alloc();
  }
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop must not wait for a name that does not resolve
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PATH_AS_IS, 1L);  // signatures cover the path as the caller wrote it
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_BUFFERSIZE, receive_bytes);
  set(CURLOPT_UPLOAD_BUFFERSIZE, receive_bytes);
  set(CURLOPT_ERRORBUFFER, detail_);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_PREREQFUNCTION, &Transfer::on_send);
  set(CURLOPT_PREREQDATA, static_cast<void*>(this));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's answer is not the service's
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, sockets);
  set(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  set(CURLOPT_CLOSESOCKETDATA, sockets);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  if (options.low_speed_time.count() > 0) {
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.low_speed_bytes));
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.low_speed_time.count()));
  }
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(options.idle_time_max.count()));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.body_bytes_max));
  set(CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_bundle.empty()) {
    set(CURLOPT_CAINFO, options.ca_bundle.c_str());
  }
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
}

Transfer& Transfer::of(CURL* easy) {
  char* self = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
  return *reinterpret_cast<Transfer*>(self);
}

void Transfer::prepare(const Request& request, std::chrono::milliseconds timeout) {
  reset();
  set_url(request.url);
  if (timeout_ != timeout) {
    timeout_ = timeout;
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  }
  set_method(request);
  set_headers(request);
}

void Transfer::set_url(const std::string& url) {
  if (url_ == url) {
    return;
  }
  url_ = url;
  set(CURLOPT_URL, url_.c_str());
  // An empty one is none, a null one the environment's.
  const bool direct = proxy_.empty() && is_loopback(url_.substr(0, url_.find('/', url_.find("://") + 3)));
  set(CURLOPT_PROXY, direct ? "" : proxy_.empty() ? nullptr : proxy_.c_str());
}

void Transfer::set_method(const Request& request) {
  const bool with_body =
      request.method != "HEAD" && request.method != "GET" &&
      (!request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH");
  if (with_body) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());  // not copied; makes it a POST
  }
  const auto kind = (with_body ? "+" : "-") + request.method;
  if (method_ == kind) {
    return;
  }
  method_ = kind;
  set(CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  set(CURLOPT_NOBODY, 0L);
  set(with_body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
  if (request.method != (with_body ? "POST" : "GET")) {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void Transfer::set_headers(const Request& request) {
  header_text_.clear();
  std::size_t lines = 0;
  bool has_accept = false, has_type = false;
  const auto add = [&](std::string_view name, std::string_view between, std::string_view value) {
    header_text_.append(name).append(between).append(value).push_back('\0');
    ++lines;
  };
  for (const auto& [name, value] : request.headers) {
    has_accept = has_accept || same_name(name, "accept");
    has_type = has_type || same_name(name, "content-type");
    // curl's spelling of a header without a value; with a colon it would mean: leave this header out.
    if (value.find_first_not_of(" \t") == std::string::npos) {
      add(name, ";", "");
    } else {
      add(name, ": ", value);
    }
  }
  add("Expect", ":", "");  // curl would wait for a 100 before a large body: a round trip, a second at worst
  if (!has_accept) {
    add("Accept", ":", "");
  }
  if (!has_type) {
    add("Content-Type", ":", "");
  }
  header_list_.resize(lines);
  char* line = header_text_.data();
  for (auto& node : header_list_) {
    node.data = line;
    node.next = &node + 1;
    line += std::char_traits<char>::length(line) + 1;
  }
  header_list_.back().next = nullptr;
  set(CURLOPT_HTTPHEADER, header_list_.data());
}

void Transfer::reset() {
  headers_.clear();
  header_bytes_ = 0;
  headers_done_ = false;
  sendings_ = 0;
  body_.clear();
  error_.reset();
  detail_[0] = '\0';
}

void Transfer::fail(Error error) {
  if (!error_) {
    error_ = std::move(error);
  }
}

Result<Reply> Transfer::result(CURLcode code, std::string_view origin) {
  if (error_) {
    auto error = *std::move(error_);
    error.may_have_taken_effect = true;  // found in the reply
    error.message += " (" + place_of(origin) + ")";
    return error;
  }
  if (code != CURLE_OK) {
    return failure_of(code, easy(), origin, proxy_for(origin, proxy_), detail_);
  }
  long status = 0;
  curl_off_t total_us = 0;
  curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy(), CURLINFO_TOTAL_TIME_T, &total_us);
  if (!headers_done_ || status < 200) {
    // curl takes a head cut short for a whole reply that states no length.
    return failure_of(CURLE_PARTIAL_FILE, easy(), origin, Proxy(), {});
  }
  Reply reply;
  reply.status = static_cast<int>(status);
  reply.round_trip = std::chrono::microseconds(total_us);
  reply.headers = std::move(headers_);
  headers_.clear();
  reply.body = body_.take();
  reply.may_repeat_an_effect = sendings_ > 1;
  return reply;
}

// Lines of every reply there is, interim ones (100) and a proxy's included, each with its end; then the
// empty line. After the body come trailers, which are nobody's here.
bool Transfer::take_header_line(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > header_bytes_max_) {
    fail(corrupt("ReplyTooLarge", "the reply's headers are larger than the limit"));
    return false;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  if (line.empty()) {
    headers_done_ = true;
    return true;
  }
  if (line.starts_with("HTTP/") && (headers_done_ || headers_.size() == 0)) {
    if (body_.size() != 0) {
      return true;
    }
    headers_.clear();
    headers_done_ = false;
    return true;
  }
  if (headers_done_) {
    return true;
  }
  if (!headers_.add_line(line)) {
    fail(corrupt("BadReply", "a header line of the reply is malformed"));
    return false;
  }
  return true;
}

bool Transfer::take_body(std::string_view bytes) {
  if (bytes.size() > body_bytes_max_ - body_.size()) {
    fail(corrupt("ReplyTooLarge", "the reply is larger than the limit"));
    return false;
  }
  if (body_.size() == 0) {
    curl_off_t length = -1;
    curl_easy_getinfo(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0) {
      // A length can lie; what it reserves is bounded and untouched until bytes come.
      body_.reserve(std::min(static_cast<std::size_t>(length), body_bytes_max_));
    }
  }
  body_.append(bytes);
  return true;
}

int Transfer::on_send(void* self, char* /*remote_address*/, char* /*local_address*/, int /*remote_port*/,
                      int /*local_port*/) noexcept {
  ++static_cast<Transfer*>(self)->sendings_;
  return CURL_PREREQFUNC_OK;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    return transfer.take_header_line({data, size * count}) ? size * count : 0;
  } catch (const std::bad_alloc&) {
    transfer.fail({Next::retry, "OutOfMemory", "no memory for the reply's headers"});
    return 0;
  }
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    return transfer.take_body({data, size * count}) ? size * count : 0;
  } catch (const std::bad_alloc&) {
    transfer.fail({Next::retry, "OutOfMemory", "no memory for the reply's body"});
    return 0;
  }
}

}  // namespace weir::http
