// weir run: a pipeline file over its stream, until stopped or caught up.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/connect.hpp"
#include "cli/dead_letter_copies.hpp"
#include "cli/interrupt.hpp"
#include "cli/pipeline_file.hpp"
#include "cli/reader_config.hpp"
#include "cli/run_on.hpp"
#include "cli/text.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/json_writer.hpp"
#include "weir/worker/query.hpp"
#include "weir/worker/worker.hpp"

namespace weir::cli {
namespace {

// How many shards the farewell names one by one.
constexpr std::size_t shards_named_max = 8;

class Run final : public Command {
 public:
  Words words() const override {
    return {"run", "run a pipeline over its stream", "FILE.yaml [--until-caught-up]",
            "Reads the stream that FILE names, counts what the file says, and keeps totals and\n"
            "positions together in the state directory: stopped and started again at any moment,\n"
            "it loses and repeats nothing. Runs until Ctrl-C, which finishes what was read; a\n"
            "second one ends it at once. With --until-caught-up it runs until every shard has been\n"
            "at its newest record, or has ended; stopped before that, it exits with 1.\n\n"
            "Records that can't be counted are kept as dead letters (weir dead list) and do not\n"
            "change the exit status; the last line counts them. weir query may ask meanwhile.",
            "weir run flights.yaml --until-caught-up\n"
            "weir run flights.yaml --state /var/lib/weir/flights --threads 2"};
  }

  void declare(CLI::App& app) override {
    app.add_option("FILE", file_, "the pipeline file")->required();
    app.add_flag("--until-caught-up", until_caught_up_, "end once every shard has been at its newest record");
    app.add_option("--state", state_, "the state directory, or memory, instead of the file's")->type_name("DIR");
    auto* threads = app.add_option("--threads", threads_, "threads that read and count (default 1)")->type_name("N");
    require_whole_number(*threads, 1, worker::threads_max);
    app.add_option("--on-gap", on_gap_,
                   "when records were lost before they were read: halt (default), or continue and accept the loss")
        ->type_name("halt|continue")
        ->check([](const std::string& text) {
          return text == "halt" || text == "continue"
                     ? std::string()
                     : fmt::format("found '{}', expected halt or continue", printable(text));
        });
    app.add_flag("--json", json_, "print the totals as a last line of JSON on standard output");
  }

  Result<void> run(Context& context) override {
    WEIR_TRY(const auto file, load_pipeline(file_, state_));
    const Interrupt interrupt(context.console);
    auto outcome = run_until(interrupt.token(), context, file);
    if (!outcome && outcome.error().is_stopped()) {
      return refused("Interrupted", "stopped before anything was read");
    }
    return outcome;
  }

 private:
  Result<void> run_until(const std::stop_token& stop, Context& context, const pipelines::FileDefinition& file) const {
    WEIR_TRY(const auto connection, connect(context, settings_of(file.source)));
    std::optional<DeadLetterCopies> copies;
    WEIR_CHECK(check_streams(file, connection, copies, stop));
    auto made = kinesis::StreamSource::make(reader_config(file.source, connection));
    if (!made) {
      return as_misuse(std::move(made).error());
    }
    const auto source = *std::move(made);

    worker::Options options;
    options.state = file.state;
    options.threads = threads_;
    options.on_gap = on_gap_ == "continue" ? process::OnGap::go_on : process::OnGap::halt;
    options.until_caught_up = until_caught_up_;
    options.stop = stop;
    options.log = context.log;
    const auto started = system_clock().elapsed();
    if (context.console.shows_progress()) {
      options.watch = [&](const process::Board& board) {
        const auto seconds = std::chrono::duration<double>(system_clock().elapsed() - started).count();
        context.console.show_progress(progress(board, seconds));
      };
    }
    if (copies) {
      options.copy_dead_letters = [&](std::span<const state::DeadLetter> letters, std::stop_token ended) {
        return copies->copy(letters, std::move(ended));
      };
    }
    worker::Report report;
    auto outcome = while_in_use(
        [&]() -> Result<void> {
          WEIR_TRY(report, worker::run(*source, file.pipeline, options));
          return {};
        },
        stop);
    context.console.erase_progress();
    if (!outcome && outcome.error().code == "Gap") {
      return refused("Gap", outcome.error().message + "; `--on-gap continue` goes on, and the totals may lack them");
    }
    return outcome ? print(context, file, report) : outcome;
  }

  // Whatever is wrong with the streams is said before anything is opened.
  static Result<void> check_streams(const pipelines::FileDefinition& file, const Connection& connection,
                                    std::optional<DeadLetterCopies>& copies, const std::stop_token& stop) {
    boost::asio::io_context loop{1};
    const auto stream = stream_name_of(file.source.stream);
    WEIR_CHECK(run_on(loop, find_stream(connection, stream, stop)));
    if (file.dead_letter_stream.empty()) {
      return {};
    }
    if (file.dead_letter_stream == stream) {
      return misuse(fmt::format(
          "dead_letters: found stream '{}', expected another than the pipeline reads: it would read its own "
          "dead letters for ever",
          printable(stream)));
    }
    WEIR_CHECK(run_on(loop, find_stream(connection, file.dead_letter_stream, stop)));
    copies.emplace(*connection.kinesis, system_clock(), file.dead_letter_stream);
    return {};
  }

