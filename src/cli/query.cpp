// weir query: what a pipeline has counted, from its worker or its state.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/pipeline_file.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "weir/wire/document.hpp"

namespace weir::cli {
namespace {

// Shown when no key is asked for: a state may hold millions.
constexpr std::size_t rows_unasked = 20;
constexpr std::uint64_t top_max = 1'000'000;

/// The rows with the largest values of one aggregate, largest first; equal ones in key order.
class Largest {
 public:
  Largest(std::size_t rows_max, std::string aggregate) : rows_max_(rows_max), aggregate_(std::move(aggregate)) {}

  Result<void> add(std::string_view line) {
    WEIR_TRY(const auto row, JsonRow::parse(line));
    const auto* cell = row.find(aggregate_);
    if (cell == nullptr || cell->type != JsonRow::Cell::Type::number) {
      return {};  // no value at all is no large one
    }
    long double value = 0;  // its 64 bits tell apart whatever integers are likely
    const auto* end = cell->value.data() + cell->value.size();
    if (std::from_chars(cell->value.data(), end, value).ec != std::errc()) {
      return {};
    }
    if (rows_.size() == rows_max_ && !(value > rows_.front().value)) {
      return {};
    }
    if (rows_.size() == rows_max_) {
      std::pop_heap(rows_.begin(), rows_.end(), before);
      rows_.pop_back();
    }
    rows_.push_back({value, order_++, std::string(line)});
    std::push_heap(rows_.begin(), rows_.end(), before);
    return {};
  }

  std::vector<std::string> lines() {
    std::sort(rows_.begin(), rows_.end(), before);
    std::vector<std::string> lines;
    for (auto& row : rows_) {
      lines.push_back(std::move(row.line));
    }
    return lines;
  }

 private:
  struct Row {
    long double value;
    std::uint64_t order;
    std::string line;
  };
  static bool before(const Row& left, const Row& right) {
    return left.value != right.value ? left.value > right.value : left.order < right.order;
  }

  const std::size_t rows_max_;
  const std::string aggregate_;
  std::vector<Row> rows_;  // a heap, the smallest first
  std::uint64_t order_ = 0;
};

class QueryState final : public Command {
 public:
  Words words() const override {
    return {"query", "print what a pipeline has counted", "FILE.yaml [KEY...|--all|--top N]",
            "Prints the aggregates of each KEY; of every key with --all; of the N keys with the\n"
            "largest value of an aggregate with --top N --by AGGREGATE. With none of these it\n"
            "prints the first 20 keys. Numbers are rounded for reading; --json prints them exact,\n"
            "one object to a line.\n"
            "Gaps on record (what was lost before it could be read), and since when an aggregate\n"
            "counts that was added to the file later, are said on standard error.\n\n"
            "A KEY is typed as it is printed: a compound one as a JSON array, [\"JFK\",7]; a\n"
            "string that spells a number, or is empty, in double quotes; one that is no UTF-8 as\n"
            "{\"base64\":\"/w==\"}.\n\n"
            "Asks the worker that runs on the state; without one, opens the state itself. A key\n"
            "that isn't there is named on standard error, and the exit status is 1.",
            "weir query flights.yaml JFK LAX\n"
            "weir query flights.yaml --top 10 --by flights --json"};
  }

  Service service() const override { return Service::passed_over; }

  void declare(CLI::App& app) override {
    app.add_option("FILE", file_, "the pipeline file")->required();
    app.add_option("KEY", keys_, "keys, as they are printed")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_flag("--all", all_, "every key, in order");
    auto* top = app.add_option("--top", top_, "the N keys with the largest values")->type_name("N");
    require_whole_number(*top, 1, top_max);
    app.add_option("--by", by_, "the aggregate that --top goes by; the first one when left out")
        ->type_name("AGGREGATE");
    app.add_option("--state", state_, "the state directory, instead of the file's")->type_name("DIR");
    app.add_flag("--json", json_, "one JSON object to a line, numbers exact");
  }

  Result<void> run(Context& context) override {
    if ((all_ ? 1 : 0) + (top_ > 0 ? 1 : 0) + (keys_.empty() ? 0 : 1) > 1) {
      return misuse("KEY, --all and --top exclude each other");
    }
    if (!by_.empty() && top_ == 0) {
      return misuse("--by says what --top goes by; --top is missing");
    }
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    Answers answers(file, context.log);
    Table table(context.console);
    const Answers::EachLine print = [&](std::string_view line) -> Result<void> {
      if (json_) {
        return context.console.print(std::string(line) + "\n");
      }
      WEIR_TRY(auto row, JsonRow::parse(line));
      return table.add(std::move(row));
    };
    auto outcome = !keys_.empty() ? print_keys(context, answers, print)
                   : top_ > 0     ? print_top(file, answers, print)
                   : all_         ? answers.ask(worker::Query(), print)
                                  : print_first(context, answers, print);
    auto finished = table.finish();
    const bool absent = !outcome && outcome.error().code == told().code;
    WEIR_CHECK(outcome || absent ? std::move(finished) : outcome);
    WEIR_CHECK(say_gaps(context, answers));
    WEIR_CHECK(note_since(context, answers));
    return outcome;
  }

