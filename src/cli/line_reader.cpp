#include "cli/line_reader.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/text.hpp"
#include "weir/stream/record.hpp"

namespace weir::cli {

LineReader::LineReader(int descriptor, Options options) : descriptor_(descriptor), options_(options) {}

Result<LineReader::Step> LineReader::next() {
  for (;;) {
    if (scanned_ < filled_) {
      const auto* found = static_cast<const char*>(std::memchr(bytes_ + scanned_, '\n', filled_ - scanned_));
      if (found != nullptr) {
        const auto end = static_cast<std::size_t>(found - bytes_);
        return hand_out(end, end + 1);
      }
      scanned_ = filled_;
    }
    if (filled_ - begin_ > options_.line_bytes_max) {
      return too_long();
    }
    if (at_end_) {
      return begin_ < filled_ ? hand_out(filled_, filled_) : Result<Step>(Step::end);
    }
    auto more = read_more();
    if (!more || *more == Step::wait) {
      return more;
    }
  }
}

Result<LineReader::Step> LineReader::hand_out(std::size_t end, std::size_t next_begin) {
  if (end - begin_ > options_.line_bytes_max) {
    return too_long();
  }
  line_ = std::string_view(bytes_ + begin_, end - begin_);
  begin_ = next_begin;
  scanned_ = next_begin;
  ++line_number_;
  return Step::line;
}

Error LineReader::too_long() {
  ++line_number_;
  return refused("LineTooLong", fmt::format("it is longer than {} bytes", options_.line_bytes_max));
}

// Lines already handed out keep the old block; the unfinished one moves.
void LineReader::make_room() {
  if (capacity_ > filled_) {
    return;
  }
  const auto unfinished = filled_ - begin_;
  const auto capacity = std::max(options_.block_bytes, unfinished * 2);
  // Not set to zeros: a block is filled before it is read, and the padding just must be there.
  std::shared_ptr<char[]> block(new char[capacity + stream::padding_bytes]);
  std::memset(block.get() + capacity, 0, stream::padding_bytes);
  if (unfinished > 0) {
    std::memcpy(block.get(), bytes_ + begin_, unfinished);
  }
  bytes_ = block.get();
  block_ = std::move(block);
  capacity_ = capacity;
  begin_ = 0;
  scanned_ = unfinished;
  filled_ = unfinished;
}

Result<LineReader::Step> LineReader::read_more() {
  pollfd ready{descriptor_, POLLIN, 0};
  const int count = ::poll(&ready, 1, 0);
  if (count == 0 || (count < 0 && errno == EINTR)) {
    return Step::wait;
  }
  make_room();
  const auto got = ::read(descriptor_, bytes_ + filled_, capacity_ - filled_);
  if (got < 0) {
    if (errno == EINTR || errno == EAGAIN) {
      return Step::wait;
    }
    ++line_number_;
    return refused("ReadFailed", fmt::format("cannot read on: {}", describe_errno(errno)));
  }
  at_end_ = got == 0;
  filled_ += static_cast<std::size_t>(got);
  bytes_read_ += static_cast<std::size_t>(got);
  return Step::line;
}

}  // namespace weir::cli
