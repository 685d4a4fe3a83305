// weir put: lines into a stream, a record each.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <optional>

#include "cli/command.hpp"
#include "cli/connect.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress_bar.hpp"
#include "cli/putter.hpp"
#include "cli/run_on.hpp"
#include "cli/text.hpp"
#include "weir/stream/stream_name.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::cli {
namespace {

constexpr std::chrono::milliseconds redraw_interval{100};
// There may be as many as calls under way.
constexpr std::size_t ranges_named_max = 4;

// A file, or standard input; closes what it opened.
class Input {
 public:
  static Result<Input> open(const std::string& path) {
    if (path.empty() || path == "-") {
      return Input(STDIN_FILENO, false);
    }
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      return misuse(fmt::format("cannot open {}: {}", printable(path), describe_errno(errno)));
    }
    Input input(descriptor, true);
    struct stat info {};
    if (::fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
      return misuse(fmt::format("cannot read {}: it is a directory", printable(path)));
    }
    return input;
  }
  Input(Input&& other) noexcept : descriptor_(other.descriptor_), own_(std::exchange(other.own_, false)) {}
  Input& operator=(Input&&) = delete;
  ~Input() {
    if (own_) {
      ::close(descriptor_);
    }
  }

  int descriptor() const noexcept { return descriptor_; }
  std::optional<std::uint64_t> size() const {
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
      return {};
    }
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  Input(int descriptor, bool own) : descriptor_(descriptor), own_(own) {}
  int descriptor_;
  bool own_;
};

class Put final : public Command {
 public:
  Words words() const override {
    return {"put", "put records into a stream, one per line", "STREAM [FILE] [--key FIELD]",
            "Each line of FILE (or of standard input) becomes a record: its bytes as they are, up\n"
            "to the line feed. An empty line is an empty record. Records go out 500 to a request\n"
            "with several requests under way; those that the service could not take are sent\n"
            "again, so the order of records within a shard is not kept. So is a request that got no\n"
            "answer: if it had been taken after all, its records are there twice.\n\n"
            "Without --key each record gets a random partition key, which spreads records over\n"
            "all shards. With --key it is that field of the line's JSON. A line that can't be a\n"
            "record ends it: the lines before are put, and nothing after.",
            "weir put flights flights.jsonl --key origin\n"
            "zcat flights.jsonl.gz | weir put flights --endpoint http://127.0.0.1:4567"};
  }

  void declare(CLI::App& app) override {
    app.add_option("STREAM", stream_, "the stream's name")->required();
    app.add_option("FILE", file_, "what to read; standard input when it is left out or -");
    app.add_option("--key", key_, "the JSON field that holds the partition key: origin, or flight.origin")
        ->type_name("FIELD");
    app.add_flag("--json", json_, "print the totals as one JSON object on standard output");
  }

  Result<void> run(Context& context) override {
    if (!stream::is_stream_name(stream_)) {
      return misuse(fmt::format("STREAM: found '{}', expected a stream's name: {}", printable(stream_),
                                stream::stream_name_rule));
    }
    WEIR_TRY(const auto input, Input::open(file_));
    std::optional<KeyFinder> key;
    if (!key_.empty()) {
      auto made = KeyFinder::of(key_);
      if (!made) {
        return misuse(fmt::format("--key: {}", made.error().message));
      }
      key.emplace(*std::move(made));
    }
    const Interrupt interrupt(context.console);
    const auto stop = interrupt.token();
    WEIR_TRY(const auto connection, connect(context));
    boost::asio::io_context loop{1};
    auto found = run_on(loop, find_stream(connection, stream_, stop));
    if (!found && found.error().is_stopped()) {
      return refused("Interrupted", "stopped before anything was put");
    }
    WEIR_TRY(const auto summary, std::move(found));

    LineReader lines(input.descriptor());
    RecordFeed::Options feed_options;
    if (summary.record_bytes_max > 0) {
      feed_options.record_bytes_max = std::min(summary.record_bytes_max, api::record_bytes_max);
    }
    RecordFeed feed(lines, std::move(key), Random::from_machine(), feed_options);
    Putter putter(*connection.kinesis, system_clock(), feed, lines, stream_, Random::from_machine());

    const auto started = system_clock().elapsed();
    ProgressBar bar(context.console, input.size());
    const auto seconds = [started] {
      return std::chrono::duration<double>(system_clock().elapsed() - started).count();
    };
    auto outcome = run_on(loop, put_and_show(putter, lines, bar, seconds, stop));
    context.console.erase_progress();
    return report(context, putter, seconds(), std::move(outcome));
  }

