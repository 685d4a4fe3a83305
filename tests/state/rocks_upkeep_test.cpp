// Forgetting a pipeline and copying a state directory, where files matter.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <future>
#include <thread>

#include "state/rocks_store_env.hpp"
#include "support.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;
using rocksdb::IOStatus;

std::string numbered(int number) { return number == 0 ? "" : std::to_string(number); }

/// A file system on which writes and links fail when told to, and where somebody may look in on a link.
class Disk final : public rocksdb::FileSystemWrapper {
 public:
  Disk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "Disk"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) override {
    auto status = fails() ? broken() : FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) {
      *file = std::make_unique<Writer>(std::move(*file), *this);
    }
    return status;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* debug) override {
    if (on_link) {
      std::exchange(on_link, nullptr)();
    }
    return fails() ? broken() : FileSystemWrapper::LinkFile(from, to, options, debug);
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                      rocksdb::IODebugContext* debug) override {
    return fails() ? broken() : FileSystemWrapper::RenameFile(from, to, options, debug);
  }

  static constexpr int never = 1 << 30;
  std::atomic<int> operations{0};
  std::atomic<int> first_failing{never};
  std::atomic<int> last_failing{never};
  std::atomic<int> syncs{0};
  std::function<void()> on_link;  ///< before the next link, once

 private:
  class Writer final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Writer(std::unique_ptr<rocksdb::FSWritableFile> file, Disk& disk)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk) {}
    IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* debug) override {
      return disk_.fails() ? broken() : FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                    const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
      ++disk_.syncs;
      return disk_.fails() ? broken() : FSWritableFileOwnerWrapper::Sync(options, debug);
    }

   private:
    Disk& disk_;
  };

  bool fails() {
    const int now = ++operations;
    return now >= first_failing && now < last_failing;
  }
  static IOStatus broken() { return IOStatus::IOError("the disk is broken"); }
};

