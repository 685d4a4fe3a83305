#include "cli/pipeline_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "cli/held_answer.hpp"
#include "cli/run_on.hpp"
#include "cli/text.hpp"
#include "weir/aws/settings.hpp"
#include "weir/base/clock.hpp"
#include "weir/pipeline/extract.hpp"

namespace weir::cli {
namespace {

// Less than what the console and a pipe take without a reader.
constexpr std::size_t handed_out_open_bytes_max = std::size_t{16} * 1024;

std::string source_name_of(const pipelines::FileDefinition& file) {
  return "kinesis:" + stream_name_of(file.source.stream);
}

Result<void> hand_out(std::string_view lines, const Answers::EachLine& each) {
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    WEIR_CHECK(each(lines.substr(0, end)));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return {};
}

}  // namespace

Result<pipelines::FileDefinition> load_pipeline(const std::string& path, const std::string& state) {
  pipelines::FileChecks checks;
  checks.region = aws::is_region;
  checks.endpoint = aws::is_endpoint;
  auto file = pipelines::load_file(path, checks);
  if (!file) {
    return as_misuse(std::move(file).error());
  }
  if (!state.empty()) {
    file->state = state;
  }
  return file;
}

Result<void> while_in_use(const std::function<Result<void>()>& attempt, std::stop_token stop) {
  constexpr std::chrono::milliseconds pause{20};
  constexpr std::chrono::milliseconds patience{2000};
  boost::asio::io_context loop{1};
  const auto started = system_clock().elapsed();
  for (;;) {
    auto outcome = attempt();
    if (outcome || outcome.error().code != "StateInUse" || system_clock().elapsed() - started > patience) {
      return outcome;
    }
    WEIR_CHECK(run_on(loop, system_clock().sleep(pause, stop)));
  }
}

FileSettings settings_of(const pipelines::FileSource& source) {
  FileSettings settings;
  settings.endpoint = source.endpoint;
  settings.region = source.region;
  settings.profile = source.profile;
  return settings;
}

// arn:aws:kinesis:<region>:<account>:stream/<name>
std::string stream_name_of(std::string_view stream) {
  const auto slash = stream.starts_with("arn:") ? stream.find('/') : std::string_view::npos;
  return std::string(slash == std::string_view::npos ? stream : stream.substr(slash + 1));
}

Answers::~Answers() = default;

void Answers::close() { store_.reset(); }

Result<void> Answers::ask(worker::Query query, const EachLine& each, Each waits) {
  query.source = source_name_of(file_);
  if (store_ == nullptr) {
    const auto directory = worker::state_directory(file_.state, *file_.pipeline);
    if (directory.empty()) {
      return refused("NoState",
                     "the state of this pipeline is kept in memory while `weir run` runs, and can't be asked; "
                     "give it a directory with `state:` or --state");
    }
    bool answered = false;
    WEIR_CHECK(while_in_use([&] { return ask_worker_or_open(directory, query, each, answered); }));
    if (answered) {
      return {};
    }
  }
  return ask_store(query, each, waits);
}

Result<void> Answers::ask_worker_or_open(const std::string& directory, const worker::Query& query, const EachLine& each,
                                         bool& answered) {
  auto asked =
      worker::ask(directory, *file_.pipeline, query, [&](std::string_view lines) { return hand_out(lines, each); });
  answered = asked.ok();
  if (answered || asked.error().code != "NoWorker") {
    return asked;
  }
  return open();
}

Result<void> Answers::open() {
  const auto& pipeline = *file_.pipeline;
  const auto directory = worker::state_directory(file_.state, pipeline);
  // Opening makes a directory where there is none, and a database in an empty one; a question must not.
  std::error_code code;
  if (!std::filesystem::exists(directory, code) ||
      (std::filesystem::is_directory(directory, code) && std::filesystem::is_empty(directory, code))) {
    return refused("NoState",
                   fmt::format("there is no state of pipeline {} in {}; run it first, or name the state with --state",
                               pipeline.name(), printable(directory)));
  }
  WEIR_TRY(auto store, worker::open_store(file_.state, pipeline, log_));
  WEIR_TRY(const auto stored, run_on(loop_, store->store().definition(pipeline.name())));
  WEIR_TRY(const auto contents, run_on(loop_, store->store().contents()));
  if (!stored) {
    const auto holder = contents.empty() ? "nothing yet" : "pipeline " + contents.front().pipeline;
    return refused(
        "NoState",
        fmt::format("the state in {} holds {}, not pipeline {}; run it first, or name the state with --state",
                    printable(directory), holder, pipeline.name()));
  }
  WEIR_CHECK(worker::check_contents(contents, printable(directory), pipeline.name(), source_name_of(file_)));
  const auto continued = pipelines::continue_definition(*stored, pipeline.definition(), system_clock().now());
  if (!continued) {
    return refused(continued.error().code, fmt::format("pipeline {} in {}: {}", pipeline.name(), printable(directory),
                                                       continued.error().message));
  }
  store_ = std::move(store);
  handed_out_open_bytes_ = 0;
  return {};
}

// Whoever reads the answer may be a person at a pager, and meanwhile a worker could not start. So while the state is
// open no more is handed out than somebody takes for certain; the rest waits until it is closed.
Result<void> Answers::ask_store(const worker::Query& query, const EachLine& each, Each waits) {
  HeldAnswer later;
  const worker::Lines lines = [&](std::string_view text) -> Task<void> {
    auto now = text;
    if (waits == Each::may_wait) {
      const auto room = later.empty() ? handed_out_open_bytes_max - handed_out_open_bytes_ : 0;
      now = room == 0 ? std::string_view() : text.substr(0, text.substr(0, room).rfind('\n') + 1);
      handed_out_open_bytes_ += now.size();
    }
    auto taken = hand_out(now, each);
    if (taken && now.size() < text.size()) {
      taken = later.add(text.substr(now.size()));
    }
    co_return taken;
  };
  auto outcome = run_on(loop_, worker::answer(store_->store(), *file_.pipeline, source_name_of(file_), query, lines));
  if (later.empty()) {
    return outcome;
  }
  close();
  WEIR_CHECK(later.hand_out([&each](std::string_view text) { return hand_out(text, each); }));
  return outcome;
}

}  // namespace weir::cli
