#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::emulator {

/// What a sequence number is made of: 186 bits that print as 56 decimal digits. From the most significant
/// bit: 2 (4 bits), second of the shard's creation (36), low nibble of the shard's index (4), counter (64),
/// 0 (8), second of the record (36), the shard's index (32), 2 (4). Found by kinesalite by observation; the
/// numbers in AWS's own samples decode to the times and shards printed beside them.
struct SequenceParts {
  std::uint64_t shard_created_s = 0;
  std::uint32_t shard_index = 0;
  std::uint64_t counter = 0;  ///< grows within a shard; 0 is the shard's starting number, below every record
  std::uint64_t record_s = 0;

  friend bool operator==(const SequenceParts&, const SequenceParts&) = default;
};

/// The counter of a closed shard's ending number: at or above every record's.
inline constexpr std::uint64_t counter_end = 0x7fff'ffff'ffff'ffffU;

inline constexpr std::size_t sequence_digits = 56;
using SequenceText = std::array<char, sequence_digits>;

inline std::string_view view(const SequenceText& text) noexcept { return {text.data(), text.size()}; }

SequenceText encode_sequence(const SequenceParts& parts) noexcept;

/// Absent when the digits are no number of this layout.
std::optional<SequenceParts> decode_sequence(std::string_view digits) noexcept;

}  // namespace weir::emulator
