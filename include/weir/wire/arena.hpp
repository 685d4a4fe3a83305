#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace weir::wire {

/// Memory for what a reader cannot show as a view of its input: strings sent in chunks, base64 decoded.
/// Given back all at once when destroyed. Addresses stay valid when the arena is moved. One thread.
class Arena {
 public:
  /// Readable bytes after each piece, so that a decoder may read ahead (simdjson's SIMDJSON_PADDING is 64
  /// at most).
  static constexpr std::size_t padding_bytes = 64;

  Arena() = default;
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept {
    std::swap(blocks_, other.blocks_);
    std::swap(next_, other.next_);
    std::swap(left_, other.left_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  /// `size` bytes, not aligned.
  char* allocate(std::size_t size) {
    if (size > left_ || next_ == nullptr) {
      const auto block = std::max(size, block_bytes);
      blocks_.push_back(std::make_unique<char[]>(block + padding_bytes));
      next_ = blocks_.back().get();
      left_ = block;
      bytes_ += block + padding_bytes;
    }
    char* piece = next_;
    next_ += size;
    left_ -= size;
    return piece;
  }
  /// What the arena holds of the machine's memory.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t block_bytes = 16 * 1024;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace weir::wire
