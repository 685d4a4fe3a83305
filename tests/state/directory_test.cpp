#include "state/directory.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <barrier>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "support.hpp"
#include "weir/state/rocks_store.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;
using testing::Test;

class StateDirectory : public Test {
 protected:
  Result<std::unique_ptr<RocksStore>> open(const fs::path& path) {
    return RocksStore::open(RocksStore::Options(path.native(), decimal_sum(), blocking_));
  }
  // A refusal with this code, whose sentence names the directory; and it left no claim behind.
  void expect_refused(const fs::path& path, std::string_view code, Next next = Next::refused) {
    const auto result = open(path);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, code);
    EXPECT_EQ(result.error().next, next);
    EXPECT_NE(result.error().message.find(path.native()), std::string::npos) << result.error().message;
  }
  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  static std::size_t entries(const fs::path& path) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }

  Scratch scratch_;
  Blocking blocking_{0};
};

TEST_F(StateDirectory, IsMadeWithItsParents) {
  const auto path = scratch_ / "a/b/state";
  ASSERT_TRUE(open(path).ok());
  EXPECT_TRUE(fs::exists(path / "WEIR"));
  ASSERT_TRUE(open(path).ok()) << "and opened again";
}

// Two writers would each think that the positions are theirs.
TEST_F(StateDirectory, IsHeldByOneStoreAtATime) {
  const auto path = scratch_ / "state";
  auto first = open(path);
  ASSERT_TRUE(first.ok());
  expect_refused(path, "StateInUse");
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "1").row("k", "1").into(**first).ok()) << "the first goes on";
  first->reset();
  auto second = open(path);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(row_of(**second, "k"), "1");
}

// Several first starts at once: one gets it and keeps it, and to the others it is in use, not damaged or gone.
TEST_F(StateDirectory, IsClaimedByOneOfManyThatBeginIt) {
  constexpr int starts = 4;
  for (int trial = 0; trial < 100; ++trial) {
    const auto path = (scratch_ / ("state" + std::to_string(trial))).native();
    std::vector<std::optional<Result<Directory>>> claims(starts);
    std::barrier at_once(starts);
    {
      std::vector<std::jthread> threads;
      for (auto& claim : claims) {
        threads.emplace_back([&] {
          at_once.arrive_and_wait();
          claim.emplace(Directory::claim(path));
        });
      }
    }
    int held = 0;
    for (const auto& claim : claims) {
      if (claim->ok()) {
        ++held;
        EXPECT_TRUE((*claim)->check_place().ok());
      } else {
        EXPECT_EQ(claim->error().code, "StateInUse") << claim->error().message;
      }
    }
    EXPECT_EQ(held, 1);
  }
}

// The lock is one that other processes see, and it ends with its holder.
TEST_F(StateDirectory, IsHeldAgainstOtherProcesses) {
  const auto path = scratch_ / "state";
  const auto attempt = "flock --nonblock '" + (path / "WEIR").native() + "' true";
  auto store = open(path);
  ASSERT_TRUE(store.ok());
  EXPECT_NE(std::system(attempt.c_str()), 0);
  store->reset();
  EXPECT_EQ(std::system(attempt.c_str()), 0);
}

// Somebody's documents, or another program's database: neither is written to.
TEST_F(StateDirectory, OfSomethingElseIsLeftAlone) {
  const auto documents = scratch_ / "documents";
  fs::create_directory(documents);
  write(documents / "letter.txt", "dear");
  expect_refused(documents, "StateForeign");
  EXPECT_EQ(entries(documents), 1U);

  const auto database = scratch_ / "database";
  fs::create_directory(database);
  write(database / "CURRENT", "MANIFEST-000001\n");
  expect_refused(database, "StateForeign");
  EXPECT_EQ(entries(database), 1U);

  const auto named_alike = scratch_ / "alike";
  fs::create_directory(named_alike);
  write(named_alike / "WEIR", "a river in Devon");
  expect_refused(named_alike, "StateForeign");
  EXPECT_EQ(entries(named_alike), 1U);
}

TEST_F(StateDirectory, OfAnotherVersionIsRefused) {
  const auto path = scratch_ / "state";
  fs::create_directory(path);
  write(path / "WEIR", "weir state, version 2\n");
  expect_refused(path, "StateVersion");
  EXPECT_EQ(entries(path), 1U);
}

// A crash between making the directory and marking it.
TEST_F(StateDirectory, IsTakenOverWhenItsMakingWasInterrupted) {
  const auto path = scratch_ / "state";
  fs::create_directory(path);
  write(path / "WEIR.new", "weir st");
  ASSERT_TRUE(open(path).ok());
}

// Things of the wrong kind in the way.
TEST_F(StateDirectory, ThatCannotBeUsedIsRefused) {
  write(scratch_ / "file", "text");
  expect_refused(scratch_ / "file", "StateUnusable");
  expect_refused(scratch_ / "file/below", "StateUnusable");
  fs::create_directories(scratch_ / "state/WEIR");
  expect_refused(scratch_ / "state", "StateUnusable");
  expect_refused(scratch_ / std::string(300, 'x'), "StateUnusable");
  fs::create_symlink(scratch_ / "nowhere/at/all", scratch_ / "link");
  expect_refused(scratch_ / "link", "StateUnusable");
  expect_refused("", "StateUnusable");
}

