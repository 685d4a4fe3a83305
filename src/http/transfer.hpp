#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "buffer_pool.hpp"
#include "weir/http/client.hpp"

namespace weir::http {

struct Call;

/// A curl handle, set up once and then reused for one request after another to the same host: setting all
/// options anew costs as much as a small request. Owned by the loop it runs on.
class Transfer {
 public:
  /// `sockets` is handed to the two socket functions.
  Transfer(const Client::Options& options, BufferPool& pool, curl_opensocket_callback open_socket,
           curl_closesocket_callback close_socket, void* sockets);

  /// `request` must live until the transfer ends.
  void prepare(const Request& request, std::chrono::milliseconds timeout);
  /// What came of it, once curl is done with it.
  Result<Reply> result(CURLcode code, std::string_view origin);
  /// Forgets a transfer given up half-way.
  void reset();

  CURL* easy() const noexcept { return easy_.get(); }
  /// The transfer a curl handle belongs to.
  static Transfer& of(CURL* easy);

  Call* call = nullptr;  ///< whose request it carries at present

 private:
  struct Cleanup {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
  };

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_send(void* self, char* remote_address, char* local_address, int remote_port, int local_port) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  bool take_header_line(std::string_view line);
  bool take_body(std::string_view bytes);
  void set_url(const std::string& url);
  void set_method(const Request& request);
  void set_headers(const Request& request);
  void fail(Error error);
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  std::unique_ptr<CURL, Cleanup> easy_;
  const std::size_t body_bytes_max_;
  const std::size_t header_bytes_max_;
  const std::string proxy_;  // the caller's; empty: the environment's
  char detail_[CURL_ERROR_SIZE] = {};  // curl's own words on a failure; may quote the request

  // What the handle was last told, to tell it again only when that differs.
  std::string url_;
  std::string method_;
  std::chrono::milliseconds timeout_{-1};

  std::string header_text_;               // lines, each ended by a zero
  std::vector<curl_slist> header_list_;   // points into header_text_; curl does not copy it

  Headers headers_;
  std::size_t header_bytes_ = 0;
  bool headers_done_ = false;
  int sendings_ = 0;  // curl sends again by itself where a kept connection turns out to be closed
  BodyWriter body_;
  std::optional<Error> error_;  // why we ended the transfer ourselves
};

/// `BadRequest` for a method or header that cannot be sent as it is.
Result<void> check(const Request& request);

}  // namespace weir::http
