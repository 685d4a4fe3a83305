// weir dead list: the records that a pipeline could not take.
#include <fmt/format.h>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/pipeline_file.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

namespace weir::cli {
namespace {

class DeadList final : public Command {
 public:
  Words words() const override {
    return {"dead list", "list the records that a pipeline could not take", "FILE.yaml",
            "A record that can't be decoded or counted is kept with the state as a dead letter,\n"
            "whole, before reading goes on. Lists where each came from, when it arrived, and why\n"
            "it failed; with --json one object to a line, and in it the record: as payload, or as\n"
            "payload_base64 where it is no text.\n\n"
            "Asks the worker that runs on the state; without one, opens the state itself.",
            "weir dead list flights.yaml\n"
            "weir dead list flights.yaml --json | jq -r .payload"};
  }

  Service service() const override { return Service::passed_over; }

  void declare(CLI::App& app) override {
    app.add_option("FILE", file_, "the pipeline file")->required();
    app.add_option("--state", state_, "the state directory, instead of the file's")->type_name("DIR");
    app.add_flag("--json", json_, "one JSON object to a line");
  }

  Result<void> run(Context& context) override {
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    Answers answers(file, context.log);
    worker::Query query;
    query.type = worker::Query::Type::dead_letters;
    std::uint64_t letters = 0;
    WEIR_CHECK(answers.ask(query, [&](std::string_view line) -> Result<void> {
      ++letters;
      return json_ ? context.console.print(std::string(line) + "\n") : print(context.console, line);
    }));
    WEIR_CHECK(context.console.flush());
    context.console.note(counted(letters, "dead letter"));
    return {};
  }

 private:
  // An event id alone fills a line: sequence numbers have 56 digits.
  static Result<void> print(Console& console, std::string_view line) {
    WEIR_TRY(const auto row, JsonRow::parse(line));
    const auto text = [&](std::string_view name) {
      const auto* cell = row.find(name);
      return cell == nullptr ? std::string() : printable(cell->value);
    };
    const auto bytes = text("bytes");
    const auto why = fmt::format(
        "{}  {}{}  {}", text("arrival"), text("code"),
        bytes.empty() ? "" : fmt::format("  {} byte{}", with_commas(bytes), bytes == "1" ? "" : "s"), text("reason"));
    return console.print(
        fmt::format("{}\n  {}\n", console.paint_out(Ink::bold, text("event_id")), wrap(why, console.columns() - 1, 2)));
  }

  std::string file_;
  std::string state_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> dead_list_command() { return std::make_unique<DeadList>(); }

}  // namespace weir::cli
