// weir dead show, export, replay, drop: what becomes of the records that a pipeline could not take.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <vector>

#include "cli/command.hpp"
#include "cli/pipeline_file.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "weir/wire/base64.hpp"
#include "weir/wire/document.hpp"

namespace weir::cli {
namespace {

// What all of them take.
class DeadCommand : public Command {
 public:
  Service service() const override { return Service::passed_over; }

  void declare(CLI::App& app) override {
    app.add_option("FILE", file_, "the pipeline file")->required();
    app.add_option("EVENT_ID", events_, "dead letters, as `weir dead list` names them");
    app.add_option("--state", state_, "the state directory, instead of the file's")->type_name("DIR");
    declare_more(app);
  }

 protected:
  virtual void declare_more(CLI::App& app) = 0;

  Result<void> ask(const Context& context, worker::Query::Type type, const Answers::EachLine& each) const {
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    Answers answers(file, context.log);
    worker::Query query;
    query.type = type;
    query.events = events_;
    auto asked = answers.ask(query, each);
    return !asked && asked.error().code == "BadEventId" ? as_misuse(std::move(asked).error()) : asked;
  }

  std::string file_;
  std::vector<std::string> events_;
  std::string state_;
};

Result<std::string> payload_of(wire::Document& document) {
  const auto root = document.root();
  const auto encoded = root["payload_base64"].text();
  auto payload = encoded ? wire::decode_base64(*encoded) : std::optional<std::string>(root.text("payload"));
  WEIR_CHECK(document.check());
  if (!payload) {
    return corrupt("BadAnswer", "a dead letter came without its record");
  }
  return *std::move(payload);
}

class DeadShow final : public DeadCommand {
 public:
  Words words() const override {
    return {"dead show", "show dead letters whole", "FILE.yaml EVENT_ID...",
            "Shows everything that is kept of these records: where each came from, why it failed,\n"
            "how often it was tried, and the record itself. What is no text is shown in base64.",
            "weir dead show flights.yaml flights/shardId-000000000002/4967"};
  }

  Result<void> run(Context& context) override {
    if (events_.empty()) {
      return misuse("needs the event ids of dead letters; `weir dead list` names them");
    }
    std::size_t shown = 0;
    WEIR_CHECK(ask(context, worker::Query::Type::dead_letters, [&](std::string_view line) -> Result<void> {
      ++shown;
      return json_ ? context.console.print(std::string(line) + "\n") : print(context.console, line);
    }));
    const auto absent = std::max(events_.size(), shown) - shown;
    if (absent > 0) {
      return refused("NoSuchLetter", fmt::format("{} not there: replayed or dropped, or never a dead letter",
                                                 absent == 1 ? "1 of them is" : fmt::format("{} of them are", absent)));
    }
    return {};
  }

 private:
  void declare_more(CLI::App& app) override { app.add_flag("--json", json_, "one JSON object to a line"); }

  static Result<void> print(Console& console, std::string_view line) {
    WEIR_TRY(const auto row, JsonRow::parse(line));
    std::string text;
    for (const auto& cell : row.cells) {
      const bool is_name = cell.name == "event_id";
      const auto value = printable_lines(cell.value);
      if (is_name) {
        text += console.paint_out(Ink::bold, value) + "\n";
      } else if (cell.name.starts_with("payload")) {
        text += fmt::format("  {}:\n{}\n", cell.name, value);
      } else {
        text += fmt::format("  {:<14} {}\n", cell.name, wrap(value, console.columns() - 1, 17));
      }
    }
    return console.print(text);
  }

  bool json_ = false;
};

class DeadExport final : public DeadCommand {
 public:
  Words words() const override {
    return {"dead export", "write dead letters out, whole", "FILE.yaml [EVENT_ID...] [--payloads]",
            "Writes dead letters to standard output: one JSON object to a line, the record in it as\n"
            "payload or, where it is no text, as payload_base64. All of them, unless some are\n"
            "named. With --payloads only the records, each as a line: mended, `weir put` takes\n"
            "them. They stay dead letters; `weir dead drop` forgets them.",
            "weir dead export flights.yaml > dead.jsonl\n"
            "weir dead export flights.yaml --payloads | sed s/N.A./null/ | weir put flights"};
  }

  Result<void> run(Context& context) override {
    if (all_ && !events_.empty()) {
      return misuse("found event ids and --all, expected one of them");
    }
    std::uint64_t written = 0;
    std::uint64_t unfit = 0;
    WEIR_CHECK(ask(context, worker::Query::Type::dead_letters, [&](std::string_view line) -> Result<void> {
      if (!payloads_) {
        ++written;
        return context.console.print(std::string(line) + "\n");
      }
      WEIR_TRY(auto document, wire::Document::parse_json(line));
      WEIR_TRY(auto payload, payload_of(document));
      if (payload.find('\n') != std::string::npos) {
        ++unfit;
        return {};
      }
      ++written;
      payload.push_back('\n');
      return context.console.print(payload);
    }));
    WEIR_CHECK(context.console.flush());
    context.console.note(counted(written, "dead letter") + " written");
    if (unfit > 0) {
      return refused("NotALine", fmt::format("{} left out: a record with a line end in it is no line; without "
                                             "--payloads it is written as JSON",
                                             counted(unfit, "dead letter")));
    }
    return {};
  }

