// weir run: a pipeline file over its stream, until stopped or caught up.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/connect.hpp"
#include "cli/dead_letter_copies.hpp"
#include "cli/dead_letter_reasons.hpp"
#include "cli/interrupt.hpp"
#include "cli/pipeline_file.hpp"
#include "cli/reader_config.hpp"
#include "cli/run_on.hpp"
#include "cli/text.hpp"
#include "weir/base/backoff.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/json_writer.hpp"
#include "weir/worker/query.hpp"
#include "weir/worker/worker.hpp"

namespace weir::cli {
namespace {

// How many shards the farewell names one by one.
constexpr std::size_t shards_named_max = 8;

// Two files whose pipelines cannot share a read: what their `source` sections differ in.
std::string difference(const pipelines::FileSource& left, const pipelines::FileSource& right) {
  if (left.stream != right.stream) {
    return fmt::format("the streams {} and {}", printable(left.stream), printable(right.stream));
  }
  if (left.start != right.start || left.timestamp != right.timestamp || left.shard != right.shard ||
      left.sequence_number != right.sequence_number) {
    return "another `start`";
  }
  if (left.region != right.region || left.endpoint != right.endpoint || left.profile != right.profile) {
    return "another `region`, `endpoint` or `profile`";
  }
  return {};
}

class Run final : public Command {
 public:
  Words words() const override {
    return {"run", "run a pipeline over its stream", "FILE.yaml... [--until-caught-up]",
            "Reads the stream that FILE names, counts what the file says, and keeps totals and\n"
            "positions together in the state directory: stopped and started again at any moment,\n"
            "it loses and repeats nothing. Runs until Ctrl-C, which finishes what was read; a\n"
            "second one, a second later or more, ends it at once. With --until-caught-up it runs until every shard has "
            "been\n"
            "at its newest record, or has ended; stopped before that, it exits with 1.\n\n"
            "Several files with one `source` share one read, each with its own state and positions:\n"
            "one may be added at any time, and one that halts holds back only itself.\n\n"
            "Records that can't be counted are kept as dead letters (weir dead list) and do not\n"
            "change the exit status; the last line counts them. weir query may ask meanwhile. With\n"
            "--serve it answers /metrics (Prometheus), /healthz and /readyz over HTTP.",
            "weir run flights.yaml --until-caught-up\n"
            "weir run flights.yaml airlines.yaml --state /var/lib/weir --serve 9100"};
  }

  void declare(CLI::App& app) override {
    app.add_option("FILE", paths_, "pipeline files of one stream")->required();
    app.add_flag("--until-caught-up", until_caught_up_, "end once every shard has been at its newest record");
    app.add_option("--state", state_,
                   "the state directory, or memory, instead of the file's; of several files, where each has one of its "
                   "pipeline's name")
        ->type_name("DIR");
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
    app.add_flag("--accept-loss", accept_loss_, "go on after the losses on record now; another one halts again");
    app.add_option("--serve", serve_,
                   "answer /metrics, /healthz and /readyz there; on this machine alone unless "
                   "ADDR says otherwise")
        ->type_name("[ADDR:]PORT");
    app.add_flag("--json", json_, "print the totals as a last line of JSON on standard output");
  }

  Result<void> run(Context& context) override {
    std::vector<pipelines::FileDefinition> files;
    for (const auto& path : paths_) {
      WEIR_TRY(auto file, load_pipeline(path, state_));
      if (paths_.size() > 1 && !state_.empty() && state_ != "memory") {
        file.state = state_ + "/" + file.pipeline->name();
      }
      for (std::size_t i = 0; i < files.size(); ++i) {
        if (const auto differs = difference(files[i].source, file.source); !differs.empty()) {
          return misuse(fmt::format("{}: found {} beside {}, expected one `source` for all files of a run",
                                    printable(path), differs, printable(paths_[i])));
        }
        if (files[i].pipeline->name() == file.pipeline->name()) {
          return misuse(fmt::format("{}: found the name {} a second time (also in {}), expected one for each pipeline",
                                    printable(path), file.pipeline->name(), printable(paths_[i])));
        }
      }
      files.push_back(std::move(file));
    }
    const Interrupt interrupt(context.console);
    auto outcome = run_until(interrupt.token(), context, files);
    if (!outcome && outcome.error().is_stopped()) {
      constexpr std::string_view said = "stopped before anything was read";
      if (until_caught_up_) {
        return refused("Interrupted", std::string(said));
      }
      context.console.note(said);
      return {};
    }
    if (!outcome && outcome.error().code == "BadAddress") {
      return misuse("--serve: " + outcome.error().message);
    }
    return outcome;
  }

