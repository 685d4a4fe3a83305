#include "weir/state/rocks_store.hpp"

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "state/database.hpp"
#include "support.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;

class TestClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp(); }
  Duration elapsed() const override { return elapsed_; }
  Task<void> sleep(Duration, std::stop_token) override { co_return Result<void>(); }
  void advance(Duration time) { elapsed_ += time; }

 private:
  Duration elapsed_{};
};

std::string numbered(int number) { return number == 0 ? "" : std::to_string(number); }

class RocksStoreFiles : public testing::Test {
 protected:
  using Opened = Result<std::unique_ptr<RocksStore>>;

  Opened try_open(const fs::path& path) {
    RocksStore::Options options(path.native(), decimal_sum(), blocking_);
    options.journal_bytes_max = 300;
    options.clock = &clock_;
    return RocksStore::open(std::move(options));
  }
  std::unique_ptr<RocksStore> open(const fs::path& path) {
    auto opened = try_open(path);
    if (!opened) {
      throw std::runtime_error(to_string(opened.error()));
    }
    return *std::move(opened);
  }
  // Commits from `first` to `last`: each steps the shard by one and adds one to the row, so that the row
  // says what the position says, whatever is lost of the end.
  static void count(Store& store, int first, int last) {
    for (int i = first; i <= last; ++i) {
      Draft draft;
      draft.advance("a", numbered(i - 1), numbered(i)).row("count", "1").row("key " + std::to_string(i % 7), "1");
      if (i == 1) {
        draft.discover("a");
      }
      ASSERT_TRUE(draft.into(store).ok());
    }
  }
  static void expect_consistent(Store& store) {
    const auto after = after_of(store, "a");
    const auto row = row_of(store, "count");
    EXPECT_EQ(row, after == "unknown" ? "" : after);
    std::int64_t sum = 0;
    for (const auto& entry : value_of(store.scan("flights", "key ", "", 100))) {
      sum += DecimalSum::number(entry.value);
    }
    EXPECT_EQ(sum, DecimalSum::number(row));
  }
  // The files as a killed process leaves them: nothing is closed, everything written is there.
  fs::path image() {
    auto copy = scratch_ / ("image" + std::to_string(++images_));
    fs::copy(path_, copy, fs::copy_options::recursive);
    return copy;
  }
  std::vector<fs::path> files(const fs::path& path, std::string_view part) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().filename().native().find(part) != std::string::npos && entry.file_size() > 0) {
        found.push_back(entry.path());
      }
    }
    return found;
  }

  Scratch scratch_;
  fs::path path_ = scratch_ / "state";
  int images_ = 0;
  TestClock clock_;
  Blocking blocking_{1};
};

TEST_F(RocksStoreFiles, KeepsEverythingAcrossACleanClose) {
  {
    auto store = open(path_);
    count(*store, 1, 20);
    ASSERT_TRUE(run<void>(store->put_definition("flights", "by origin")).ok());
    ASSERT_TRUE(Draft().advance("a", "20", "20", true).letter("a", "19").into(*store).ok());
  }
  auto store = open(path_);
  EXPECT_EQ(row_of(*store, "count"), "20");
  EXPECT_EQ(value_of(store->definition("flights")), "by origin");
  EXPECT_EQ(value_of(store->dead_letter_sum("flights")).letters, 1U);
  EXPECT_TRUE(value_of(store->positions("flights", "kinesis:flights")).shards.at("a").ended);
  expect_consistent(*store);
}

// A killed process loses nothing: what a commit answered is with the operating system.
TEST_F(RocksStoreFiles, KeepsEverythingWhenTheProcessIsKilledAfterAnyCommit) {
  auto store = open(path_);
  for (int i = 1; i <= 40; ++i) {
    count(*store, i, i);
    auto after_crash = open(image());
    EXPECT_EQ(row_of(*after_crash, "count"), std::to_string(i));
    expect_consistent(*after_crash);
    count(*after_crash, i + 1, i + 3);
    expect_consistent(*after_crash);
  }
}