  static std::string progress(const process::Board& board, double seconds) {
    const auto totals = board.totals();
    auto line = fmt::format("{}  {}", counted(totals.records, "record"), rate_text(totals.records, seconds));
    if (const auto behind = board.behind()) {
      line += "  " + behind_text(*behind);
    }
    if (totals.user_records > 0) {
      line += "  " + counted(totals.user_records, "user record");
    }
    if (totals.dead_letters > 0) {
      line += "  " + counted(totals.dead_letters, "dead letter");
    }
    for (const auto& trouble : {board.store_trouble(), board.shard_trouble()}) {
      line += trouble.empty() ? "" : "  " + trouble;
    }
    return line;
  }

  // How many keys there are now; nothing where the state went with the run.
  static std::optional<std::int64_t> keys_of(const Context& context, const pipelines::FileDefinition& file) {
    if (worker::state_directory(file.state, *file.pipeline).empty()) {
      return {};
    }
    Answers answers(file, context.log);
    worker::Query query;
    query.type = worker::Query::Type::count;
    std::optional<std::int64_t> keys;
    auto asked = answers.ask(query, [&](std::string_view line) -> Result<void> {
      WEIR_TRY(auto document, wire::Document::parse_json(line));
      keys = document.root()["keys"].integer();
      return document.check();
    });
    return asked ? keys : std::nullopt;
  }

  Result<void> print(Context& context, const pipelines::FileDefinition& file, const worker::Report& report) const {
    const auto keys = keys_of(context, file);
    const auto& totals = report.totals;
    if (!report.gaps.empty()) {
      context.console.say(fmt::format("weir run: {} on record: the totals may lack what was lost there ({})",
                                      counted(report.gaps.size(), "gap"), report.gaps.front().reason));
    }
    if (totals.broken_aggregates > 0) {
      context.console.say(
          fmt::format("weir run: {} could not be unpacked, taken whole", counted(totals.broken_aggregates, "record")));
    }
    if (totals.unfiltered > 0) {
      context.console.say(
          fmt::format("weir run: {} taken from shards whose hash range is not known: after a reshard "
                      "some may be counted twice",
                      counted(totals.unfiltered, "user record")));
    }
    if (!until_caught_up_ || !report.caught_up) {
      say_where_it_stopped(context.console, report);
    }
    if (json_) {
      std::string line;
      wire::JsonWriter json(line);
      json.begin_map();
      json.unsigned_integer("records", totals.records);
      json.unsigned_integer("bytes", totals.bytes);
      json.unsigned_integer("dead_letters", totals.dead_letters);
      if (totals.user_records + totals.misplaced + totals.broken_aggregates > 0) {
        json.unsigned_integer("user_records", totals.user_records);
        json.unsigned_integer("misplaced", totals.misplaced);
        json.unsigned_integer("unfiltered", totals.unfiltered);
        json.unsigned_integer("broken_aggregates", totals.broken_aggregates);
      }
      json.key("keys");
      if (keys) {
        json.integer(*keys);
      } else {
        json.null();
      }
      json.unsigned_integer("gaps", report.gaps.size());
      json.number("seconds", report.seconds);
      json.boolean("caught_up", report.caught_up);
      json.end_map();
      WEIR_CHECK(context.console.print(line + "\n"));
      WEIR_CHECK(context.console.flush());
    }
    context.console.note(fmt::format("{}, {}, {}{} in {} ({})", counted(totals.records, "record"),
                                     bytes_text(totals.bytes), counted(totals.dead_letters, "dead letter"),
                                     keys ? ", " + counted(static_cast<std::uint64_t>(*keys), "key") : std::string(),
                                     seconds_text(report.seconds), rate_text(totals.records, report.seconds)));
    if (until_caught_up_ && !report.caught_up) {
      return refused("NotCaughtUp", "stopped before every shard had been at its newest record");
    }
    return {};
  }

  static void say_where_it_stopped(Console& console, const worker::Report& report) {
    console.note("stopped; everything up to these records is counted:");
    std::size_t named = 0;
    std::size_t ended = 0;
    for (const auto& [id, shard] : report.shards) {
      if (shard.status.state == stream::ShardState::ended) {
        ++ended;
      } else if (++named <= shards_named_max) {
        const bool troubled =
            shard.status.state == stream::ShardState::throttled || shard.status.state == stream::ShardState::retrying;
        console.note(fmt::format("  {}  {}{}", id, shard.committed.empty() ? "nothing yet" : shard.committed.text(),
                                 troubled ? fmt::format(" ({})", to_string(shard.status.state)) : ""));
      }
    }
    if (named > shards_named_max) {
      console.note(fmt::format("  and {} more", counted(named - shards_named_max, "shard")));
    }
    if (ended > 0) {
      console.note(fmt::format("  {} read to the end", counted(ended, "shard")));
    }
  }

  std::string file_;
  bool until_caught_up_ = false;
  std::string state_;
  std::uint32_t threads_ = 1;
  std::string on_gap_ = "halt";
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> run_command() { return std::make_unique<Run>(); }

}  // namespace weir::cli