 private:
  static constexpr std::string_view on_gaps =
      "; `--accept-loss` goes on without what was lost, `--on-gap continue` also after every later loss";
  using Files = std::vector<pipelines::FileDefinition>;
  // What becomes of one file's dead letters besides: a copy, and a word at the end.
  struct Beside {
    std::unique_ptr<DeadLetterCopies> copies;
    DeadLetterReasons reasons;
  };
  using Besides = std::vector<std::unique_ptr<Beside>>;

  Result<void> run_until(const std::stop_token& stop, Context& context, const Files& files) const {
    const auto& source_section = files.front().source;
    WEIR_TRY(const auto connection, connect(context, settings_of(source_section)));
    Besides besides;
    WEIR_CHECK(check_streams(files, connection, context.console, besides, stop));
    auto made = kinesis::StreamSource::make(reader_config(source_section, connection));
    if (!made) {
      return as_misuse(std::move(made).error());
    }
    const auto source = *std::move(made);
    const auto options = options_for(stop, context);
    std::vector<worker::Report> reports;
    auto outcome = while_in_use(
        [&]() -> Result<void> {
          WEIR_TRY(reports, worker::run(*source, jobs_of(files, besides), options));
          return {};
        },
        stop);
    context.console.erase_progress();
    WEIR_CHECK(std::move(outcome));
    auto printed = print(context, reports);
    for (std::size_t i = 0; i < files.size(); ++i) {
      say_why_dead(context.console, i, files[i], besides[i]->reasons.text());
    }
    return printed;
  }

  // Nothing counted and all well is what a wrong field name looks like.
  void say_why_dead(Console& console, std::size_t i, const pipelines::FileDefinition& file,
                    const std::string& reasons) const {
    if (reasons.empty()) {
      return;
    }
    console.note("dead letters: " + reasons);
    if (!worker::state_directory(file.state, *file.pipeline).empty()) {
      console.note(fmt::format("`weir dead list {}{}{}` lists them", printable(paths_[i]),
                               state_.empty() ? "" : " --state ", state_.empty() ? "" : printable(file.state)));
    }
  }

  worker::Options options_for(const std::stop_token& stop, Context& context) const {
    worker::Options options;
    options.threads = threads_;
    options.on_gap = on_gap_ == "continue" ? process::OnGap::go_on : process::OnGap::halt;
    options.accept_loss = accept_loss_;
    options.until_caught_up = until_caught_up_;
    options.count_keys = true;
    options.stop = stop;
    options.log = context.log;
    options.serve = serve_;
    options.on_serving = [&context](std::string_view url) { context.console.say(fmt::format("serving on {}", url)); };
    if (context.console.shows_progress()) {
      const auto started = system_clock().elapsed();
      options.watch = [&context, started](std::span<const process::Board* const> boards) {
        const auto seconds = std::chrono::duration<double>(system_clock().elapsed() - started).count();
        context.console.show_progress(progress(boards, seconds));
      };
    }
    return options;
  }

  static std::vector<worker::Job> jobs_of(const Files& files, const Besides& besides) {
    std::vector<worker::Job> jobs;
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto& job = jobs.emplace_back();
      job.pipeline = files[i].pipeline;
      job.state = files[i].state;
      job.on_dead_letter = [beside = besides[i].get()](const state::DeadLetter& letter) {
        beside->reasons.count(letter);
      };
      if (besides[i]->copies != nullptr) {
        job.copy_dead_letters = [copy = besides[i]->copies.get()](std::span<const state::DeadLetter> letters,
                                                                  std::stop_token ended) {
          return copy->copy(letters, std::move(ended));
        };
      }
    }
    return jobs;
  }

  // Whatever is wrong with the streams is said before anything is opened.
  static Result<void> check_streams(const Files& files, const Connection& connection, Console& console,
                                    Besides& besides, const std::stop_token& stop) {
    boost::asio::io_context loop{1};
    const auto stream = stream_name_of(files.front().source.stream);
    WEIR_CHECK(run_on(loop, wait_for_stream(connection, console, stream, stop)));
    for (const auto& file : files) {
      auto& beside = *besides.emplace_back(std::make_unique<Beside>());
      if (file.dead_letter_stream.empty()) {
        continue;
      }
      if (file.dead_letter_stream == stream) {
        return misuse(fmt::format(
            "dead_letters: found stream '{}', expected another than the pipeline reads: it would read its own "
            "dead letters for ever",
            printable(stream)));
      }
      WEIR_CHECK(run_on(loop, find_stream(connection, file.dead_letter_stream, stop)));
      beside.copies = std::make_unique<DeadLetterCopies>(*connection.kinesis, system_clock(), file.dead_letter_stream);
    }
    return {};
  }

