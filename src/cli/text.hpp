#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::cli {

/// Numbers and words as people read them.

/// "1,234,567"; `digits` may have a sign and a fraction.
std::string with_commas(std::string_view digits);
std::string with_commas(std::uint64_t number);
/// "1 record", "20,000 records".
std::string counted(std::uint64_t number, std::string_view noun);
/// "512 B", "1.8 MB"; thousands, as networks count.
std::string bytes_text(std::uint64_t bytes);
/// "0.31 s", "12.5 s", "3 min 20 s".
std::string seconds_text(double seconds);
/// "310,000 records/s"; three digits are as many as a rate deserves.
std::string rate_text(std::uint64_t records, double seconds);
std::string behind_text(std::chrono::milliseconds behind);

/// Columns a terminal gives a UTF-8 text, when each character takes one.
std::size_t width_of(std::string_view text) noexcept;
/// At most `columns` wide; what is cut ends in "…".
std::string cut_to_width(std::string_view text, std::size_t columns);
/// Without control characters, which could do things to a terminal.
std::string printable(std::string_view text);
/// The same, and lines stay lines.
std::string printable_lines(std::string_view text);
/// Breaks words over lines of at most `columns`, each but the first after `indent` blanks.
std::string wrap(std::string_view text, std::size_t columns, std::size_t indent);

/// The candidate that `word` is a misspelling of; empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);
/// "did you mean 'put'?" and such; empty when there is none.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

std::string describe_errno(int number);

}  // namespace weir::cli
