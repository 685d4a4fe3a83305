#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/http/buffer.hpp"

namespace weir::http {

/// One request. Headers are sent as given and in this order; only `Host` (from the URL, unless given) and
/// `Content-Length` are added, and the client's user agent when none is given.
struct Request {
  std::string method = "GET";
  std::string url;  ///< absolute, http or https, already percent-encoded; no user or password in it
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;  ///< must live until the send completes; GET and HEAD take none
  /// From the call to the reply's last byte, waiting for a connection included; else the client's.
  std::optional<std::chrono::milliseconds> total_timeout;

  Request() = default;
  Request(std::string verb, std::string address) : method(std::move(verb)), url(std::move(address)) {}
};

/// A reply's headers, in the order received. Names compare without regard to case (RFC 9110, 5.1).
class Headers {
 public:
  /// The first value of `name`, without surrounding blanks.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  std::size_t size() const noexcept { return places_.size(); }
  /// Name and value of the `index`-th header.
  std::pair<std::string_view, std::string_view> at(std::size_t index) const;

  /// Takes one `name: value` line without its end; false when it is none.
  bool add_line(std::string_view line);
  void clear() noexcept;

 private:
  struct Place {
    std::uint32_t name_begin, name_size, value_begin, value_size;
  };
  std::string_view part(std::uint32_t begin, std::uint32_t size) const noexcept {
    return std::string_view(text_).substr(begin, size);
  }
  std::string text_;
  std::vector<Place> places_;
};

/// A whole reply, of any status: what a status means is the caller's to say.
struct Reply {
  int status = 0;
  Headers headers;
  Buffer body;
  std::chrono::microseconds round_trip{};  ///< from the start of the transfer to the last byte
  /// The request was sent before, on a kept connection that was closed without an answer: what came of that is not
  /// known.
  bool may_repeat_an_effect = false;
};

}  // namespace weir::http