class RocksStoreUpkeep : public testing::Test {
 protected:
  std::unique_ptr<RocksStore> open(const fs::path& path, std::size_t journal_bytes_max = 300) {
    RocksStore::Options options(path.native(), decimal_sum(), blocking_);
    options.journal_bytes_max = journal_bytes_max;
    auto opened = open_rocks_store(std::move(options), env_.get());
    if (!opened) {
      throw std::runtime_error(to_string(opened.error()));
    }
    return *std::move(opened);
  }
  // Each commit steps the shard by one and adds one to rows and letters, so that all of them say one number.
  static Draft step(const std::string& pipeline, int i) {
    Draft draft(pipeline);
    draft.advance("a", numbered(i - 1), numbered(i)).row("count", "1").row("key " + std::to_string(i % 7), "1");
    draft.letter("a", numbered(i), "xy");
    if (i == 1) {
      draft.discover("a");
    }
    return draft;
  }
  static void count(Store& store, const std::string& pipeline, int first, int last) {
    for (int i = first; i <= last; ++i) {
      ASSERT_TRUE(step(pipeline, i).into(store).ok());
    }
  }
  // What the pipeline has counted; everything about it must say the same.
  static int counted(Store& store, const std::string& pipeline) {
    const auto count = static_cast<int>(DecimalSum::number(row_of(store, "count", pipeline)));
    EXPECT_EQ(after_of(store, "a", pipeline), count == 0 ? "unknown" : std::to_string(count));
    const auto letters = static_cast<std::uint64_t>(count);
    EXPECT_EQ(value_of(store.dead_letter_sum(pipeline)), (LetterSum{letters, 2 * letters}));
    EXPECT_EQ(value_of(store.dead_letters(pipeline, "kinesis:flights", nullptr, 1'000'000)).size(), letters);
    std::int64_t sum = 0;
    for (const auto& row : value_of(store.scan(pipeline, "key ", "", 100))) {
      sum += DecimalSum::number(row.value);
    }
    EXPECT_EQ(sum, count);
    return count;
  }
  // Claims in the files of a closed directory. Opening it once more puts the log into a table: nobody else can read
  // changes of rows in a log.
  int claims_stored(const fs::path& path) {
    open(path).reset();
    rocksdb::DB* raw = nullptr;
    EXPECT_TRUE(rocksdb::DB::OpenForReadOnly(rocksdb::Options(), path.native(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> database(raw);
    const std::unique_ptr<rocksdb::Iterator> at(database->NewIterator(rocksdb::ReadOptions()));
    int claims = 0;
    for (at->Seek("e"); at->Valid() && at->key().starts_with("e"); at->Next()) {
      ++claims;
    }
    return claims;
  }
  std::vector<std::string> directories() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(scratch_.path())) {
      names.push_back(entry.path().filename().native());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<void> copy(Store& store, const fs::path& target) { return run<void>(store.copy_to(target.native())); }

  Scratch scratch_;
  fs::path path_ = scratch_ / "state";
  std::shared_ptr<Disk> disk_ = std::make_shared<Disk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  Blocking blocking_{2};
};

// The forgotten pipeline's changes are in the journal, in rows, in tables. Whatever is read back after a crash must
// not bring it back, least of all into the pipeline that is given its number next.
TEST_F(RocksStoreUpkeep, StaysForgottenAfterACrashWhenItsNumberIsGivenAgain) {
  int images = 0;
  for (const std::size_t journal_bytes_max : {std::size_t{0}, std::size_t{300}, std::size_t{1} << 20U}) {
    for (const bool reopened : {false, true}) {
      const auto path = scratch_ / ("state" + std::to_string(++images));
      auto store = open(path, journal_bytes_max);
      count(*store, "kept", 1, 10);
      count(*store, "gone", 1, 10);
      if (reopened) {  // what was in the log is in a table file now
        store.reset();
        store = open(path, journal_bytes_max);
      }
      count(*store, "gone", 11, 12);
      count(*store, "kept", 11, 12);
      ASSERT_TRUE(run<void>(store->forget("gone")).ok());
      count(*store, "kept", 13, 14);
      const auto crashed = scratch_ / ("image" + std::to_string(images));
      fs::copy(path, crashed, fs::copy_options::recursive);
      store = open(crashed, journal_bytes_max);
      EXPECT_EQ(counted(*store, "kept"), 14);
      EXPECT_EQ(counted(*store, "gone"), 0);
      ASSERT_TRUE(run<void>(store->put_definition("next", "d")).ok());
      store.reset();
      store = open(crashed, journal_bytes_max);
      EXPECT_EQ(counted(*store, "next"), 0) << "also what is kept by number and read when opening";
      count(*store, "next", 1, 3);
      EXPECT_EQ(counted(*store, "next"), 3);
      EXPECT_EQ(value_of(store->scan("next", "", "", 100)).size(), 4U);
      store.reset();
      store = open(crashed, journal_bytes_max);
      EXPECT_EQ(counted(*store, "next"), 3);
      EXPECT_EQ(counted(*store, "kept"), 14);
      EXPECT_EQ(value_of(store->contents()).size(), 2U);
    }
  }
}

// A disk fails in the middle. Half a pipeline would be found by whoever starts it anew; so would its neighbour's
// changes be missed, which are written in the same batch.
TEST_F(RocksStoreUpkeep, ForgetsAllOrNothingWhenAWriteFails) {
  int failures = 0;
  for (int first = 1; first < 12; ++first) {
    const auto path = scratch_ / ("state" + std::to_string(first));
    auto store = open(path, 1 << 20);
    count(*store, "kept", 1, 5);
    count(*store, "gone", 1, 5);
    ASSERT_TRUE(run<void>(store->sync()).ok());
    disk_->operations = 0;
    disk_->last_failing = first + 1;
    disk_->first_failing = first;
    auto done = run<void>(store->forget("gone"));
    if (!done) {
      ++failures;
      EXPECT_EQ(done.error().next, Next::retry);
      disk_->first_failing = Disk::never;
      const int left = counted(*store, "gone");
      EXPECT_TRUE(left == 0 || left == 5) << left;
      EXPECT_EQ(counted(*store, "kept"), 5);
      done = run<void>(store->forget("gone"));
    }
    disk_->first_failing = Disk::never;
    ASSERT_TRUE(done.ok()) << to_string(done.error());
    EXPECT_EQ(counted(*store, "gone"), 0);
    store.reset();
    store = open(path);
    EXPECT_EQ(counted(*store, "gone"), 0);
    EXPECT_EQ(counted(*store, "kept"), 5);
  }
  EXPECT_GE(failures, 2) << "the write, and its sync";
}

// An operator resets a pipeline and starts it anew; a power cut must not bring back what was reset, nor take away
// what a replay did not yet say to be on the disk.
TEST_F(RocksStoreUpkeep, HasForgottenOnTheDiskWhenItCompletes) {
  auto store = open(path_);
  count(*store, "gone", 1, 3);
  disk_->syncs = 0;
  ASSERT_TRUE(run<void>(store->forget("gone")).ok());
  EXPECT_EQ(disk_->syncs, 1);
}

TEST_F(RocksStoreUpkeep, CopiesEverythingIntoAStateDirectoryOfItsOwn) {
  for (const std::size_t journal_bytes_max : {std::size_t{300}, std::size_t{1} << 20U}) {
    const auto path = scratch_ / ("state" + std::to_string(journal_bytes_max));
    const auto target = path.native() + "copy/";
    auto store = open(path, journal_bytes_max);
    count(*store, "one", 1, 12);
    count(*store, "two", 1, 7);
    ASSERT_TRUE(run<void>(store->put_definition("one", "by origin")).ok());
    ASSERT_TRUE(copy(*store, target).ok());
    auto copied = open(target, journal_bytes_max);
    EXPECT_EQ(counted(*copied, "one"), 12);
    EXPECT_EQ(counted(*copied, "two"), 7);
    EXPECT_EQ(value_of(copied->definition("one")), "by origin");
    EXPECT_EQ(value_of(copied->contents()).size(), 2U);

    // Neither knows of the other's further life, though their table files are shared.
    count(*store, "one", 13, 60);
    count(*copied, "one", 13, 14);
    ASSERT_TRUE(run<void>(copied->forget("two")).ok());
    EXPECT_EQ(counted(*store, "one"), 60);
    EXPECT_EQ(counted(*store, "two"), 7);
    copied.reset();
    copied = open(target, journal_bytes_max);
    EXPECT_EQ(counted(*copied, "one"), 14);
    EXPECT_EQ(counted(*copied, "two"), 0);
  }
}

// A copy is taken of a worker's live state. Rows of one commit and the position of another would be a wrong total
// that nobody can see.
TEST_F(RocksStoreUpkeep, CopiesOneMomentWhileCommitsGoOn) {
  auto store = open(path_);
  std::atomic<int> committed{0};
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 1; !stop; ++i) {
      EXPECT_TRUE(step("flights", i).into(*store).ok());
      committed = i;
      committed.notify_all();
    }
  });
  int last = 0;
  for (int copies = 1; copies <= 6; ++copies) {
    const int before = committed;
    committed.wait(before);
    const int at_least = committed;
    const auto target = scratch_ / ("copy" + std::to_string(copies));
    const auto done = copy(*store, target);
    EXPECT_TRUE(done.ok()) << to_string(done.error());
    const int at_most = committed + 1;
    auto copied = open(target);
    const int counts = counted(*copied, "flights");
    EXPECT_GE(counts, at_least);
    EXPECT_LE(counts, at_most);
    EXPECT_GT(counts, last);
    last = counts;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(counted(*store, "flights"), committed);
}

// Copying a large state to another disk takes minutes; a worker that waits for it falls behind its stream.
TEST_F(RocksStoreUpkeep, HoldsUpNoCommitWhileItCopies) {
  auto store = open(path_);
  count(*store, "flights", 1, 5);
  std::future<int> during;
  disk_->on_link = [&] {
    during = std::async(std::launch::async, [&] {
      count(*store, "flights", 6, 9);
      return counted(*store, "flights");
    });
    EXPECT_EQ(during.wait_for(std::chrono::seconds(20)), std::future_status::ready) << "a commit waits for the copy";
  };
  ASSERT_TRUE(copy(*store, scratch_ / "copy").ok());
  EXPECT_EQ(during.get(), 9);
  EXPECT_GE(counted(*open(scratch_ / "copy"), "flights"), 5);
}

// A write fails during a copy and the next commit opens the database again: closing it under the copy would read
// freed memory.
TEST_F(RocksStoreUpkeep, OpensADatabaseAgainOnlyWhenNoCopyReadsIt) {
  auto store = open(path_);
  count(*store, "flights", 1, 5);
  std::future<void> retried;
  disk_->on_link = [&] {
    disk_->last_failing = Disk::never;
    disk_->first_failing = 0;
    EXPECT_FALSE(step("flights", 6).into(*store).ok());
    disk_->first_failing = Disk::never;
    retried = std::async(std::launch::async, [&] { count(*store, "flights", 6, 6); });
    EXPECT_EQ(retried.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  };
  (void)copy(*store, scratch_ / "copy").ok();
  retried.get();
  EXPECT_EQ(counted(*store, "flights"), 6);
}

// Half a copy that looks like a whole one is found out on the day it is needed; one half a copy a day fills a disk.
TEST_F(RocksStoreUpkeep, LeavesNothingOfACopyThatFailed) {
  auto store = open(path_);
  int commits = 0;
  int failures = 0;
  bool done = false;
  for (int first = 1; !done; ++first) {
    ASSERT_LT(first, 200);
    ++commits;
    count(*store, "flights", commits, commits);
    disk_->operations = 0;
    disk_->last_failing = Disk::never;
    disk_->first_failing = first;
    const auto copied = copy(*store, scratch_ / "copy");
    disk_->first_failing = Disk::never;
    done = copied.ok();
    if (!done) {
      ++failures;
      EXPECT_EQ(copied.error().next, Next::retry) << to_string(copied.error());
      EXPECT_EQ(copied.error().message.rfind("the state was not copied: ", 0), 0U) << copied.error().message;
      EXPECT_EQ(directories(), std::vector<std::string>{"state"});
      // A table that cannot be written stops the database; the commit's repetition mends it.
      ++commits;
      if (!step("flights", commits).into(*store)) {
        count(*store, "flights", commits, commits);
      }
      ASSERT_EQ(counted(*store, "flights"), commits);
    }
  }
  EXPECT_GT(failures, 10);
  EXPECT_EQ(directories(), (std::vector<std::string>{"copy", "state"}));
  EXPECT_EQ(counted(*open(scratch_ / "copy"), "flights"), commits);
}

// The process ends between the handler's run and the commit: the next one must learn which events may have run.
TEST_F(RocksStoreUpkeep, KnowsWhatWasClaimedAfterACrashAndInACopy) {
  auto store = open(path_);
  count(*store, "flights", 1, 3);
  disk_->syncs = 0;
  EXPECT_EQ(Handler{*store}.claim({event("4"), event("5"), event("6", 0)}), "fff");
  EXPECT_EQ(disk_->syncs, 1) << "on the disk before the handler runs";
  Handler{*store}.confirm({event("4")});
  EXPECT_EQ(disk_->syncs, 1) << "what is lost of it is only unsure";
  ASSERT_TRUE(copy(*store, scratch_ / "copy").ok());
  fs::copy(path_, scratch_ / "crashed", fs::copy_options::recursive);
  for (const auto* name : {"crashed", "copy"}) {
    auto other = open(scratch_ / name);
    EXPECT_EQ(Handler{*other}.claim({event("3"), event("4"), event("5"), event("6", 0)}), "ccuu");
    // Found when it was opened, so that the commit removes them; or they would stay for ever.
    count(*other, "flights", 4, 5);
    Handler{*other}.confirm({event("4"), event("5")});  // late: no commit would remove these any more
    other.reset();
    EXPECT_EQ(claims_stored(scratch_ / name), 1) << name;
    other = open(scratch_ / name);
    ASSERT_TRUE(run<void>(other->forget("flights")).ok());
    other.reset();
    EXPECT_EQ(claims_stored(scratch_ / name), 0) << name;
  }
}

// A deduper that cannot answer stalls the handler: an answer that is not on the disk would be a guess.
TEST_F(RocksStoreUpkeep, AnswersNoClaimThatIsNotOnTheDisk) {
  auto store = open(path_);
  count(*store, "flights", 1, 3);
  const std::vector<ShardEvent> events{event("4"), event("5")};
  for (int first = 1; first <= 2; ++first) {  // the write, its sync
    disk_->operations = 0;
    disk_->last_failing = Disk::never;
    disk_->first_failing = first;
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto claims = run(store->claim("flights", "kinesis:flights", "a", events));
      ASSERT_FALSE(claims.ok());
      EXPECT_EQ(claims.error().next, Next::retry);
    }
    EXPECT_FALSE(run<void>(store->confirm("flights", "kinesis:flights", "a", events)).ok());
    disk_->first_failing = Disk::never;
  }
  // The second failure may have left them; whoever repeats a claim reads "unsure" as it is said.
  const auto known = Handler{*store}.claim(events);
  EXPECT_TRUE(known == "ff" || known == "uu") << known;
  EXPECT_EQ(counted(*store, "flights"), 3);
}

// What is there is not touched: an older copy, or a state in use.
TEST_F(RocksStoreUpkeep, RefusesToCopyOverAnything) {
  auto store = open(path_);
  count(*store, "flights", 1, 3);
  fs::create_directory(scratch_ / "empty");
  fs::create_symlink(scratch_ / "nowhere", scratch_ / "link");
  ASSERT_TRUE(copy(*store, scratch_ / "older").ok());
  const auto before = directories();
  for (const auto* name : {"empty", "link", "older", "state", "state/WEIR", "older/"}) {
    const auto done = copy(*store, scratch_ / name);
    ASSERT_FALSE(done.ok()) << name;
    EXPECT_EQ(done.error().next, Next::refused) << name;
    EXPECT_EQ(done.error().code, "DirectoryExists") << name;
  }
  for (const auto* name : {"missing/copy", "older/WEIR/copy"}) {
    const auto done = copy(*store, scratch_ / name);
    ASSERT_FALSE(done.ok()) << name;
    EXPECT_EQ(done.error().code, "StateUnusable") << name;
  }
  EXPECT_FALSE(run<void>(store->copy_to("")).ok());
  EXPECT_EQ(directories(), before);
  EXPECT_TRUE(fs::is_empty(scratch_ / "empty"));
  EXPECT_EQ(counted(*open(scratch_ / "older"), "flights"), 3);
}

// Somebody makes the directory while the copy grows beside it.
TEST_F(RocksStoreUpkeep, RefusesADirectoryThatAppearsMeanwhile) {
  auto store = open(path_);
  count(*store, "flights", 1, 3);
  disk_->on_link = [&] {
    fs::create_directory(scratch_ / "copy");
    fs::create_directory(scratch_ / "copy/of something else");
  };
  const auto done = copy(*store, scratch_ / "copy");
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, "DirectoryExists");
  EXPECT_EQ(directories(), (std::vector<std::string>{"copy", "state"}));
  EXPECT_TRUE(fs::exists(scratch_ / "copy/of something else"));
}

}  // namespace
}  // namespace weir::state
