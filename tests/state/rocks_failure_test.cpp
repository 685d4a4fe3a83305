#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>

#include "state/rocks_store_env.hpp"
#include "support.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;
using rocksdb::IOStatus;

/// Which writes and syncs fail, and how: those numbered from `first` up to (not including) `last`.
struct Faults {
  enum class Kind { full, broken, torn };
  std::atomic<int> operations{0};
  std::atomic<int> first{1 << 30};
  std::atomic<int> last{1 << 30};
  Kind kind = Kind::broken;

  bool strikes() {
    const int now = ++operations;
    return now >= first && now < last;
  }
  IOStatus status() const {
    return kind == Kind::full ? IOStatus::NoSpace("no space left on device") : IOStatus::IOError("the disk is broken");
  }
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, Faults& faults)
      : FSWritableFileOwnerWrapper(std::move(file)), faults_(faults) {}
  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                  rocksdb::IODebugContext* debug) override {
    if (faults_.strikes()) {
      if (faults_.kind == Faults::Kind::torn) {  // half of it arrives
        (void)FSWritableFileOwnerWrapper::Append(rocksdb::Slice(data.data(), data.size() / 2), options, debug);
      }
      return faults_.status();
    }
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options, const rocksdb::DataVerificationInfo&,
                  rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return faults_.strikes() ? faults_.status() : FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return faults_.strikes() ? faults_.status() : FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  Faults& faults_;
};

class FaultyDisk final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyDisk(Faults& faults) : FileSystemWrapper(rocksdb::FileSystem::Default()), faults_(faults) {}
  const char* Name() const override { return "FaultyDisk"; }
  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) override {
    auto status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) {
      *file = std::make_unique<FaultyFile>(std::move(*file), faults_);
    }
    return status;
  }

 private:
  Faults& faults_;
};

class RocksStoreOnABadDisk : public testing::Test {
 protected:
  RocksStoreOnABadDisk() : env_(rocksdb::NewCompositeEnv(std::make_shared<FaultyDisk>(faults_))) {}

  std::unique_ptr<RocksStore> open(const fs::path& path, std::size_t write_buffer_bytes = 64 << 10) {
    RocksStore::Options options(path.native(), decimal_sum(), blocking_);
    options.journal_bytes_max = 2000;
    options.write_buffer_bytes = write_buffer_bytes;
    auto opened = open_rocks_store(std::move(options), env_.get());
    if (!opened) {
      throw std::runtime_error(to_string(opened.error()));
    }
    return *std::move(opened);
  }
  static Draft step(int i) {
    Draft draft;
    draft.advance("a", i == 1 ? "" : std::to_string(i - 1), std::to_string(i)).row("count", "1");
    draft.row("key " + std::to_string(i % 5), "1").letter("a", std::to_string(i), std::string(500, 'x'));
    draft.commit.sync = i % 3 == 0;
    if (i == 1) {
      draft.discover("a");
    }
    return draft;
  }
  static void expect_count(Store& store, int count) {
    EXPECT_EQ(row_of(store, "count"), std::to_string(count));
    EXPECT_EQ(after_of(store, "a"), std::to_string(count));
    EXPECT_EQ(value_of(store.dead_letter_sum("flights")).letters, static_cast<std::uint64_t>(count));
    EXPECT_EQ(value_of(store.dead_letters("flights", "kinesis:flights", nullptr, 1000)).size(),
              static_cast<std::size_t>(count));
    std::int64_t sum = 0;
    for (const auto& row : value_of(store.scan("flights", "key ", "", 100))) {
      sum += DecimalSum::number(row.value);
    }
    EXPECT_EQ(sum, count);
  }

  Scratch scratch_;
  Faults faults_;
  std::unique_ptr<rocksdb::Env> env_;
  Blocking blocking_{0};
};

// A disk fails at one moment of a run: in the log, in a table, in the manifest, in a sync, or while the store
// opens again after that. Whatever the moment, a host that repeats the failed commit ends with exact totals.
TEST_F(RocksStoreOnABadDisk, EndsExactWhenAnyWriteOrSyncFailsAndTheCommitIsRepeated) {
  constexpr int commits = 30;
  int failures = 0;
  int runs = 0;
  for (const auto kind : {Faults::Kind::full, Faults::Kind::broken, Faults::Kind::torn}) {
    for (int first = 1; first < 110; first += 3) {
      const auto path = scratch_ / ("run" + std::to_string(++runs));
      faults_.first = 1 << 30;
      auto store = open(path, 4 << 10);
      faults_.kind = kind;
      faults_.operations = 0;
      faults_.last = first + 3;
      faults_.first = first;
      for (int i = 1; i <= commits; ++i) {
        auto draft = step(i);
        auto done = draft.into(*store);
        for (int attempt = 0; !done && attempt < 20; ++attempt) {
          ++failures;
          ASSERT_EQ(done.error().next, Next::retry) << to_string(done.error());
          EXPECT_NE(done.error().message.find(path.native()), std::string::npos) << done.error().message;
          done = draft.into(*store);
        }
        ASSERT_TRUE(done.ok()) << "first " << first << ": " << to_string(done.error());
      }
      expect_count(*store, commits);
      store.reset();
      faults_.first = 1 << 30;
      store = open(path);
      expect_count(*store, commits);
      store.reset();
      fs::remove_all(path);
    }
  }
  EXPECT_GT(failures, 100);
}

