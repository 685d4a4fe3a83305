#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

namespace weir::stream {

/// Orders two sequence numbers of one shard: decimal, without leading zeros, of up to 129 digits (the
/// service's model), so a longer one is greater and equal lengths compare as text. The empty text stands
/// for "before every record". Both must be well formed (see `is_sequence_number`).
inline std::strong_ordering compare_sequence_numbers(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) {
    return left.size() <=> right.size();
  }
  return left.compare(right) <=> 0;
}

/// The service's pattern: `0|([1-9]\d{0,128})`.
bool is_sequence_number(std::string_view text) noexcept;

/// A sequence number that owns its digits. Empty: before every record.
class SequenceNumber {
 public:
  SequenceNumber() = default;
  explicit SequenceNumber(std::string digits) : digits_(std::move(digits)) {}
  explicit SequenceNumber(std::string_view digits) : digits_(digits) {}
  explicit SequenceNumber(const char* digits) : digits_(digits) {}

  const std::string& text() const noexcept { return digits_; }
  bool empty() const noexcept { return digits_.empty(); }
  friend bool operator==(const SequenceNumber&, const SequenceNumber&) = default;
  friend std::strong_ordering operator<=>(const SequenceNumber& left, const SequenceNumber& right) noexcept {
    return compare_sequence_numbers(left.digits_, right.digits_);
  }

 private:
  std::string digits_;
};

}  // namespace weir::stream
