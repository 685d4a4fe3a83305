#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "weir/http/buffer.hpp"

namespace weir::http {

/// Keeps the memory of reply bodies for the next ones: fresh megabytes cost a page fault every 4 KiB,
/// which is several times what reading them costs. Any thread; buffers handed out keep the pool alive.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  /// Memory of `capacity` bytes; owned by whoever holds it.
  struct Block {
    std::unique_ptr<char[]> data;
    std::size_t capacity = 0;
  };

  BufferPool(std::size_t bytes_max, std::size_t buffers_max) : bytes_max_(bytes_max), buffers_max_(buffers_max) {}

  /// At least `bytes` bytes, their contents undefined; throws std::bad_alloc.
  Block take(std::size_t bytes);
  /// Keeps the block, or frees it when the pool is full.
  void give(Block block) noexcept;
  /// Shares the block's first `size` bytes; returns it here when the last reference goes.
  Buffer share(Block block, std::size_t size);

  std::size_t bytes_free() const;
  std::size_t buffers_free() const;

 private:
  // Free blocks by size: 4 KiB, 8 KiB ... 2 GiB.
  static constexpr std::size_t first_shift = 12;
  static constexpr std::size_t sizes = 20;
  static std::size_t size_index(std::size_t bytes) noexcept;

  const std::size_t bytes_max_;
  const std::size_t buffers_max_;
  mutable std::mutex mutex_;
  std::array<std::vector<std::unique_ptr<char[]>>, sizes> free_;
  std::size_t bytes_free_ = 0;
  std::size_t buffers_free_ = 0;
};

/// A body while it arrives.
class BodyWriter {
 public:
  explicit BodyWriter(BufferPool& pool) : pool_(pool) {}
  ~BodyWriter() { clear(); }
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  /// Room for `bytes` in all, so that a body of known length is never moved.
  void reserve(std::size_t bytes);
  void append(std::string_view bytes);
  std::size_t size() const noexcept { return size_; }
  /// Hands the body over, padded, and starts anew.
  Buffer take();
  void clear() noexcept;

 private:
  BufferPool& pool_;
  BufferPool::Block block_;
  std::size_t size_ = 0;
};

}  // namespace weir::http
