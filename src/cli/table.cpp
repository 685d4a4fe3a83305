#include "cli/table.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/text.hpp"

namespace weir::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t first_column_min = 12;

bool has_fraction(std::string_view json) { return json.find_first_of(".eE") != std::string_view::npos; }

// Values that do not fit are not cut: a number without its end is another number.
std::string pad(std::string text, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return right ? blanks + text : text + blanks;
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
  WEIR_CHECK(print_header());
  for (const auto& row : held_) {
    WEIR_CHECK(print_row(row));
  }
  held_.clear();
  return {};
}

void Table::measure() {
  measured_ = true;
  for (const auto& cell : held_.front().cells) {
    columns_.emplace_back().name = cell.name;
  }
  for (const auto& row : held_) {
    for (std::size_t i = 0; i < columns_.size() && i < row.cells.size(); ++i) {
      const auto& cell = row.cells[i];
      using Type = JsonRow::Cell::Type;
      columns_[i].number = columns_[i].number && (cell.type == Type::number || cell.type == Type::null);
      columns_[i].fractions = columns_[i].fractions || (cell.type == Type::number && has_fraction(cell.value));
    }
  }
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto& column = columns_[i];
    column.width = width_of(column.name);
    for (const auto& row : held_) {
      if (i < row.cells.size()) {
        column.width = std::max(column.width, width_of(text_of(row.cells[i], column)));
      }
    }
    total += column.width + (i == 0 ? 0 : gap);
  }
  if (!columns_.empty() && total > console_.columns()) {
    auto& first = columns_.front().width;
    first = std::max(first - std::min(first, total - console_.columns()), std::min(first, first_column_min));
  }
}

Result<void> Table::print_header() {
  std::string line;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    line.append(i == 0 ? 0 : gap, ' ');
    const auto name = i == 0 ? cut_to_width(columns_[i].name, columns_[i].width) : columns_[i].name;
    line += pad(name, columns_[i].width, columns_[i].number);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return console_.print(console_.paint_out(Ink::bold, line) + "\n");
}

Result<void> Table::print_row(const JsonRow& row) {
  std::string line;
  for (std::size_t i = 0; i < columns_.size() && i < row.cells.size(); ++i) {
    line.append(i == 0 ? 0 : gap, ' ');
    auto text = text_of(row.cells[i], columns_[i]);
    if (i == 0) {
      text = cut_to_width(text, columns_[i].width);
    }
    line += pad(std::move(text), columns_[i].width, columns_[i].number);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return console_.print(line + "\n");
}

std::string Table::text_of(const JsonRow::Cell& cell, const Column& column) const {
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
