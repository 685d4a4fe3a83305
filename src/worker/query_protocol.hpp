#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "weir/base/result.hpp"
#include "weir/worker/query.hpp"

// What the worker and those who ask it agree on: the asker sends one line,
//   {"pipeline":NAME,"definition":TEXT,"type":"keys|all|dead_letters|count","keys":[TEXT,...]}
// and gets the answer's lines, then {"done":true} or {"error":{"code":CODE,"message":SENTENCE}}.
namespace weir::worker::protocol {

inline constexpr std::string_view socket_name = "query.sock";
inline constexpr std::size_t request_bytes_max = 16U * 1024 * 1024;
inline constexpr std::string_view done_line = "{\"done\":true}\n";
inline constexpr std::string_view error_prefix = "{\"error\":";

std::string make_request(const pipelines::Pipeline& pipeline, const Query& query);
Result<Query> parse_request(std::string_view line, const pipelines::Pipeline& pipeline);
std::string make_error(const Error& error);
Error parse_error(std::string_view line);

/// A path to the socket that always fits a socket address (107 bytes), however deep the directory: it
/// goes through the open directory.
class SocketPath {
 public:
  explicit SocketPath(const std::string& directory)
      : fd_(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  ~SocketPath() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  bool ok() const noexcept { return fd_ >= 0; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_) + "/" + std::string(socket_name); }

 private:
  int fd_;
};

}  // namespace weir::worker::protocol
