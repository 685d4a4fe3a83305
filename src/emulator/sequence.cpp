#include "emulator/sequence.hpp"

namespace weir::emulator {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t ten_to_19 = 10'000'000'000'000'000'000U;
constexpr std::uint64_t mask(unsigned bits) noexcept { return (std::uint64_t{1} << bits) - 1; }

void write_digits(char* to, std::size_t count, std::uint64_t value) noexcept {
  for (std::size_t i = count; i > 0; --i) {
    to[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

struct Words {
  std::uint64_t low = 0;
  std::uint64_t middle = 0;
  std::uint64_t high = 0;
};

}  // namespace

SequenceText encode_sequence(const SequenceParts& parts) noexcept {
  const Words words{.low = 2U | (std::uint64_t{parts.shard_index} << 4U) | ((parts.record_s & mask(28)) << 36U),
                    .middle = ((parts.record_s >> 28U) & mask(8)) | (parts.counter << 16U),
                    .high = (parts.counter >> 48U) | (std::uint64_t{parts.shard_index & 0xfU} << 16U) |
                            ((parts.shard_created_s & mask(36)) << 20U) | (std::uint64_t{2} << 56U)};
  // 19 + 19 + 18 digits: long division of three words by 10^19, twice. The high word is below 10^19, so
  // the first quotient has two words, and the second (below 10^37 / 10^19) has one.
  Wide part = (Wide{words.high} << 64U) | words.middle;
  const auto quotient_high = static_cast<std::uint64_t>(part / ten_to_19);
  part = (Wide{static_cast<std::uint64_t>(part % ten_to_19)} << 64U) | words.low;
  const auto quotient_low = static_cast<std::uint64_t>(part / ten_to_19);
  const auto last = static_cast<std::uint64_t>(part % ten_to_19);
  const Wide rest = (Wide{quotient_high} << 64U) | quotient_low;
  const auto first = static_cast<std::uint64_t>(rest / ten_to_19);
  const auto middle = static_cast<std::uint64_t>(rest % ten_to_19);

  SequenceText text;
  write_digits(text.data(), 18, first);
  write_digits(text.data() + 18, 19, middle);
  write_digits(text.data() + 37, 19, last);
  return text;
}

std::optional<SequenceParts> decode_sequence(std::string_view digits) noexcept {
  if (digits.size() != sequence_digits || digits.front() == '0') {
    return std::nullopt;
  }
  Words words;
  for (const char c : digits) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    Wide carry = static_cast<unsigned>(c - '0');
    for (std::uint64_t* word : {&words.low, &words.middle, &words.high}) {
      carry += Wide{*word} * 10;
      *word = static_cast<std::uint64_t>(carry);
      carry >>= 64U;
    }
  }
  SequenceParts parts{.shard_created_s = (words.high >> 20U) & mask(36),
                      .shard_index = static_cast<std::uint32_t>((words.low >> 4U) & mask(32)),
                      .counter = (words.high << 48U) | (words.middle >> 16U),
                      .record_s = ((words.middle & mask(8)) << 28U) | (words.low >> 36U)};
  const bool well_formed = (words.high >> 56U) == 2 && (words.low & 0xfU) == 2 && ((words.middle >> 8U) & 0xffU) == 0 &&
                           ((words.high >> 16U) & 0xfU) == (parts.shard_index & 0xfU);
  if (!well_formed) {
    return std::nullopt;
  }
  return parts;
}

}  // namespace weir::emulator