 private:
  Task<void> put_and_show(Putter& putter, const LineReader& lines, ProgressBar& bar, std::function<double()> seconds,
                          std::stop_token stop) {
    auto executor = co_await boost::asio::this_coro::executor;
    TaskGroup beside(executor, std::stop_token());
    beside.spawn(redraw(putter, lines, bar, seconds, beside.stop_token()));
    auto outcome = co_await putter.run(stop);
    beside.request_stop();
    auto ended = co_await beside.wait();
    co_return outcome ? ended : outcome;
  }

  static Task<void> redraw(const Putter& putter, const LineReader& lines, ProgressBar& bar,
                           std::function<double()> seconds, std::stop_token stop) {
    while (bar.shown()) {
      bar.draw(lines.bytes_read(), putter.totals().records, seconds());
      WEIR_CO_CHECK(co_await system_clock().sleep(redraw_interval, stop));
    }
    co_return Result<void>();
  }

  Result<void> report(Context& context, const Putter& putter, double seconds, Result<void> outcome) const {
    const auto& totals = putter.totals();
    const auto sum = fmt::format("{}, {} in {} ({})", counted(totals.records, "record"), bytes_text(totals.bytes),
                                 seconds_text(seconds), rate_text(totals.records, seconds));
    if (json_) {
      std::string line;
      wire::JsonWriter json(line);
      json.begin_map();
      json.unsigned_integer("records", totals.records);
      json.unsigned_integer("bytes", totals.bytes);
      json.unsigned_integer("calls", totals.calls);
      json.number("seconds", seconds);
      json.unsigned_integer("in_doubt", totals.in_doubt);
      json.end_map();
      WEIR_CHECK(context.console.print(line + "\n"));
    }
    if (outcome) {
      context.console.note(sum);
      return {};
    }
    auto error = std::move(outcome).error();
    if (error.is_stopped()) {
      error.message = fmt::format("stopped before line {}", putter.first_line_left());
    }
    error.message += "\n" + what_is_there(putter);
    return error;
  }

  // So that nobody puts twice what is there, or believes there what is not.
  static std::string what_is_there(const Putter& putter) {
    const auto records = counted(putter.totals().records, "record");
    const auto doubts = putter.lines_in_doubt();
    const auto before = putter.first_line_left() - 1;
    const auto sure = putter.put_later_lines() ? std::string("the lines before it, and some after it")
                      : before == 0            ? std::string("nothing before it")
                                               : fmt::format("every line up to {}", before);
    if (doubts.empty()) {
      return fmt::format("{} put: {}{}", records, sure, putter.put_later_lines() ? "" : ", nothing after");
    }
    auto text = fmt::format("{} put for certain: {}", records, sure);
    std::size_t named = 0;
    for (const auto& [first, last] : doubts) {
      // The last one named stands for all that follow.
      const auto end = ++named == ranges_named_max ? doubts.back().last : last;
      text += fmt::format("\n{} may be there too, once or more: no answer told",
                          first == end ? fmt::format("line {}", first)
                                       : fmt::format("{}lines {} to {}", end == last ? "" : "some of ", first, end));
      if (named == ranges_named_max) {
        break;
      }
    }
    return fmt::format("{}\nnothing after line {} was sent", text, putter.last_line_sent());
  }

  std::string stream_;
  std::string file_;
  std::string key_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> put_command() { return std::make_unique<Put>(); }

}  // namespace weir::cli