  // A service that answers, and not now, will: whoever starts workers by the dozen is throttled first.
  static Task<void> wait_for_stream(const Connection& connection, Console& console, std::string stream,
                                    std::stop_token stop) {
    Backoff backoff{Backoff::Options(), Random::from_machine()};
    for (;;) {
      auto found = co_await find_stream(connection, stream, stop);
      if (found) {
        co_return Result<void>();
      }
      if (found.error().next != Next::retry || found.error().http_status == 0) {
        co_return std::move(found).error();
      }
      if (backoff.failures() == 0) {
        console.note(fmt::format("{}; trying again until it succeeds", to_string(found.error())));
      }
      WEIR_CO_CHECK(co_await system_clock().sleep(backoff.next(), stop));
    }
  }

  // The pipelines read the same; what fails, and what is wrong, may be one's alone.
  static std::string progress(std::span<const process::Board* const> boards, double seconds) {
    std::uint64_t letters = 0;
    std::string trouble;
    for (const auto* board : boards) {
      letters += board->totals().dead_letters;
      for (const auto& said : {board->store_trouble(), board->shard_trouble()}) {
        trouble += said.empty() || trouble.find(said) != std::string::npos ? "" : "  " + said;
      }
      trouble += board->is_halted() ? fmt::format("  {} has halted", board->pipeline()) : "";
    }
    const auto running = std::ranges::find_if(boards, [](const auto* board) { return !board->is_halted(); });
    const auto* shown = running == boards.end() ? boards.front() : *running;
    const auto totals = shown->totals();
    auto line = fmt::format("{}  {}", counted(totals.records, "record"), rate_text(totals.records, seconds));
    if (const auto behind = shown->behind()) {
      line += "  " + behind_text(*behind);
    }
    if (totals.user_records > 0) {
      line += "  " + counted(totals.user_records, "user record");
    }
    if (letters > 0) {
      line += "  " + counted(letters, "dead letter");
    }
    return line + trouble;
  }

  Result<void> print(Context& context, const std::vector<worker::Report>& reports) const {
    bool halted = false;
    bool caught_up = true;
    for (const auto& report : reports) {
      if (reports.size() > 1) {
        context.console.note(report.pipeline + ":");
      }
      WEIR_CHECK(print(context, report));
      caught_up = caught_up && report.caught_up;
      if (report.halted) {
        halted = true;
        context.console.say(fmt::format("weir run: {}{}{}", reports.size() > 1 ? report.pipeline + " has halted: " : "",
                                        report.halted->message, report.halted->code == "Gap" ? on_gaps : ""));
      }
    }
    if (until_caught_up_ && !caught_up && !halted) {
      return refused("NotCaughtUp", "stopped before every shard had been at its newest record");
    }
    return halted ? Result<void>(told()) : Result<void>();
  }

  Result<void> print(Context& context, const worker::Report& report) const {
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
      if (totals.skipped > 0) {
        json.unsigned_integer("skipped", totals.skipped);
      }
      if (totals.user_records + totals.misplaced + totals.broken_aggregates > 0) {
        json.unsigned_integer("user_records", totals.user_records);
        json.unsigned_integer("misplaced", totals.misplaced);
        json.unsigned_integer("unfiltered", totals.unfiltered);
        json.unsigned_integer("broken_aggregates", totals.broken_aggregates);
      }
      json.unsigned_integer("keys", report.keys.value_or(0));
      json.unsigned_integer("gaps", report.gaps.size());
      json.number("seconds", report.seconds);
      json.boolean("caught_up", report.caught_up);
      json.text("pipeline", report.pipeline);
      if (report.halted) {
        json.text("halted", report.halted->message);
      }
      json.end_map();
      WEIR_CHECK(context.console.print(line + "\n"));
      WEIR_CHECK(context.console.flush());
    }
    context.console.note(fmt::format("{}, {}, {}{}{} in {} ({})", counted(totals.records, "record"),
                                     bytes_text(totals.bytes), counted(totals.dead_letters, "dead letter"),
                                     totals.skipped > 0 ? fmt::format(", {} skipped", with_commas(totals.skipped)) : "",
                                     ", " + counted(report.keys.value_or(0), "key"), seconds_text(report.seconds),
                                     rate_text(totals.records, report.seconds)));
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

  std::vector<std::string> paths_;
  bool until_caught_up_ = false;
  std::string state_;
  std::uint32_t threads_ = 1;
  std::string on_gap_ = "halt";
  bool accept_loss_ = false;
  std::string serve_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> run_command() { return std::make_unique<Run>(); }

}  // namespace weir::cli
