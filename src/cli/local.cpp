// weir local: a Kinesis-compatible endpoint on this machine.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <csignal>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/stream_list.hpp"
#include "cli/text.hpp"
#include "weir/base/random.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/emulator/server.hpp"

namespace weir::cli {
namespace {

constexpr std::uint16_t default_port = 4567;

class Local final : public Command {
 public:
  Words words() const override {
    return {"local", "run a Kinesis-compatible endpoint on this machine",
            "[--port N] [--streams NAME:SHARDS,...] [--faults FILE]",
            "Serves Kinesis Data Streams on 127.0.0.1, from memory, to any client of the service\n"
            "in JSON or CBOR. Prints one line once it listens, runs until Ctrl-C, and forgets\n"
            "everything when it ends. Requests must be signed; signatures are not checked.\n\n"
            "With --faults it fails on purpose, as the file says: docs/faults.md has its grammar and\n"
            "examples/faults.yaml one of each kind.",
            "weir local --streams flights:4\n"
            "weir local --port 0 --streams orders:2,payments --faults faults.yaml"};
  }

  Service service() const override { return Service::none; }

  void declare(CLI::App& app) override {
    auto* port = app.add_option("--port", port_, "where to listen; 0 picks a free one (default 4567)")->type_name("N");
    require_whole_number(*port, 0, 65535);
    app.add_option("--streams", streams_, "streams to make first, each with a number of shards (default 1)")
        ->type_name("NAME:SHARDS,...");
    app.add_option("--faults", faults_, "scripted faults, in YAML (docs/faults.md): throttle, cut, slow, trim ...")
        ->type_name("FILE");
    auto* threads = app.add_option("--threads", threads_, "threads that serve (default 1)")->type_name("N");
    require_whole_number(*threads, 1, 64);
  }

  Result<void> run(Context& context) override {
    WEIR_TRY(const auto streams, parse_stream_list(streams_));
    emulator::Kinesis::Options streams_options;
    // Not the iterators of whoever was on this port before: they would seem to know these streams.
    streams_options.seed = Random::from_machine()();
    emulator::Kinesis kinesis(streams_options);
    WEIR_CHECK(add_faults(kinesis));
    std::uint64_t shards = 0;
    for (const auto& stream : streams) {
      shards += stream.shards;
      if (shards > streams_options.shards_max) {
        return misuse(fmt::format("--streams: {}: found {} shards, expected at most {} in all streams", stream.name,
                                  stream.shards, streams_options.shards_max));
      }
      if (auto made = kinesis.create(stream.name, stream.shards); !made) {
        return misuse(fmt::format("--streams: {}: {}", stream.name, made.error().message));
      }
    }
    // Before anybody is told that it listens, so that a signal from then on is a clean end.
    boost::asio::io_context loop;
    boost::asio::signal_set signals(loop, SIGINT, SIGTERM);
    emulator::Server::Options options;
    options.port = port_;
    options.threads = threads_;
    auto started = emulator::Server::start(kinesis, options);
    if (!started && started.error().code == "address_in_use") {
      return refused("PortTaken", started.error().message + "; --port 0 picks a free one");
    }
    WEIR_TRY(const auto server, std::move(started));
    WEIR_CHECK(context.console.print(fmt::format("listening on {}\n", server->endpoint())));
    auto told_where = context.console.flush();
    if (!told_where && told_where.error().code != "BrokenPipe") {
      return told_where;
    }
    // One is enough, and `timeout` sends two: what is under way has only until `drain_max`.
    signals.async_wait([](const boost::system::error_code& /*code*/, int /*number*/) {});
    loop.run();
    server->stop();
    end_is_certain();
    context.console.note(served(kinesis));
    return {};
  }

 private:
  Result<void> add_faults(emulator::Kinesis& kinesis) const {
    if (faults_.empty()) {
      return {};
    }
    auto script = emulator::read_faults(faults_);
    if (!script) {
      return as_misuse(std::move(script).error());
    }
    kinesis.faults().reseed(script->seed);
    for (auto& fault : script->faults) {
      kinesis.faults().add(std::move(fault));
    }
    return {};
  }

  std::string served(emulator::Kinesis& kinesis) const {
    std::uint64_t calls = 0;
    std::string each;
    for (std::size_t i = 0; i < emulator::operations_count; ++i) {
      const auto operation = static_cast<emulator::Operation>(i);
      const auto count = kinesis.calls(operation);
      calls += count;
      if (count > 0) {
        each += fmt::format("{}{} {}", each.empty() ? " (" : ", ", with_commas(count), to_string(operation));
      }
    }
    auto text = fmt::format("served {}{}{}", counted(calls, "call"), each, each.empty() ? "" : ")");
    if (!faults_.empty()) {
      text += fmt::format(", {} struck by faults", with_commas(kinesis.faults().struck()));
    }
    return text;
  }

  std::uint16_t port_ = default_port;
  std::string streams_;
  std::string faults_;
  std::uint32_t threads_ = 1;
};

}  // namespace

std::unique_ptr<Command> local_command() { return std::make_unique<Local>(); }

}  // namespace weir::cli