 private:
  // Whoever takes the totals for those of the stream must know, with --quiet too.
  static Result<void> say_gaps(Context& context, Answers& answers) {
    worker::Query query;
    query.type = worker::Query::Type::gaps;
    std::uint64_t gaps = 0;
    std::string first;
    WEIR_CHECK(answers.ask(query, [&](std::string_view line) -> Result<void> {
      if (++gaps == 1) {
        WEIR_TRY(const auto gap, JsonRow::parse(line));
        const auto* reason = gap.find("reason");
        first = reason == nullptr ? std::string() : printable(reason->value);
      }
      return {};
    }));
    if (gaps > 0) {
      context.console.say(fmt::format("weir query: {} on record: the totals may lack what was lost there ({})",
                                      counted(gaps, "gap"), first));
    }
    return {};
  }

  // An aggregate that was added later has not seen what the others have.
  static Result<void> note_since(Context& context, Answers& answers) {
    worker::Query query;
    query.type = worker::Query::Type::since;
    return answers.ask(query, [&](std::string_view line) -> Result<void> {
      WEIR_TRY(const auto added, JsonRow::parse(line));
      for (const auto& cell : added.cells) {
        context.console.note(fmt::format("{} counts since {}", cell.name, cell.value));
      }
      return {};
    });
  }

  // One by one: the answer leaves out keys that are not there, and names the others in its own way.
  Result<void> print_keys(Context& context, Answers& answers, const Answers::EachLine& print) const {
    std::vector<std::string> absent;
    for (const auto& key : keys_) {
      worker::Query query;
      query.type = worker::Query::Type::keys;
      query.keys.push_back(key);
      bool found = false;
      auto asked = answers.ask(query, [&](std::string_view line) {
        found = true;
        return print(line);
      });
      if (!asked && asked.error().code == "BadKey") {
        return misuse(fmt::format("KEY: found '{}'; {}", printable(key), asked.error().message));
      }
      WEIR_CHECK(std::move(asked));
      if (!found) {
        absent.push_back(key);
      }
    }
    for (const auto& key : absent) {
      context.console.say(fmt::format("weir query: there is no key '{}'", printable(key)));
    }
    return absent.empty() ? Result<void>() : told();
  }

  Result<void> print_top(const pipelines::FileDefinition& file, Answers& answers,
                         const Answers::EachLine& print) const {
    const auto names = file.pipeline->aggregates();
    const auto by = by_.empty() ? names.front() : by_;
    if (std::find(names.begin(), names.end(), by) == names.end()) {
      return misuse(fmt::format("--by: found '{}', expected one of {}{}", printable(by), fmt::join(names, ", "),
                                did_you_mean(by, names)));
    }
    Largest largest(top_, by);
    WEIR_CHECK(answers.ask(
        worker::Query(), [&](std::string_view line) { return largest.add(line); }, Answers::Each::never_waits));
    answers.close();
    for (const auto& line : largest.lines()) {
      WEIR_CHECK(print(line));
    }
    return {};
  }

  Result<void> print_first(Context& context, Answers& answers, const Answers::EachLine& print) const {
    std::size_t printed = 0;
    auto outcome = answers.ask(worker::Query(), [&](std::string_view line) -> Result<void> {
      if (printed == rows_unasked) {
        return refused("Enough", "");
      }
      ++printed;
      return print(line);
    });
    if (outcome || outcome.error().code != "Enough") {
      return outcome;
    }
    worker::Query count;
    count.type = worker::Query::Type::count;
    std::int64_t keys = 0;
    WEIR_CHECK(answers.ask(count, [&](std::string_view line) -> Result<void> {
      WEIR_TRY(auto document, wire::Document::parse_json(line));
      keys = document.root()["keys"].integer().value_or(0);
      return document.check();
    }));
    context.console.note(fmt::format("the first {} of {} keys; --all prints every one, --top 20 the largest", printed,
                                     with_commas(static_cast<std::uint64_t>(std::max<std::int64_t>(keys, 0)))));
    return {};
  }

  std::string file_;
  std::vector<std::string> keys_;
  bool all_ = false;
  std::size_t top_ = 0;
  std::string by_;
  std::string state_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> query_command() { return std::make_unique<QueryState>(); }

}  // namespace weir::cli
