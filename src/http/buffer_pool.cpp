#include "buffer_pool.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace weir::http {

std::size_t BufferPool::size_index(std::size_t bytes) noexcept {
  const auto shift = static_cast<std::size_t>(std::bit_width(bytes == 0 ? 0 : bytes - 1));
  return shift <= first_shift ? 0 : shift - first_shift;
}

BufferPool::Block BufferPool::take(std::size_t bytes) {
  const auto index = size_index(bytes);
  if (index >= sizes) {
    throw std::bad_alloc();
  }
  const auto capacity = std::size_t{1} << (index + first_shift);
  {
    const std::scoped_lock lock(mutex_);
    auto& blocks = free_[index];
    if (!blocks.empty()) {
      Block block{std::move(blocks.back()), capacity};
      blocks.pop_back();
      bytes_free_ -= capacity;
      --buffers_free_;
      return block;
    }
  }
  return {std::make_unique_for_overwrite<char[]>(capacity), capacity};
}

void BufferPool::give(Block block) noexcept {
  if (block.data == nullptr) {
    return;
  }
  const auto index = size_index(block.capacity);
  std::unique_ptr<char[]> evicted;  // freed outside the lock
  const std::scoped_lock lock(mutex_);
  if (bytes_free_ + block.capacity > bytes_max_) {
    return;
  }
  if (buffers_free_ >= buffers_max_) {
    // Small blocks must not keep out the large ones, which are what the pool is for.
    const auto smaller = std::find_if(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(index),
                                      [](const auto& blocks) { return !blocks.empty(); });
    if (smaller == free_.begin() + static_cast<std::ptrdiff_t>(index)) {
      return;
    }
    evicted = std::move(smaller->back());
    smaller->pop_back();
    bytes_free_ -= std::size_t{1} << (static_cast<std::size_t>(smaller - free_.begin()) + first_shift);
    --buffers_free_;
  }
  try {
    free_[index].push_back(std::move(block.data));
  } catch (const std::bad_alloc&) {
    return;
  }
  bytes_free_ += block.capacity;
  ++buffers_free_;
}

Buffer BufferPool::share(Block block, std::size_t size) {
  const auto capacity = block.capacity;
  auto back = [pool = shared_from_this(), capacity](char* bytes) noexcept {
    pool->give({std::unique_ptr<char[]>(bytes), capacity});
  };
  // shared_ptr calls the deleter also when it cannot allocate its counts.
  std::shared_ptr<char> shared(block.data.release(), std::move(back));
  return {std::move(shared), size};
}

std::size_t BufferPool::bytes_free() const {
  const std::scoped_lock lock(mutex_);
  return bytes_free_;
}

std::size_t BufferPool::buffers_free() const {
  const std::scoped_lock lock(mutex_);
  return buffers_free_;
}

void BodyWriter::reserve(std::size_t bytes) {
  const auto needed = bytes + stream::padding_bytes;
  if (needed <= block_.capacity) {
    return;
  }
  auto larger = pool_.take(needed);
  if (size_ != 0) {
    std::memcpy(larger.data.get(), block_.data.get(), size_);
  }
  pool_.give(std::exchange(block_, std::move(larger)));
}

void BodyWriter::append(std::string_view bytes) {
  if (size_ + bytes.size() + stream::padding_bytes > block_.capacity) {
    // Blocks are powers of two, so a body of unknown length is moved a logarithmic number of times.
    reserve(size_ + bytes.size());
  }
  std::memcpy(block_.data.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

Buffer BodyWriter::take() {
  if (size_ == 0) {
    clear();
    return {};
  }
  std::memset(block_.data.get() + size_, 0, stream::padding_bytes);
  return pool_.share(std::exchange(block_, {}), std::exchange(size_, 0));
}

void BodyWriter::clear() noexcept {
  pool_.give(std::exchange(block_, {}));
  size_ = 0;
}

}  // namespace weir::http
