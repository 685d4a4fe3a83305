#include "weir/process/letter_room.hpp"

#include <algorithm>

namespace weir::process {

bool LetterRoom::is_known() const {
  const std::scoped_lock lock(mutex_);
  return stored_.has_value();
}

std::uint64_t LetterRoom::version() const {
  const std::scoped_lock lock(mutex_);
  return version_;
}

void LetterRoom::stored(const state::LetterSum& sum, std::uint64_t version) {
  const std::scoped_lock lock(mutex_);
  if (version == version_ || !stored_) {
    stored_ = sum;
  }
}

bool LetterRoom::take(const state::LetterSum& bound, std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  const auto now = sum();
  if (now.letters >= bound.letters || now.bytes > bound.bytes || bound.bytes - now.bytes < bytes) {
    return false;
  }
  ++pending_.letters;
  pending_.bytes += bytes;
  return true;
}

void LetterRoom::committed(const state::LetterSum& sum) {
  const std::scoped_lock lock(mutex_);
  ++version_;
  pending_.letters -= sum.letters;
  pending_.bytes -= sum.bytes;
  if (stored_) {
    stored_->letters += sum.letters;
    stored_->bytes += sum.bytes;
  }
}

state::LetterSum LetterRoom::taken() const {
  const std::scoped_lock lock(mutex_);
  return sum();
}

state::LetterSum LetterRoom::left(const state::LetterSum& bound) const {
  const auto now = taken();
  return {bound.letters - std::min(now.letters, bound.letters), bound.bytes - std::min(now.bytes, bound.bytes)};
}

state::LetterSum LetterRoom::sum() const {
  const auto stored = stored_.value_or(state::LetterSum());
  return {stored.letters + pending_.letters, stored.bytes + pending_.bytes};
}

}  // namespace weir::process
