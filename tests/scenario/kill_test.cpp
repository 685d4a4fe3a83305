#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "tests/scenario/counted.hpp"
#include "weir/aws/kinesis_client.hpp"
#include "weir/base/random.hpp"
#include "weir/emulator/server.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/wire/document.hpp"
#include "weir/worker/query.hpp"

namespace weir::scenario {
namespace {

using std::chrono::milliseconds;

struct Totals {
  std::int64_t count = 0;
  std::int64_t sum = 0;
  std::int64_t least = 0;
  std::int64_t most = 0;
  friend bool operator==(const Totals&, const Totals&) = default;
};
void PrintTo(const Totals& totals, std::ostream* out) {
  *out << totals.count << " records, sum " << totals.sum << ", " << totals.least << ".." << totals.most;
}
using ByWord = std::map<std::string, Totals>;

constexpr auto stream_name = "counted";
constexpr std::string_view undecodable = "{\"word\":";

// Puts records and splits and merges shards until told to stop.
class Writer {
 public:
  explicit Writer(emulator::Kinesis& kinesis, std::uint64_t seed)
      : kinesis_(kinesis), random_(seed), thread_([this] { write(); }) {}
  ~Writer() { stop(); }

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  std::uint64_t reshards() const { return reshards_; }

 private:
  void write() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, milliseconds(3), [this] { return stopping_; })) {
      std::vector<std::string> texts;
      for (int i = 0; i < 40; ++i) {
        const auto number = static_cast<std::int64_t>(random_.below(2001)) - 1000;
        texts.push_back(random_.below(200) == 0 ? std::string(undecodable)
                                                : "{\"word\":\"w" + std::to_string(random_.below(50)) +
                                                      "\",\"number\":" + std::to_string(number) + "}");
      }
      ASSERT_TRUE(kinesis_.put(stream_name, texts));
      if (random_.below(40) == 0) {
        reshard();
      }
    }
  }

  void reshard() {
    const auto shards = open_shards();
    if (shards.empty()) {
      return;
    }
    if (shards.size() < 4) {
      reshards_ += kinesis_.split(stream_name, shards[random_.below(shards.size())].first) ? 1 : 0;
      return;
    }
    // Neighbours by hash range merge; the listing is ordered by id, so try pairs until one is accepted.
    for (const auto& one : shards) {
      for (const auto& other : shards) {
        if (one.first != other.first && kinesis_.merge(stream_name, one.first, other.first)) {
          ++reshards_;
          return;
        }
      }
    }
  }

  std::vector<std::pair<std::string, std::string>> open_shards() {
    boost::asio::io_context context;
    std::vector<std::pair<std::string, std::string>> open;
    boost::asio::co_spawn(context, list(open), boost::asio::detached);
    context.run();
    return open;
  }
  Task<void> list(std::vector<std::pair<std::string, std::string>>& open) {
    api::ListShardsRequest request;
    request.stream.name = stream_name;
    auto page = co_await kinesis_.list_shards(request, std::stop_token());
    if (!page) {  // struck by a fault; another time
      co_return Result<void>();
    }
    for (const auto& shard : page->shards) {
      if (shard.sequence_number_end.empty()) {
        open.emplace_back(shard.id, shard.hash_key_start);
      }
    }
    co_return Result<void>();
  }

  emulator::Kinesis& kinesis_;
  Random random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t reshards_ = 0;
  std::thread thread_;
};

class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (auto& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  }
  // Whether it was still running.
  bool kill() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_ = 0;
};

// What the stream's own log says the totals must be.
ByWord expected(emulator::Kinesis& kinesis, std::uint64_t& records, std::uint64_t& dead) {
  ByWord totals;
  auto log = *kinesis.log(stream_name);
  for (const auto& shard : log) {
    for (const auto& record : shard.records) {
      ++records;
      if (record.data == undecodable) {
        ++dead;
        continue;
      }
      auto document = *wire::Document::parse_json(record.data);
      const auto root = document.root();
      const auto number = *root["number"].integer();
      auto [entry, is_new] = totals.try_emplace(std::string(root.text("word")));
      auto& word = entry->second;
      ++word.count;
      word.sum += number;
      word.least = is_new ? number : std::min(word.least, number);
      word.most = is_new ? number : std::max(word.most, number);
    }
  }
  return totals;
}

Task<void> read_all(state::Store& store, const pipelines::Pipeline& pipeline, ByWord& totals) {
  worker::Query all;
  std::string text;
  worker::Lines keep = [&text](std::string_view lines) -> Task<void> {
    text.append(lines);
    co_return Result<void>();
  };
  WEIR_CO_CHECK(co_await worker::answer(store, pipeline, "kinesis:counted", all, keep));
  std::string_view rest = text;
  while (!rest.empty()) {
    auto document = *wire::Document::parse_json(rest.substr(0, rest.find('\n')));
    const auto root = document.root();
    auto& word = totals[std::string(root.text("key"))];
    word.count = *root["count"].integer();
    word.sum = *root["sum"].integer();
    word.least = *root["least"].integer();
    word.most = *root["most"].integer();
    rest.remove_prefix(rest.find('\n') + 1);
  }
  co_return Result<void>();
}

// What a service does on a bad day. Each lets the retry succeed, so that none may change a total.
constexpr emulator::Fault::Kind fault_kinds[] = {
    emulator::Fault::Kind::throttle,    emulator::Fault::Kind::internal_failure, emulator::Fault::Kind::unavailable,
    emulator::Fault::Kind::cut,         emulator::Fault::Kind::lost_reply,       emulator::Fault::Kind::truncated,
    emulator::Fault::Kind::empty_reply, emulator::Fault::Kind::expired_iterator};

