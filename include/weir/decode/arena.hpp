#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace weir::decode {

/// Memory that is handed out in pieces and taken back all at once: unescaped strings, keys, slots. One
/// thread at a time. What it hands out never moves and lives until `clear`.
class Arena {
 public:
  /// `kept_bytes_max`: what `clear` keeps for the next round; more, after a giant one, goes back.
  explicit Arena(std::size_t kept_bytes_max = 1024 * 1024) : kept_bytes_max_(kept_bytes_max) {}
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  /// `alignment` is a power of two, at most that of `std::max_align_t`.
  char* allocate(std::size_t bytes, std::size_t alignment = 1) {
    const std::size_t gap = (0 - reinterpret_cast<std::uintptr_t>(next_)) & (alignment - 1);
    if (static_cast<std::size_t>(end_ - next_) < bytes + gap) {
      return allocate_elsewhere(bytes);
    }
    char* piece = next_ + gap;
    next_ = piece + bytes;
    return piece;
  }
  /// Takes back the end of the latest piece: `piece` keeps `bytes`.
  void shrink(char* piece, std::size_t bytes) noexcept { next_ = piece + bytes; }
  std::string_view copy(std::string_view text);

  void clear() noexcept;
  /// What it holds from the system, used or not.
  std::size_t bytes_held() const noexcept { return bytes_held_; }
  /// What it has handed out since the last `clear`, roughly.
  std::size_t bytes_used() const noexcept { return bytes_before_ + static_cast<std::size_t>(next_ - begin_); }

 private:
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  char* allocate_elsewhere(std::size_t bytes);
  void enter(std::size_t chunk) noexcept;

  std::size_t kept_bytes_max_;
  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;  // the chunk that `next_` points into
  std::size_t bytes_held_ = 0;
  std::size_t bytes_before_ = 0;  // in the chunks before the current one
  char* begin_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace weir::decode