// While the disk stays bad, nothing is accepted and nothing is changed; the word is to try again.
TEST_F(RocksStoreOnABadDisk, AcceptsNothingWhileTheDiskIsFull) {
  const auto path = scratch_ / "state";
  auto store = open(path);
  ASSERT_TRUE(step(1).into(*store).ok());
  faults_.kind = Faults::Kind::full;
  faults_.first = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto done = step(2).into(*store);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().next, Next::retry);
    EXPECT_EQ(done.error().code, "DiskFull");
  }
  faults_.first = 1 << 30;
  EXPECT_EQ(after_of(*store, "a"), "1");
  EXPECT_EQ(row_of(*store, "count"), "1");
  ASSERT_TRUE(step(2).into(*store).ok());
  expect_count(*store, 2);
}

// The machine's own limit on file sizes, instead of a scripted fault.
TEST_F(RocksStoreOnABadDisk, WaitsOutTheSystemsOwnFileSizeLimit) {
  const auto path = scratch_ / "state";
  auto store = open(path, 8 << 20);
  ASSERT_TRUE(step(1).into(*store).ok());
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit saved{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  auto small = saved;
  small.rlim_cur = 20'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  int failed_at = 0;
  for (int i = 2; i < 200 && failed_at == 0; ++i) {
    const auto done = step(i).into(*store);
    if (!done) {
      failed_at = i;
      EXPECT_EQ(done.error().next, Next::retry) << to_string(done.error());
    }
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &saved), 0);
  std::signal(SIGXFSZ, before);
  ASSERT_GT(failed_at, 2);
  for (int i = failed_at; i <= 60 + failed_at; ++i) {
    ASSERT_TRUE(step(i).into(*store).ok());
  }
  expect_count(*store, 60 + failed_at);
}

// The sync policy: what is said for the first time is on the disk at once, the rest within the interval.
TEST_F(RocksStoreOnABadDisk, SyncsWhatIsNewAtOnceAndTheRestInTime) {
  class TestClock final : public Clock {
   public:
    Timestamp now() const override { return Timestamp(); }
    Duration elapsed() const override { return elapsed_; }
    Task<void> sleep(Duration, std::stop_token) override { co_return Result<void>(); }
    Duration elapsed_{};
  } clock;
  class CountingFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    CountingFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::atomic<int>& syncs)
        : FSWritableFileOwnerWrapper(std::move(file)), syncs_(syncs) {}
    IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
      ++syncs_;
      return FSWritableFileOwnerWrapper::Sync(options, debug);
    }

   private:
    std::atomic<int>& syncs_;
  };
  class CountingDisk final : public rocksdb::FileSystemWrapper {
   public:
    CountingDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
    const char* Name() const override { return "CountingDisk"; }
    IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) override {
      auto status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
      if (status.ok() && name.ends_with(".log")) {
        *file = std::make_unique<CountingFile>(std::move(*file), syncs);
      }
      return status;
    }
    std::atomic<int> syncs{0};
  };
  const auto disk = std::make_shared<CountingDisk>();
  const auto env = rocksdb::NewCompositeEnv(disk);
  RocksStore::Options options((scratch_ / "state").native(), decimal_sum(), blocking_);
  options.clock = &clock;
  auto opened = open_rocks_store(std::move(options), env.get());
  ASSERT_TRUE(opened.ok());
  auto& store = **opened;
  const auto syncs_of = [&](Result<void> done) {
    EXPECT_TRUE(done.ok());
    return disk->syncs.exchange(0);
  };
  disk->syncs = 0;
  EXPECT_EQ(syncs_of(Draft().discover("a").discover("b").into(store)), 1) << "shards";
  EXPECT_EQ(syncs_of(run<void>(store.put_definition("flights", "d"))), 1) << "definition";
  Draft gap;
  gap.commit.gaps.emplace_back().shard = "a";
  EXPECT_EQ(syncs_of(gap.into(store)), 1) << "gap";
  EXPECT_EQ(syncs_of(Draft().advance("a", "", "1").into(store)), 0) << "an ordinary commit";
  EXPECT_EQ(syncs_of(run<void>(store.sync())), 1);
  EXPECT_EQ(syncs_of(run<void>(store.sync())), 0) << "nothing new";
  Draft asked;
  asked.advance("a", "1", "2").commit.sync = true;
  EXPECT_EQ(syncs_of(asked.into(store)), 1) << "asked for";
  clock.elapsed_ += std::chrono::milliseconds(9'999);
  Draft unsynced = Draft().advance("a", "2", "3");
  EXPECT_EQ(syncs_of(unsynced.into(store)), 0) << "not yet";
  unsynced.commit.sync = true;
  EXPECT_EQ(syncs_of(unsynced.into(store)), 1) << "repeated, and now to be on the disk";
  clock.elapsed_ += std::chrono::milliseconds(10'000);
  EXPECT_EQ(syncs_of(Draft().advance("a", "3", "4").into(store)), 1) << "in time";
  EXPECT_EQ(syncs_of(Draft().advance("a", "4", "5").into(store)), 0);
  opened->reset();
  EXPECT_EQ(disk->syncs, 1) << "closing";
}

}  // namespace
}  // namespace weir::state
