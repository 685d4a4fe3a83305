#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console.hpp"
#include "weir/base/result.hpp"

namespace weir::cli {

/// One line of JSON as the answer to a query has it: names and values, in order. Values are JSON as
/// written, which keeps numbers of any size exact; a string is its text.
struct JsonRow {
  struct Cell {
    enum class Type : unsigned char { text, number, null, other };
    std::string name;
    std::string value;
    Type type = Type::null;
  };
  std::vector<Cell> cells;

  static Result<JsonRow> parse(std::string_view line);
  const Cell* find(std::string_view name) const noexcept;
};

/// Prints rows as a table for people: a header, numbers to the right with their decimal points under each
/// other, keys as they can be typed back. Where the table would be wider than the terminal, headers break over
/// lines; where that does not do, each row becomes a block of lines, "name: value". Nothing is ever cut. Widths
/// are settled by the first `rows_to_measure` rows; what comes after is printed as it comes.
class Table {
 public:
  static constexpr std::size_t rows_to_measure = 2000;

  explicit Table(Console& console) : console_(console) {}

  Result<void> add(JsonRow row);
  /// Prints what is still held back.
  Result<void> finish();
  std::size_t rows() const noexcept { return rows_; }

 private:
  struct Column {
    std::string name;
    std::size_t width = 0;
    bool key = false;    // of the key itself, or `by`: no number to read, but a name to type
    bool number = true;  // nothing but numbers, nulls, and what stands for a number
    bool fractions = false;
    std::size_t values_width = 0;
    std::vector<std::string> header;  // lines
  };
  void measure();
  std::size_t width() const noexcept;
  /// Makes columns narrower than their names until all fit; false: they do not.
  bool squeeze(bool within_words);
  Result<void> print_header();
  Result<void> print_row(const JsonRow& row);
  Result<void> print_block(const JsonRow& row);
  std::string text_of(const JsonRow::Cell& cell, const Column& column) const;

  Console& console_;
  std::vector<Column> columns_;
  std::vector<JsonRow> held_;
  bool measured_ = false;
  bool blocks_ = false;
  bool block_printed_ = false;
  std::size_t rows_ = 0;
};

/// A key as it is typed: a string that would be taken for something else, or not seen, is quoted as in JSON.
std::string key_text(const JsonRow::Cell& cell);
/// A number as people read it: "12,345", or with two decimals where its column has fractions.
std::string number_text(std::string_view json, bool fractions);

}  // namespace weir::cli
