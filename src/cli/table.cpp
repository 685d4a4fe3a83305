#include "cli/table.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "cli/text.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::cli {
namespace {

constexpr std::size_t gap = 2;
// Over more, a name is no longer read as one.
constexpr std::size_t header_lines = 3;

bool has_fraction(std::string_view json) { return json.find_first_of(".eE") != std::string_view::npos; }

// Values that do not fit are not cut: a number without its end is another number.
std::string pad(std::string text, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return right ? blanks + text : text + blanks;
}

// What Pipeline::print_json says in place of a number.
bool stands_for_number(const JsonRow::Cell& cell) { return cell.value == "overflow" || cell.value == "corrupt"; }

// Names of aggregates are letters, digits, and these, after which one may break.
bool ends_word(char letter) { return letter == '_' || letter == '-' || letter == '.'; }

std::size_t longest_word(std::string_view name) {
  std::size_t longest = 0;
  std::size_t length = 0;
  for (const char letter : name) {
    longest = std::max(longest, ++length);
    if (ends_word(letter)) {
      length = 0;
    }
  }
  return longest;
}

std::vector<std::string> broken_name(std::string_view name, std::size_t width) {
  std::vector<std::string> lines;
  while (width > 0 && name.size() > width) {
    auto end = width;
    while (end > 0 && !ends_word(name[end - 1])) {
      --end;
    }
    end = end == 0 ? width : end;
    lines.emplace_back(name.substr(0, end));
    name.remove_prefix(end);
  }
  lines.emplace_back(name);
  return lines;
}

// Whether a text is a number as JSON spells one, which a key typed so would be taken for, too.
bool spells_number(std::string_view text) {
  const auto skip_digits = [&text] {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end > 0;
  };
  text.remove_prefix(text.starts_with('-') ? 1 : 0);
  if (!skip_digits()) {
    return false;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!skip_digits()) {
      return false;
    }
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    text.remove_prefix(text.starts_with('-') || text.starts_with('+') ? 1 : 0);
    if (!skip_digits()) {
      return false;
    }
  }
  return text.empty();
}

bool must_be_quoted(std::string_view text) {
  constexpr std::string_view brackets = "\"[{";
  const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f; };
  return text.empty() || brackets.find(text.front()) != std::string_view::npos || text.front() == ' ' ||
         text.back() == ' ' || text == "true" || text == "false" || spells_number(text) ||
         std::any_of(text.begin(), text.end(), is_control);
}

Result<JsonRow::Cell> cell_of(simdjson::ondemand::field field) {
  using simdjson::ondemand::json_type;
  const auto bad = [] { return corrupt("BadAnswer", "the answer to the query could not be read"); };
  JsonRow::Cell cell;
  std::string_view text;
  if (field.unescaped_key().get(text) != simdjson::SUCCESS) {
    return bad();
  }
  cell.name = text;
  auto& value = field.value();
  json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) {
    return bad();
  }
  if (type == json_type::string) {
    if (value.get_string().get(text) != simdjson::SUCCESS) {
      return bad();
    }
    cell.type = JsonRow::Cell::Type::text;
  } else if (type == json_type::array || type == json_type::object) {
    if (simdjson::to_json_string(value).get(text) != simdjson::SUCCESS) {
      return bad();
    }
    cell.type = JsonRow::Cell::Type::other;
  } else {
    text = value.raw_json_token();
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    cell.type = type == json_type::number ? JsonRow::Cell::Type::number
                : type == json_type::null ? JsonRow::Cell::Type::null
                                          : JsonRow::Cell::Type::other;
  }
  cell.value = text;
  return cell;
}

}  // namespace

Result<JsonRow> JsonRow::parse(std::string_view line) {
  thread_local simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(line);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  JsonRow row;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return corrupt("BadAnswer", "the answer to the query could not be read");
  }
  for (auto field : object) {
    if (field.error() != simdjson::SUCCESS) {
      return corrupt("BadAnswer", "the answer to the query could not be read");
    }
    WEIR_TRY(auto cell, cell_of(field.value_unsafe()));
    row.cells.push_back(std::move(cell));
  }
  return row;
}

const JsonRow::Cell* JsonRow::find(std::string_view name) const noexcept {
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) { return cell.name == name; });
  return found == cells.end() ? nullptr : &*found;
}

std::string key_text(const JsonRow::Cell& cell) {
  if (cell.type != JsonRow::Cell::Type::text) {
    return printable(cell.value);
  }
  if (!must_be_quoted(cell.value)) {
    return cell.value;
  }
  std::string quoted;
  wire::JsonWriter(quoted).text(cell.value);
  return printable(quoted);
}

std::string number_text(std::string_view json, bool fractions) {
  if (!fractions) {
    return with_commas(json);
  }
  double value = 0;
  const auto [end, code] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (code != std::errc()) {
    return std::string(json);
  }
  const double size = std::fabs(value);
  // Two decimals suit delays and prices; very small and very large numbers keep their digits instead.
  if ((size != 0 && size < 0.01) || size >= 1e15) {
    return fmt::format("{:.4g}", value);
  }
  return with_commas(fmt::format("{:.2f}", value));
}

