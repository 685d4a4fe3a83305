#include "weir/decode/arena.hpp"

#include <algorithm>
#include <cstring>

namespace weir::decode {
namespace {

constexpr std::size_t chunk_bytes_min = 4096;
constexpr std::size_t chunk_bytes_max = 1024 * 1024;

}  // namespace

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  char* piece = allocate(text.size());
  std::memcpy(piece, text.data(), text.size());
  return {piece, text.size()};
}

char* Arena::allocate_elsewhere(std::size_t bytes) {
  // A chunk's beginning is aligned for anything.
  while (current_ + 1 < chunks_.size()) {
    bytes_before_ += static_cast<std::size_t>(next_ - begin_);
    enter(current_ + 1);
    if (chunks_[current_].size >= bytes) {
      next_ += bytes;
      return begin_;
    }
  }
  const std::size_t doubled = chunks_.empty() ? chunk_bytes_min : std::min(chunks_.back().size * 2, chunk_bytes_max);
  const std::size_t size = std::max(doubled, bytes);
  chunks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
  bytes_held_ += size;
  bytes_before_ += static_cast<std::size_t>(next_ - begin_);
  enter(chunks_.size() - 1);
  next_ += bytes;
  return begin_;
}

void Arena::enter(std::size_t chunk) noexcept {
  current_ = chunk;
  begin_ = chunks_[chunk].bytes.get();
  next_ = begin_;
  end_ = begin_ + chunks_[chunk].size;
}

void Arena::clear() noexcept {
  while (!chunks_.empty() && bytes_held_ > kept_bytes_max_) {
    bytes_held_ -= chunks_.back().size;
    chunks_.pop_back();
  }
  bytes_before_ = 0;
  if (chunks_.empty()) {
    current_ = 0;
    begin_ = next_ = end_ = nullptr;
  } else {
    enter(0);
  }
}

}  // namespace weir::decode