// A power cut takes the unsynced end of the log. Rows and positions must go back together, wherever it is
// cut: a position without its rows loses records, rows without their position count them twice.
TEST_F(RocksStoreFiles, RewindsRowsAndPositionsTogetherWhereverTheLogIsCut) {
  auto store = open(path_);
  count(*store, 1, 30);
  const auto whole = image();
  const auto logs = files(whole, ".log");
  ASSERT_EQ(logs.size(), 1U);
  const auto size = fs::file_size(logs[0]);
  int last = 31;
  for (auto cut = size; cut > 40; cut -= std::min<std::uintmax_t>(cut, 41)) {
    const auto copy = scratch_ / ("cut" + std::to_string(cut));
    fs::copy(whole, copy, fs::copy_options::recursive);
    fs::resize_file(copy / logs[0].filename(), cut);
    auto rewound = open(copy);
    expect_consistent(*rewound);
    const auto row = static_cast<int>(DecimalSum::number(row_of(*rewound, "count")));
    EXPECT_LE(row, last);
    last = row;
  }
  EXPECT_LT(last, 3) << "the cuts went through the whole history";
}

// Damage is said, or the state is an earlier one of the same history; never a wrong total, never a crash.
TEST_F(RocksStoreFiles, SaysThatAFileIsDamagedOrIsConsistent) {
  {
    auto store = open(path_);
    count(*store, 1, 60);
  }
  {
    auto store = open(path_);  // opening wrote the log into a table
    count(*store, 61, 70);
  }
  std::mt19937 random(1);
  int said = 0;
  for (const auto* kind : {".sst", ".log", "MANIFEST", "CURRENT"}) {
    const auto damaged_files = files(path_, kind);
    ASSERT_FALSE(damaged_files.empty()) << kind;
    for (const auto& original : damaged_files) {
      for (int attempt = 0; attempt < 12; ++attempt) {
        const auto copy = image();
        const auto victim = copy / original.filename();
        const auto size = fs::file_size(victim);
        if (attempt == 0) {
          fs::resize_file(victim, size / 2);
        } else if (attempt == 1) {
          fs::remove(victim);
        } else {
          std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
          file.seekg(static_cast<std::streamoff>(random() % size));
          const auto byte = static_cast<char>(file.peek() ^ static_cast<int>(1U << (random() % 8)));
          file.seekp(file.tellg());
          file.put(byte);
        }
        auto opened = try_open(copy);
        if (!opened) {
          ++said;
          EXPECT_EQ(opened.error().next, Next::corrupt) << kind << attempt << ": " << to_string(opened.error());
          EXPECT_NE(opened.error().message.find(copy.native()), std::string::npos) << opened.error().message;
          continue;
        }
        const auto rows = run((*opened)->scan("flights", "", "", 100));
        if (!rows) {
          ++said;
          EXPECT_EQ(rows.error().next, Next::corrupt) << kind << attempt;
          continue;
        }
        expect_consistent(**opened);
      }
    }
  }
  EXPECT_GT(said, 20);
}

// Somebody tidies up under a running worker. It would go on from what it still has open, perhaps for days, and what it
// counted by then could not be opened again.
TEST_F(RocksStoreFiles, SaysAtTheNextSyncThatAFileWasDeleted) {
  count(*open(path_), 1, 20);
  { auto store = open(path_); }  // which makes a table of the log
  for (const auto* part : {".sst", "MANIFEST", "CURRENT"}) {
    SCOPED_TRACE(part);
    const auto path = image();
    auto store = open(path);
    ASSERT_TRUE(run<void>(store->sync()).ok());
    const auto found = files(path, part);
    ASSERT_FALSE(found.empty());
    fs::remove(found[0]);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto done = run<void>(store->sync());
      ASSERT_FALSE(done.ok());
      EXPECT_EQ(done.error().code, "StateCorrupt");
      EXPECT_EQ(done.error().next, Next::corrupt);
    }
    EXPECT_EQ(Draft().advance("a", "20", "21").into(*store).error().code, "StateCorrupt") << "and counts nothing more";
  }
}

