#include "cli/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <system_error>
#include <vector>

namespace weir::cli {
namespace {

// Insertions, deletions, replacements, and neighbours changing places, between two words.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last(right.size() + 1);
  std::vector<std::size_t> last(right.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t i = 0; i < left.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      row[j + 1] = std::min({last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0U : 1U)});
      if (i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j]) {
        row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[right.size()];
}

bool continues(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// The character at the front that would turn around or break what follows it on a terminal, whoever wrote it into a
// key: U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069, each three bytes of UTF-8. 0: none.
unsigned turning_character(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xe2') {
    return 0;
  }
  const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(text[at])); };
  const unsigned code = 0x2000U + ((byte(1) & 0x3fU) << 6U) + (byte(2) & 0x3fU);
  const bool turns =
      code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return turns ? code : 0;
}

}  // namespace

std::string with_commas(std::string_view digits) {
  const auto begin = digits.starts_with('-') ? std::size_t{1} : std::size_t{0};
  const auto end = std::min(digits.find('.'), digits.size());
  std::string text(digits.substr(0, begin));
  for (auto i = begin; i < end; ++i) {
    text += digits[i];
    if (i + 1 < end && (end - i - 1) % 3 == 0) {
      text += ',';
    }
  }
  return text.append(digits.substr(end));
}

std::string with_commas(std::uint64_t number) { return with_commas(fmt::format("{}", number)); }

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", with_commas(number), noun, number == 1 ? "" : "s");
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string seconds_text(double seconds) {
  if (seconds < 9.995) {
    return fmt::format("{:.2f} s", seconds);
  }
  if (seconds < 119.95) {
    return fmt::format("{:.1f} s", seconds);
  }
  const auto whole = static_cast<std::uint64_t>(seconds);
  return whole < 7200 ? fmt::format("{} min {} s", whole / 60, whole % 60)
                      : fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string rate_text(std::uint64_t records, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(records) / seconds : 0;
  const double step = rate < 1000 ? 1 : std::pow(10, std::floor(std::log10(rate)) - 2);
  return fmt::format("{} records/s", with_commas(static_cast<std::uint64_t>(std::round(rate / step) * step)));
}

std::string behind_text(std::chrono::milliseconds behind) {
  return behind.count() == 0 ? "caught up"
                             : fmt::format("{} behind", seconds_text(static_cast<double>(behind.count()) / 1000));
}

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns) {
    return std::string(text);
  }
  std::size_t end = 0;
  for (std::size_t width = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && ++width >= columns) {
      break;
    }
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto value = static_cast<unsigned char>(text.front());
    if (const auto turning = turning_character(text); turning != 0) {
      out += fmt::format("\\u{:04x}", turning);
      text.remove_prefix(3);
      continue;
    }
    if (value < 0x20 || value == 0x7f) {
      out += fmt::format("\\x{:02x}", value);
    } else {
      out += text.front();
    }
    text.remove_prefix(1);
  }
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  for (;;) {
    const auto end = text.find('\n');
    out += printable(text.substr(0, end));
    if (end == std::string_view::npos) {
      return out;
    }
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string wrap(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto word = text.substr(0, std::min(text.find(' '), text.size()));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const auto width = width_of(word);
    if (column > indent && column + 1 + width > columns) {
      out.append("\n").append(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
  }
  return out;
}

std::string_view nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const auto apart = distance(word, candidate);
    // As many changes as the word has letters is another word.
    if (apart < best_distance && apart < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = apart;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const auto found = nearest(word, candidates);
  return found.empty() ? std::string() : fmt::format("; did you mean '{}'?", found);
}

std::string describe_errno(int number) { return std::generic_category().message(number); }

}  // namespace weir::cli
