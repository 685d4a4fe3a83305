#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "weir/state/store.hpp"

namespace weir::process {

/// How much room a pipeline has for dead letters: what its store holds, or held when somebody looked, and what its
/// loops are about to commit. So it says too much rather than too little is taken. Any thread.
class LetterRoom {
 public:
  /// Somebody has looked into the store.
  bool is_known() const;
  /// Before a look into the store: `stored` with it is passed over when a commit was made meanwhile.
  std::uint64_t version() const;
  void stored(const state::LetterSum& sum, std::uint64_t version);
  /// Takes room for a letter; false where there is not enough.
  bool take(const state::LetterSum& bound, std::uint64_t bytes);
  /// What was taken is in the store.
  void committed(const state::LetterSum& sum);

  state::LetterSum taken() const;
  state::LetterSum left(const state::LetterSum& bound) const;

 private:
  state::LetterSum sum() const;

  mutable std::mutex mutex_;
  std::optional<state::LetterSum> stored_;
  state::LetterSum pending_;
  std::uint64_t version_ = 0;
};

}  // namespace weir::process