// A compaction deletes files too, and may do so while they are looked for.
TEST_F(RocksStoreFiles, TakesNoFileForDeletedThatACompactionRemoved) {
  class Disk final : public rocksdb::FileSystemWrapper {
   public:
    Disk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
    const char* Name() const override { return "Disk"; }
    rocksdb::IOStatus FileExists(const std::string& name, const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override {
      if (name.ends_with(".sst") && compact) {
        std::exchange(compact, {})();
        EXPECT_FALSE(fs::exists(name));
      }
      return FileSystemWrapper::FileExists(name, options, debug);
    }
    std::function<void()> compact;
  };
  const auto disk = std::make_shared<Disk>();
  const auto env = rocksdb::NewCompositeEnv(disk);
  const RocksStore::Options options(path_.native(), decimal_sum(), blocking_);
  fs::create_directory(path_);
  auto opened = open_database(options, false, env.get());
  ASSERT_TRUE(opened.ok());
  auto& database = **opened;
  for (const auto* value : {"1", "2"}) {
    ASSERT_TRUE(database.Put(rocksdb::WriteOptions(), "key", value).ok());
    ASSERT_TRUE(database.Flush(rocksdb::FlushOptions()).ok());
  }
  std::vector<std::string> tables;
  for (const auto& file : files(path_, ".sst")) {
    tables.push_back(file.filename());
  }
  bool compacted = false;
  disk->compact = [&] { compacted = database.CompactFiles(rocksdb::CompactionOptions(), tables, 6).ok(); };
  EXPECT_TRUE(check_files(database, path_.native()).ok());
  EXPECT_TRUE(compacted);
  for (const auto& file : files(path_, ".sst")) {
    fs::remove(file);
  }
  const auto done = check_files(database, path_.native());
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message.find(".sst is missing"), std::string::npos) << done.error().message;
}

// What no Weir wrote is damage too, though RocksDB's own checksums are right.
TEST_F(RocksStoreFiles, SaysThatARecordCannotBeRead) {
  const std::vector<std::pair<std::string, std::string>> records{{"pflights", "\x02\x01"},
                                                                 {"pflights", ""},
                                                                 {std::string("j\0\0\0\0", 5), "nonsense"},
                                                                 {std::string("j\0\0\0\x09", 5), "\x01"}};
  for (const auto& [key, value] : records) {
    const auto path = scratch_ / ("odd" + std::to_string(++images_));
    { auto store = open(path); }
    {
      rocksdb::DB* raw = nullptr;
      ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), path.native(), &raw).ok());
      const std::unique_ptr<rocksdb::DB> database(raw);
      ASSERT_TRUE(database->Put(rocksdb::WriteOptions(), key, value).ok());
    }
    const auto opened = try_open(path);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().next, Next::corrupt);
    EXPECT_EQ(opened.error().code, "StateCorrupt");
  }
}

// The journal is bounded by entries as well as bytes: small commits would otherwise pile up without end.
TEST_F(RocksStoreFiles, KeepsTheJournalShort) {
  {
    RocksStore::Options options(path_.native(), decimal_sum(), blocking_);
    auto opened = RocksStore::open(std::move(options));
    ASSERT_TRUE(opened.ok());
    count(**opened, 1, 1000);
  }
  rocksdb::DB* raw = nullptr;
  rocksdb::Options options;
  ASSERT_TRUE(rocksdb::DB::OpenForReadOnly(options, path_.native(), &raw).ok());
  const std::unique_ptr<rocksdb::DB> database(raw);
  const std::unique_ptr<rocksdb::Iterator> at(database->NewIterator(rocksdb::ReadOptions()));
  int entries = 0;
  for (at->Seek("j"); at->Valid() && at->key().starts_with("j"); at->Next()) {
    ++entries;
  }
  EXPECT_GT(entries, 0);
  EXPECT_LE(entries, 256);
}

// Rows outlive many checkpoints, flushes and compactions; a change must meet its row in each of them.
TEST_F(RocksStoreFiles, AddsUpThroughFlushesAndCompactions) {
  constexpr int keys = 2000;
  constexpr int commits = 60;
  {
    RocksStore::Options options(path_.native(), decimal_sum(), blocking_);
    options.journal_bytes_max = 20'000;
    options.write_buffer_bytes = 128 << 10;
    auto opened = RocksStore::open(std::move(options));
    ASSERT_TRUE(opened.ok());
    for (int i = 1; i <= commits; ++i) {
      Draft draft;
      draft.advance("a", numbered(i - 1), numbered(i));
      if (i == 1) {
        draft.discover("a");
      }
      for (int key = 0; key < keys; key += 1 + i % 3) {
        draft.row("key " + std::to_string(key), "1");
      }
      ASSERT_TRUE(draft.into(**opened).ok());
    }
  }
  auto store = open(path_);
  std::int64_t sum = 0;
  for (const auto& row : value_of(store->scan("flights", "", "", 2 * keys))) {
    sum += DecimalSum::number(row.value);
  }
  EXPECT_EQ(sum, commits / 3 * (keys + keys / 2 + (keys + 2) / 3));
}

}  // namespace
}  // namespace weir::state