Result<void> Table::add(JsonRow row) {
  ++rows_;
  if (measured_) {
    return print_row(row);
  }
  held_.push_back(std::move(row));
  return held_.size() < rows_to_measure ? Result<void>() : finish();
}

Result<void> Table::finish() {
  if (measured_ || held_.empty()) {
    return {};
  }
  measure();
  WEIR_CHECK(blocks_ ? Result<void>() : print_header());
  for (const auto& row : held_) {
    WEIR_CHECK(print_row(row));
  }
  held_.clear();
  return {};
}

void Table::measure() {
  measured_ = true;
  for (const auto& cell : held_.front().cells) {
    auto& column = columns_.emplace_back();
    column.name = cell.name;
    column.key = cell.name == "key" || cell.name == "by";
  }
  for (const auto& row : held_) {
    for (std::size_t i = 0; i < columns_.size() && i < row.cells.size(); ++i) {
      const auto& cell = row.cells[i];
      using Type = JsonRow::Cell::Type;
      columns_[i].number = columns_[i].number && (cell.type == Type::number || cell.type == Type::null ||
                                                  (!columns_[i].key && stands_for_number(cell)));
      columns_[i].fractions = columns_[i].fractions || (cell.type == Type::number && has_fraction(cell.value));
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto& column = columns_[i];
    for (const auto& row : held_) {
      if (i < row.cells.size()) {
        column.values_width = std::max(column.values_width, width_of(text_of(row.cells[i], column)));
      }
    }
    column.width = std::max(column.values_width, column.name.size());
  }
  // What is not shown on a terminal goes to programs that look for lines.
  if (console_.out_is_terminal() && width() > console_.columns()) {
    blocks_ = !squeeze(false) && !squeeze(true);
  }
  for (auto& column : columns_) {
    column.header = broken_name(column.name, column.width);
  }
}

std::size_t Table::width() const noexcept {
  std::size_t total = columns_.empty() ? 0 : gap * (columns_.size() - 1);
  for (const auto& column : columns_) {
    total += column.width;
  }
  return total;
}

bool Table::squeeze(bool within_words) {
  const auto spare = [&](const Column& column) {
    const auto name = within_words ? std::size_t{1} : longest_word(column.name);
    const auto least = std::max({column.values_width, name, (column.name.size() + header_lines - 1) / header_lines});
    return column.width - std::min(column.width, least);
  };
  while (width() > console_.columns()) {
    // The widest gives way first: broken short names are the hardest to read.
    const auto widest = std::max_element(columns_.begin(), columns_.end(), [&](const Column& left, const Column& right) {
      return std::pair(spare(left) > 0, left.width) < std::pair(spare(right) > 0, right.width);
    });
    if (spare(*widest) == 0) {
      return false;
    }
    --widest->width;
  }
  return true;
}

Result<void> Table::print_header() {
  std::size_t lines = 0;
  for (const auto& column : columns_) {
    lines = std::max(lines, column.header.size());
  }
  for (std::size_t i = 0; i < lines; ++i) {
    std::string line;
    for (const auto& column : columns_) {
      line.append(&column == columns_.data() ? 0 : gap, ' ');
      // The last line of each stands over the values.
      const auto above = lines - column.header.size();
      line += pad(i < above ? std::string() : column.header[i - above], column.width, column.number);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    WEIR_CHECK(console_.print(console_.paint_out(Ink::bold, line) + "\n"));
  }
  return {};
}

Result<void> Table::print_row(const JsonRow& row) {
  if (blocks_) {
    return print_block(row);
  }
  std::string line;
  for (std::size_t i = 0; i < columns_.size() && i < row.cells.size(); ++i) {
    line.append(i == 0 ? 0 : gap, ' ');
    line += pad(text_of(row.cells[i], columns_[i]), columns_[i].width, columns_[i].number);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return console_.print(line + "\n");
}

Result<void> Table::print_block(const JsonRow& row) {
  std::size_t names_width = 0;
  for (const auto& column : columns_) {
    names_width = std::max(names_width, column.name.size());
  }
  std::string block = std::exchange(block_printed_, true) ? "\n" : "";
  for (std::size_t i = 0; i < columns_.size() && i < row.cells.size(); ++i) {
    auto line = pad(columns_[i].name + ":", names_width + 2, false) + text_of(row.cells[i], columns_[i]);
    block += (columns_[i].key ? console_.paint_out(Ink::bold, line) : line) + "\n";
  }
  return console_.print(block);
}

std::string Table::text_of(const JsonRow::Cell& cell, const Column& column) const {
  if (column.key) {
    return key_text(cell);
  }
  switch (cell.type) {
    case JsonRow::Cell::Type::number:
      return number_text(cell.value, column.fractions || has_fraction(cell.value));
    case JsonRow::Cell::Type::null:
      return "null";
    case JsonRow::Cell::Type::text:
    case JsonRow::Cell::Type::other:
      return printable(cell.value);
  }
  return {};
}

}  // namespace weir::cli
