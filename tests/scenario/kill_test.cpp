#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
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

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
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

// The promise itself: a worker killed at fifty random moments, over a stream that is written and resharded
// all the while, ends with totals equal to the stream's, to the last record.
TEST(Kill, FiftyKillsOverAStreamBeingWrittenAndReshardedLeaveExactTotals) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const auto state = std::filesystem::temp_directory_path() / ("weir-kill-" + std::to_string(::getpid()));
  std::filesystem::remove_all(state);
  emulator::Kinesis kinesis;
  ASSERT_TRUE(kinesis.create(stream_name, 2));
  auto server = *emulator::Server::start(kinesis);
  Writer writer(kinesis, random());

  constexpr int kills = 50;
  for (int i = 0; i < kills; ++i) {
    const auto threads = std::to_string(1 + random.below(3));
    Process worker({WEIR_WORKER_PROCESS, server->endpoint(), stream_name, state.string(), threads});
    // The moment of the kill is the test's input, not a wait for something.
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable().wait_for(lock, milliseconds(10 + random.below(140)));
    ASSERT_TRUE(worker.kill()) << "the worker ended by itself";
  }
  writer.stop();
  EXPECT_GE(writer.reshards(), 3U);

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
  open.reset();  // or its compaction and the removal race for the files
  std::filesystem::remove_all(state);
}

}  // namespace
}  // namespace weir::scenario
