// weir state show, reset, copy: the stored state of a pipeline, for operators.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <system_error>

#include "cli/command.hpp"
#include "cli/pipeline_file.hpp"
#include "cli/run_on.hpp"
#include "cli/text.hpp"
#include "weir/wire/document.hpp"

namespace weir::cli {
namespace {

class StateCommand : public Command {
 public:
  Service service() const override { return Service::passed_over; }

  void declare(CLI::App& app) override {
    app.add_option("FILE", file_, "the pipeline file")->required();
    declare_more(app);
    app.add_option("--state", state_, "the state directory, instead of the file's")->type_name("DIR");
  }

 protected:
  virtual void declare_more(CLI::App& app) = 0;

  std::string file_;
  std::string state_;
};

class StateShow final : public StateCommand {
 public:
  Words words() const override {
    return {"state show", "show where a pipeline stands", "FILE.yaml",
            "Shows what is stored of a pipeline: which stream it reads and since when, how many\n"
            "keys and dead letters it has, how far each shard is counted, and what was lost.\n\n"
            "Asks the worker that runs on the state; without one, opens the state itself.",
            "weir state show flights.yaml\n"
            "weir state show flights.yaml --json | jq '.shards[].after'"};
  }

  Result<void> run(Context& context) override {
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    Answers answers(file, context.log);
    worker::Query query;
    query.type = worker::Query::Type::state;
    WEIR_CHECK(answers.ask(query, [&](std::string_view line) -> Result<void> {
      return json_ ? context.console.print(std::string(line) + "\n") : print(context.console, line);
    }));
    return context.console.flush();
  }

 private:
  void declare_more(CLI::App& app) override { app.add_flag("--json", json_, "one JSON object"); }

  static Result<void> print(Console& console, std::string_view line) {
    WEIR_TRY(auto document, wire::Document::parse_json(line));
    const auto root = document.root();
    const auto number = [&](std::string_view name) {
      return static_cast<std::uint64_t>(root[name].integer().value_or(0));
    };
    std::string text;
    const auto field = [&text](std::string_view name, const std::string& value) {
      text += fmt::format("{:<13} {}\n", name, value);
    };
    field("pipeline", console.paint_out(Ink::bold, printable(root.text("pipeline"))));
    field("source", printable(root.text("source")));
    field("created", printable(root.text("created")));
    field("start", printable(root.text("start")));
    field("keys", with_commas(number("keys")));
    field("dead letters",
          fmt::format("{} ({})", with_commas(number("dead_letters")), bytes_text(number("dead_letter_bytes"))));
    // A sequence number takes most of a line.
    for (const auto shard : root["shards"]) {
      const auto after = shard.text("after");
      const auto ended = shard["ended"].boolean().value_or(false);
      text += fmt::format("\n{}  {}{}\n", console.paint_out(Ink::bold, printable(shard.text("shard"))),
                          ended           ? "read to its end"
                          : after.empty() ? "no record counted yet"
                                          : "read",
                          after.empty() ? "" : fmt::format(" up to a record of {}", printable(shard.text("arrival"))));
      text += after.empty() ? "" : fmt::format("  {}\n", printable(after));
    }
    for (const auto gap : root["gaps"]) {
      text += fmt::format(
          "\n{}  {}\n", console.paint_out(Ink::red, "gap"),
          wrap(fmt::format("{} (noticed {}, {})", printable(gap.text("reason")), printable(gap.text("noticed")),
                           gap["accepted"].boolean().value_or(false) ? "accepted" : "not accepted"),
               console.columns() - 1, 5));
    }
    WEIR_CHECK(document.check());
    return console.print(text);
  }

  bool json_ = false;
};

class StateReset final : public StateCommand {
 public:
  Words words() const override {
    return {"state reset", "forget everything about a pipeline", "FILE.yaml --yes",
            "Forgets a pipeline's totals, positions and dead letters for good; the next run begins\n"
            "at the start that the file names. This is how a pipeline gets another definition, or\n"
            "a stream that was made again. Without --yes it only says what would be forgotten.\n"
            "No worker may run on the state.",
            "weir state copy flights.yaml /var/backups/flights\n"
            "weir state reset flights.yaml --yes"};
  }

  Result<void> run(Context& context) override {
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    const auto& pipeline = *file.pipeline;
    const auto directory = worker::state_directory(file.state, pipeline);
    std::error_code code;
    if (directory.empty() || !std::filesystem::exists(directory, code)) {
      return refused("NoState", fmt::format("there is no state of pipeline {}{}", pipeline.name(),
                                            directory.empty() ? ": it is kept in memory while it runs"
                                                              : " in " + printable(directory)));
    }
    // Outlives the store, whose threads come back to it.
    boost::asio::io_context loop{1};
    std::unique_ptr<worker::OpenStore> open;
    WEIR_CHECK(while_in_use([&]() -> Result<void> {
      WEIR_TRY(open, worker::open_store(file.state, pipeline, context.log));
      return {};
    }));
    auto& store = open->store();
    WEIR_TRY(const auto keys, run_on(loop, worker::count_keys(store, pipeline.name())));
    WEIR_TRY(const auto letters, run_on(loop, store.dead_letter_sum(pipeline.name())));
    const auto what = fmt::format("{}, {} and every position of pipeline {} in {}", counted(keys, "key"),
                                  counted(letters.letters, "dead letter"), pipeline.name(), printable(directory));
    if (!yes_) {
      return refused("NotSure", fmt::format("would forget {}; with --yes it does", what));
    }
    WEIR_CHECK(run_on(loop, store.forget(pipeline.name())));
    context.console.note("forgot " + what);
    return {};
  }

 private:
  void declare_more(CLI::App& app) override { app.add_flag("--yes", yes_, "do it"); }

  bool yes_ = false;
};

class StateCopy final : public StateCommand {
 public:
  Words words() const override {
    return {"state copy", "copy a state, also while a worker runs on it", "FILE.yaml DIRECTORY",
            "Writes a copy of the state, as of one moment, into a new directory: a backup, or\n"
            "something to look into with --state. The worker that runs on the state goes on\n"
            "meanwhile.",
            "weir state copy flights.yaml /var/backups/flights\n"
            "weir query flights.yaml --all --state /var/backups/flights"};
  }

  Result<void> run(Context& context) override {
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    Answers answers(file, context.log);
    worker::Query query;
    query.type = worker::Query::Type::copy;
    std::error_code code;
    query.directory = std::filesystem::absolute(directory_, code).string();
    if (code) {
      return misuse(fmt::format("'{}' cannot be a directory: {}", printable(directory_), code.message()));
    }
    const auto inside = std::filesystem::weakly_canonical(query.directory, code)
                            .lexically_relative(std::filesystem::weakly_canonical(
                                worker::state_directory(file.state, *file.pipeline), code));
    if (!code && !inside.empty() && *inside.begin() != "..") {
      return misuse(fmt::format("'{}' lies in the state directory itself; name one elsewhere", printable(directory_)));
    }
    WEIR_CHECK(answers.ask(query, [](std::string_view) { return Result<void>(); }));
    context.console.note("copied into " + printable(directory_));
    return {};
  }

 private:
  void declare_more(CLI::App& app) override {
    app.add_option("DIRECTORY", directory_, "a directory that does not exist yet")->required();
  }

  std::string directory_;
};

}  // namespace

std::unique_ptr<Command> state_show_command() { return std::make_unique<StateShow>(); }
std::unique_ptr<Command> state_reset_command() { return std::make_unique<StateReset>(); }
std::unique_ptr<Command> state_copy_command() { return std::make_unique<StateCopy>(); }

}  // namespace weir::cli