 private:
  void declare_more(CLI::App& app) override {
    app.add_flag("--all", all_, "every dead letter of the pipeline: so unless some are named");
    app.add_flag("--payloads", payloads_, "only the records, each as a line");
  }

  bool all_ = false;
  bool payloads_ = false;
};

// Replay and drop: an order, on named dead letters or on all.
class DeadOrder : public DeadCommand {
 public:
  Result<void> run(Context& context) override {
    if (all_ && is_for_good() && !yes_) {
      return misuse("--all forgets every dead letter of the pipeline for good; add --yes to mean it");
    }
    if (events_.empty() == !all_) {
      return misuse(all_ ? "found event ids and --all, expected one of them"
                         : "needs the event ids of dead letters, or --all");
    }
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t absent = 0;
    auto asked = ask(context, type(), [&](std::string_view line) -> Result<void> {
      WEIR_TRY(auto document, wire::Document::parse_json(line));
      const auto number = [&](std::string_view name) {
        return static_cast<std::uint64_t>(document.root()[name].integer().value_or(0));
      };
      done = number("done");
      failed = number("failed");
      absent = number("absent");
      if (context.console.shows_progress()) {
        context.console.show_progress(fmt::format("{} {}", counted(done, "dead letter"), done_word()));
      }
      return document.check();
    });
    context.console.erase_progress();
    if (!asked && done > 0) {
      context.console.say(
          fmt::format("weir {}: {} {} before it ended", words().name, counted(done, "dead letter"), done_word()));
    }
    WEIR_CHECK(std::move(asked));
    if (json_) {
      WEIR_CHECK(context.console.print(
          fmt::format("{{\"{}\":{},\"failed\":{},\"absent\":{}}}\n", done_word(), done, failed, absent)));
      WEIR_CHECK(context.console.flush());
    }
    context.console.note(fmt::format("{} {}{}{}", counted(done, "dead letter"), done_word(),
                                     failed > 0 ? fmt::format(", {} failed again and stay", with_commas(failed)) : "",
                                     absent > 0 ? fmt::format(", {} not there", with_commas(absent)) : ""));
    return failed + absent > 0 ? Result<void>(told()) : Result<void>();
  }

 protected:
  virtual worker::Query::Type type() const = 0;
  virtual std::string_view done_word() const = 0;
  virtual bool is_for_good() const { return false; }

 private:
  void declare_more(CLI::App& app) override {
    app.add_flag("--all", all_, "every dead letter of the pipeline");
    if (is_for_good()) {
      app.add_flag("--yes", yes_, "mean --all");
    }
    app.add_flag("--json", json_, "print what was done as a line of JSON on standard output");
  }

  bool all_ = false;
  bool yes_ = false;
  bool json_ = false;
};

class DeadReplay final : public DeadOrder {
 public:
  Words words() const override {
    return {"dead replay", "count dead letters after all", "FILE.yaml EVENT_ID...|--all",
            "Tries dead letters again, after the code that made them fail was mended: a decoder of\n"
            "the program's own, or Weir. One that counts now leaves in the same commit that adds it\n"
            "to the totals: replayed twice, or while the worker runs, or cut off by a crash, it\n"
            "counts exactly once. One that fails again stays, with its new reason. Exits with 1\n"
            "unless all were replayed. Where the records themselves are wrong: export them with\n"
            "--payloads, mend them, put them into the stream, and drop the dead letters.\n\n"
            "The worker that runs on the state does it; without one, it is done in the state itself.",
            "weir dead replay flights.yaml --all\n"
            "weir dead replay flights.yaml flights/shardId-000000000002/4967"};
  }

 protected:
  worker::Query::Type type() const override { return worker::Query::Type::replay; }
  std::string_view done_word() const override { return "replayed"; }
};

class DeadDrop final : public DeadOrder {
 public:
  Words words() const override {
    return {"dead drop", "forget dead letters", "FILE.yaml EVENT_ID...|--all",
            "Forgets dead letters for good: the totals go without these records. A pipeline that\n"
            "halted because it had too many has room again then. `weir dead export` keeps them\n"
            "elsewhere first.",
            "weir dead drop flights.yaml flights/shardId-000000000002/4967\n"
            "weir dead drop flights.yaml --all --yes"};
  }

 protected:
  worker::Query::Type type() const override { return worker::Query::Type::drop; }
  std::string_view done_word() const override { return "dropped"; }
  bool is_for_good() const override { return true; }
};

}  // namespace

std::unique_ptr<Command> dead_show_command() { return std::make_unique<DeadShow>(); }
std::unique_ptr<Command> dead_export_command() { return std::make_unique<DeadExport>(); }
std::unique_ptr<Command> dead_replay_command() { return std::make_unique<DeadReplay>(); }
std::unique_ptr<Command> dead_drop_command() { return std::make_unique<DeadDrop>(); }

}  // namespace weir::cli
