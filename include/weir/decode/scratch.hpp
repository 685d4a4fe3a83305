#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/decode/arena.hpp"
#include "weir/decode/json_cursor.hpp"

namespace weir::decode {

/// What one loop keeps between payloads so that decoding allocates nothing: the token index and the text
/// that had to be unescaped. One thread at a time, one payload at a time.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(Scratch&&) noexcept;
  Scratch& operator=(Scratch&&) noexcept;

  /// Indexes a payload that is followed by `stream::padding_bytes` readable bytes. The cursor stands at its
  /// value and works until the next call; it is not `valid()` on failure, and `problem` says why.
  JsonCursor open(std::string_view padded) { return open(padded, padded.data()); }
  /// The same for any bytes, by way of a copy; slices still point into `payload`.
  JsonCursor open_unpadded(std::string_view payload);

  /// Forgets what was unescaped: call it when the views of a batch are no longer used. Gives memory back
  /// after giant payloads.
  void clear() noexcept;

  Arena& arena() noexcept { return arena_; }
  JsonProblem& problem() noexcept { return problem_; }

 private:
  struct Index;
  JsonCursor open(std::string_view padded, const char* slices);
  std::string_view pad(std::string_view payload);

  std::unique_ptr<Index> index_;
  std::vector<char> padded_;
  Arena arena_;
  JsonProblem problem_;
};

/// The scratch behind decoders that are given bytes alone: one per thread.
Scratch& this_threads_scratch();

}  // namespace weir::decode