// Another user's, say. Permission bits do not bind root, so the claim is made by a thread that has given up that right.
TEST_F(StateDirectory, ThatMayNotBeWrittenIsRefused) {
  const auto path = scratch_ / "state";
  ASSERT_TRUE(open(path).ok());
  for (const auto bits : {fs::perms(0555), fs::perms(0666), fs::perms(0333)}) {
    fs::permissions(path, bits);
    std::jthread([&] {
      __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
      const __user_cap_data_struct none[2] = {};
      ASSERT_EQ(::syscall(SYS_capset, &header, none), 0);
      const auto claimed = Directory::claim(path.native());
      ASSERT_FALSE(claimed.ok());
      EXPECT_EQ(claimed.error().code, "StateUnusable");
      EXPECT_EQ(claimed.error().message, "the state directory " + path.native() +
                                             " cannot be used (Permission denied); check that it is a directory this "
                                             "user may read and write");
    }).join();
    fs::permissions(path, fs::perms(0755));
  }
  EXPECT_TRUE(open(path).ok());
}

// A question opens the state and closes it again. Asked every minute for a year, it must not leave a file each time,
// and what it finds must stay.
TEST_F(StateDirectory, DoesNotGrowWhenItIsOpenedAndClosedWithoutACommit) {
  const auto path = scratch_ / "state";
  {
    auto store = open(path);
    ASSERT_TRUE(Draft().discover("a").advance("a", "", "1").row("k", "1").into(**store).ok());
  }
  ASSERT_TRUE(open(path).ok());
  ASSERT_TRUE(open(path).ok());
  const auto before = entries(path);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(open(path).ok());
  }
  EXPECT_LE(entries(path), before + 1);
  auto store = open(path);
  EXPECT_EQ(row_of(**store, "k"), "1");
  EXPECT_EQ(after_of(**store, "a"), "1");
}

// Without CURRENT a database looks like none; a new one in its place would forget everything in silence.
TEST_F(StateDirectory, WithAPartOfADatabaseIsDamagedNotEmpty) {
  const auto path = scratch_ / "state";
  ASSERT_TRUE(open(path).ok());
  fs::remove(path / "CURRENT");
  expect_refused(path, "StateCorrupt", Next::corrupt);
}

// Files without a name take writes and syncs as well as others, so what is stored would be told as durable and be gone.
TEST_F(StateDirectory, TakenAwayWhileInUseIsToldAtTheNextSync) {
  const auto path = scratch_ / "state";
  const auto elsewhere = scratch_ / "elsewhere";
  const auto take_away = [&](std::string_view how) {
    if (how == "removed") {
      fs::remove_all(path);
      return;
    }
    fs::rename(path, elsewhere);
    if (how == "replaced") {
      fs::copy(elsewhere, path);
    } else if (how == "emptied") {
      fs::create_directory(path);
    }
  };
  for (const std::string_view how : {"removed", "moved", "replaced", "emptied"}) {
    SCOPED_TRACE(how);
    fs::remove_all(path);
    fs::remove_all(elsewhere);
    auto store = open(path);
    ASSERT_TRUE(Draft().discover("a").advance("a", "", "1").row("k", "1").into(**store).ok());
    ASSERT_TRUE(run<void>((*store)->sync()).ok());
    take_away(how);
    Draft next = Draft().advance("a", "1", "2");
    next.commit.sync = true;
    for (const auto& done : {run<void>((*store)->sync()), next.into(**store), run<void>((*store)->sync()),
                             run<void>((*store)->put_definition("flights", "d"))}) {
      ASSERT_FALSE(done.ok());
      EXPECT_EQ(done.error().code, "StateGone");
      EXPECT_EQ(done.error().next, Next::refused);
      EXPECT_NE(done.error().message.find(path.native()), std::string::npos) << done.error().message;
    }
    store->reset();
    EXPECT_EQ(fs::exists(path), how == "replaced" || how == "emptied");
    EXPECT_TRUE(how != "emptied" || fs::is_empty(path)) << "nothing is begun in what took its place";
  }
}

// The first that is stored after it, where no sync came between.
TEST_F(StateDirectory, TakenAwayWhileInUseIsToldByACommitThatIsToBeOnTheDisk) {
  const auto path = scratch_ / "state";
  auto store = open(path);
  ASSERT_TRUE(Draft().discover("a").advance("a", "", "1").row("k", "1").into(**store).ok());
  fs::rename(path, scratch_ / "elsewhere");
  Draft next = Draft().advance("a", "1", "2");
  next.commit.sync = true;
  const auto done = next.into(**store);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, "StateGone");
  fs::rename(scratch_ / "elsewhere", path);
  ASSERT_TRUE(next.into(**store).ok()) << "put back, it is what it was";
  EXPECT_EQ(after_of(**store, "a"), "2");
}

// A new log, which the database begins by name, cannot be made there: that has the same reason.
TEST_F(StateDirectory, TakenAwayWhileInUseIsToldByACommitThatNeedsAnotherFile) {
  const auto path = scratch_ / "state";
  RocksStore::Options options(path.native(), decimal_sum(), blocking_);
  options.write_buffer_bytes = 64 << 10;
  auto opened = RocksStore::open(std::move(options));
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(Draft().discover("a").into(**opened).ok());
  fs::rename(path, scratch_ / "elsewhere");
  Result<void> done;
  for (int i = 1; i < 100 && done; ++i) {
    const auto before = i == 1 ? "" : std::to_string(i - 1);
    done = Draft().advance("a", before, std::to_string(i)).row("key", std::string(10'000, '1')).into(**opened);
  }
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, "StateGone");
}

}  // namespace
}  // namespace weir::state