void turn_faults_on(emulator::Kinesis& kinesis, std::uint64_t seed) {
  kinesis.faults().reseed(seed);
  for (const auto kind : fault_kinds) {
    emulator::Fault fault;
    fault.kind = kind;
    // Not DescribeStreamSummary: a worker whose connection is cut there, three times, takes the endpoint for absent.
    fault.calls = {emulator::Operation::list_shards, emulator::Operation::get_shard_iterator,
                   emulator::Operation::get_records};
    fault.probability = 0.03;
    kinesis.faults().add(fault);
  }
}

// A moment of a worker's life that no machine's speed shifts to its beginning or its end: a number of reads later, or,
// so that starting is struck too, of milliseconds. Waits in backoffs count as life.
void wait_for_the_moment(emulator::Kinesis& kinesis, Random& random) {
  const bool starting = random.below(4) == 0;
  const auto reads = kinesis.calls(emulator::Operation::get_records) + random.below(40);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(starting ? random.below(60) : 400);
  while (std::chrono::steady_clock::now() < deadline &&
         (starting || kinesis.calls(emulator::Operation::get_records) <= reads)) {
    ::poll(nullptr, 0, 1);
  }
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const auto* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

// The promise itself: a worker killed at random moments, over a stream that is written and resharded all the while
// and whose service fails in every way that a retry mends, ends with totals equal to the stream's, to the last record.
TEST(Kill, AtAnyMomentOverAFaultyStreamBeingWrittenAndReshardedLeavesExactTotals) {
  const auto kills = number_from("WEIR_KILLS", 50);
  const auto seed = number_from("WEIR_KILL_SEED", std::random_device()());
  // The moments of the kills and the faults come again with the seed; how far a worker gets by then does not.
  SCOPED_TRACE("to repeat: WEIR_KILLS=" + std::to_string(kills) + " WEIR_KILL_SEED=" + std::to_string(seed) + " " +
               std::filesystem::read_symlink("/proc/self/exe").native());
  Random random(seed);
  const auto state = std::filesystem::temp_directory_path() / ("weir-kill-" + std::to_string(::getpid()));
  std::filesystem::remove_all(state);
  emulator::Kinesis kinesis;
  ASSERT_TRUE(kinesis.create(stream_name, 2));
  auto server = *emulator::Server::start(kinesis);
  Writer writer(kinesis, random());
  turn_faults_on(kinesis, random());

  for (std::uint64_t i = 0; i < kills; ++i) {
    if (i > 0 && i % 50 == 0) {
      std::fprintf(stderr, "%llu of %llu kills, %llu faults\n", static_cast<unsigned long long>(i),
                   static_cast<unsigned long long>(kills), static_cast<unsigned long long>(kinesis.faults().struck()));
    }
    const auto threads = std::to_string(1 + random.below(3));
    Process worker({WEIR_WORKER_PROCESS, server->endpoint(), stream_name, state.string(), threads});
    wait_for_the_moment(kinesis, random);
    ASSERT_TRUE(worker.kill()) << "the worker ended by itself";
  }
  writer.stop();
  EXPECT_GE(writer.reshards(), 3U);
  for (const auto kind : fault_kinds) {
    EXPECT_GE(kinesis.faults().struck(kind), kills / 10) << to_string(kind) << ": no worker met it";
  }

  aws::SettingsOptions where;
  where.endpoint = server->endpoint();
  auto client = aws::KinesisClient::connect(*aws::resolve_settings(where), system_clock());
  kinesis::ReaderConfig config;
  config.client = client.get();
  config.stream_name = stream_name;
  config.starting_position = kinesis::StartingPosition::trim_horizon;
  config.keep_quotas = false;
  auto source = *kinesis::StreamSource::make(config);
  auto options = hasty_options(state.string(), 2);
  options.until_caught_up = true;
  const auto pipeline = counted_pipeline();
  const auto report = worker::run(*source, pipeline, options);
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_TRUE(report->caught_up);

  std::uint64_t records = 0;
  std::uint64_t dead = 0;
  const auto want = expected(kinesis, records, dead);
  EXPECT_LT(report->totals.records, records) << "the killed workers committed nothing";
  auto open = *worker::open_store(state.string(), *pipeline, {});
  boost::asio::io_context context;
  ByWord got;
  state::LetterSum dead_stored;
  const auto look = [&]() -> Task<void> {
    WEIR_CO_TRY(dead_stored, co_await open->store().dead_letter_sum("counted"));
    co_return co_await read_all(open->store(), *pipeline, got);
  };
  boost::asio::co_spawn(context, look(), boost::asio::detached);
  context.run();
  EXPECT_EQ(got, want);
  EXPECT_EQ(dead_stored.letters, dead);
  std::fprintf(
      stderr, "%llu kills, %llu records, %llu reshards, %llu faults: %s\n", static_cast<unsigned long long>(kills),
      static_cast<unsigned long long>(records), static_cast<unsigned long long>(writer.reshards()),
      static_cast<unsigned long long>(kinesis.faults().struck()), got == want ? "totals exact" : "TOTALS DIFFER");
  open.reset();  // or its compaction and the removal race for the files
  if (HasFailure()) {
    std::fprintf(stderr, "the state is kept in %s\n", state.c_str());
  } else {
    std::filesystem::remove_all(state);
  }
}

}  // namespace
}  // namespace weir::scenario
