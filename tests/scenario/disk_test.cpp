// The command on real files, over a disk that fails or that somebody has touched.
#include <fmt/format.h>
#include <sys/resource.h>

#include <random>

#include "tests/cli/command_support.hpp"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

struct DiskTest : CommandTest {
  // The disk, with the state on it.
  const std::string state = "disk/state";

  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 2).ok());
    write_pipeline("state: " + state + "\n");
    fs::create_directory(directory / "disk");
  }

  Child::Options on_disk(std::vector<std::string> arguments) const {
    auto options = weir(std::move(arguments));
    options.environment.insert(
        options.environment.end(),
        {std::string("LD_PRELOAD=") + WEIR_FAILING_DISK, "WEIR_FAILING_DISK=" + (directory / "disk").native(),
         "WEIR_FAILING_DISK_SWITCH=" + (directory / "switch").native(), "ASAN_OPTIONS=verify_asan_link_order=0"});
    return options;
  }
  Child::End run_on_disk(std::vector<std::string> arguments) const {
    return Child(on_disk(std::move(arguments))).finish();
  }
  void fail_disk(const std::string& how) {
    write_file("switch.new", how);
    fs::rename(directory / "switch.new", directory / "switch");
  }
  void mend_disk() { fs::remove(directory / "switch"); }

  // A hundred records of each of ten words.
  void put() {
    std::vector<std::string> texts;
    for (int i = 0; i < 1000; ++i) {
      texts.push_back(fmt::format(R"({{"w":"w{}","n":{}}})", i % 10, i));
    }
    ASSERT_TRUE(kinesis.put("words", texts).ok());
    ++puts_;
  }
  // What `weir query --all --json` must print, whatever happened.
  std::string totals() const {
    std::string all;
    for (int word = 0; word < 10; ++word) {
      const int sum = puts_ * (100 * word + 10 * 4950);
      const auto mean = fmt::format("{}", static_cast<double>(sum) / (100 * puts_));
      all += fmt::format("{{\"key\":\"w{}\",\"count\":{},\"sum\":{},\"mean\":{}}}\n", word, 100 * puts_, sum, mean);
    }
    return all;
  }
  Child::End ask() const { return run({"query", "words.yaml", "--all", "--json"}); }
  Child::End catch_up() const { return run({"run", "words.yaml", "--until-caught-up"}); }
  // Until a running worker has counted all.
  void wait_for_totals() {
    wait_until([&] { return fs::exists(directory / state / "query.sock"); });
    wait_until([&] { return ask().out == totals(); });
  }
  // Table files, of which the manifest's last entry names the newest, and a log that goes on after it.
  void make_state() {
    for (int i = 0; i < 4; ++i) {
      put();
      const auto done = catch_up();
      ASSERT_EQ(done.status, 0) << done.err;
    }
  }
  std::vector<fs::path> files_like(std::string_view part) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory / state)) {
      if (entry.path().filename().native().find(part) != std::string::npos && fs::file_size(entry.path()) > 0) {
        found.push_back(entry.path());
      }
    }
    return found;
  }
  // It failed as a program should: with a status of its own, and a sentence that names the directory and says what to
  // do.
  void expect_sentence(const Child::End& end, std::string_view what) const {
    EXPECT_EQ(end.status, 1) << end.err;
    EXPECT_THAT(end.err, HasSubstr(state));
    EXPECT_THAT(end.err, HasSubstr(what));
    EXPECT_EQ(end.err.find(".cc:"), std::string::npos) << end.err;
  }

  int puts_ = 0;
};

struct FailingDisk : DiskTest, ::testing::WithParamInterface<const char*> {
  static bool is_full() { return GetParam() == std::string("ENOSPC") || GetParam() == std::string("EDQUOT"); }
};

// The disk fills up under a worker, breaks, or is made read-only by a kernel that found it broken. The worker says so,
// once for each attempt, keeps what it has read, and goes on by itself; not one record is lost or counted twice.
TEST_P(FailingDisk, IsWaitedOutByARunningWorker) {
  put();
  Child worker(on_disk({"run", "words.yaml"}));
  wait_for_totals();
  fail_disk(GetParam());
  put();
  const auto said = worker.wait_for_err("is tried again");
  EXPECT_THAT(said, HasSubstr(state));
  EXPECT_THAT(said, HasSubstr(is_full() ? "is full; free some space, nothing was lost" : "check the disk"));
  put();
  mend_disk();
  wait_for_totals();
  worker.signal(SIGINT);
  const auto end = worker.finish();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(end.err.find(".cc:"), std::string::npos) << "the database's own lines: " << end.err;
  EXPECT_EQ(ask().out, totals());
}

// Killed meanwhile, nobody is there to wait. Whoever starts or asks is told, and what was counted is still there.
TEST_P(FailingDisk, IsToldByWhoeverStartsOrAsksAndHarmsNothing) {
  make_state();
  put();
  fail_disk(GetParam());
  const auto what = is_full() ? "is full; free some space" : "check";
  expect_sentence(run_on_disk({"run", "words.yaml", "--until-caught-up"}), what);
  expect_sentence(run_on_disk({"query", "words.yaml", "--all", "--json"}), what);
  mend_disk();
  ASSERT_EQ(catch_up().status, 0);
  EXPECT_EQ(ask().out, totals());
}

// The first start of all, where not even the directory can be made; or it can, and nothing in it.
TEST_P(FailingDisk, IsToldByTheFirstStart) {
  put();
  const auto what = is_full() ? "is full; free some space" : "check";
  fail_disk(GetParam());
  expect_sentence(run_on_disk({"run", "words.yaml", "--until-caught-up"}), what);
  fs::create_directory(directory / state);
  expect_sentence(run_on_disk({"run", "words.yaml", "--until-caught-up"}), what);
  mend_disk();
  EXPECT_EQ(catch_up().status, 0);
  EXPECT_EQ(ask().out, totals());
}

INSTANTIATE_TEST_SUITE_P(All, FailingDisk, ::testing::Values("ENOSPC", "EDQUOT", "EROFS", "EIO"),
                         [](const auto& of) { return std::string(of.param); });

// A shell's or a service's limit on the size of files. The system's way to tell it is a signal that kills.
TEST_F(DiskTest, ALimitOnTheSizeOfFilesIsWaitedOutByARunningWorker) {
  put();
  Child worker(weir({"run", "words.yaml"}));
  wait_for_totals();
  rlimit limit{};
  ASSERT_EQ(::prlimit(worker.pid(), RLIMIT_FSIZE, nullptr, &limit), 0);
  const rlimit nothing{0, limit.rlim_max};
  ASSERT_EQ(::prlimit(worker.pid(), RLIMIT_FSIZE, &nothing, nullptr), 0);
  put();
  const auto said = worker.wait_for_err("is tried again");
  EXPECT_THAT(said, HasSubstr(state));
  EXPECT_THAT(said, HasSubstr("raise the limit on the size of files (ulimit -f)"));
  ASSERT_EQ(::prlimit(worker.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  wait_for_totals();
  worker.signal(SIGINT);
  const auto end = worker.finish();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(ask().out, totals());
}

struct DamagedFile : DiskTest, ::testing::WithParamInterface<const char*> {};

// One bit that the disk did not keep. Who serves what is left of the totals, or ends in a crash, is of no use: either
// the damage is told with the directory and what to do, or it does not matter and every total is exact. A damaged log
// is cut off where the damage begins, with rows and positions together: then a worker counts the rest again.
TEST_P(DamagedFile, IsToldOrHarmsNoTotal) {
  make_state();
  fs::rename(directory / state, directory / "good");
  const std::uint64_t seed = std::random_device()();
  std::minstd_rand random(static_cast<std::uint32_t>(seed));
  const bool is_log = GetParam() == std::string(".log");
  int told = 0;
  constexpr int flips = 8;
  for (int flip = 0; flip < flips; ++flip) {
    fs::copy(directory / "good", directory / state, fs::copy_options::recursive);
    const auto files = files_like(GetParam());
    ASSERT_FALSE(files.empty());
    const auto& file = files[random() % files.size()];
    // Once in each eighth of the file.
    const auto part = fs::file_size(file) / flips + 1;
    const auto at = std::min(fs::file_size(file) - 1, static_cast<std::uintmax_t>(flip) * part + random() % part);
    SCOPED_TRACE(fmt::format("byte {} of {} in {}, seed {}", at, fs::file_size(file), file.filename().native(), seed));
    {
      std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekg(static_cast<std::streamoff>(at));
      const int byte = stream.get();
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(static_cast<char>(byte ^ (1 << random() % 8)));
    }
    const auto before = ask();
    if (before.status != 0) {
      expect_sentence(
          before, is_log && before.err.find("there is no state") != std::string::npos ? "run it first" : "is damaged");
    } else if (!is_log) {
      EXPECT_EQ(before.out, totals());
    }
    const auto ran = catch_up();
    if (ran.status != 0) {
      expect_sentence(ran, "is damaged");
    }
    const auto after = ask();
    if (after.status == 0) {
      EXPECT_EQ(after.out, totals());
    } else {
      expect_sentence(after, "is damaged");
      ++told;
    }
    fs::remove_all(directory / state);
  }
  // Or the flips met nothing.
  if (!is_log) {
    EXPECT_GT(told, flips / 4);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DamagedFile, ::testing::Values(".sst", "MANIFEST", ".log", "CURRENT"),
                         [](const auto& of) {
                           const std::string part = of.param;
                           return part.starts_with('.') ? part.substr(1) : part;
                         });

// A list of files that was cut short is a shorter list to the database, which opens without the newest table, deletes
// it, and replays a log that goes on after it: positions at the end, rows without what the table held.
TEST_F(DiskTest, AListOfFilesThatWasCutShortIsToldOrHarmsNoTotal) {
  make_state();
  fs::rename(directory / state, directory / "good");
  int told = 0;
  constexpr std::uintmax_t cuts = 16;
  for (std::uintmax_t cut = 0; cut < cuts; ++cut) {
    fs::copy(directory / "good", directory / state, fs::copy_options::recursive);
    const auto files = files_like("MANIFEST");
    ASSERT_EQ(files.size(), 1U);
    const auto bytes = fs::file_size(files[0]);
    fs::resize_file(files[0], bytes * cut / cuts);
    SCOPED_TRACE(fmt::format("{} of {} bytes", bytes * cut / cuts, bytes));
    for (const auto& end : {ask(), catch_up(), ask()}) {
      if (end.status != 0) {
        expect_sentence(end, "is damaged");
        ++told;
      } else if (!end.out.empty()) {
        EXPECT_EQ(end.out, totals());
      }
    }
    fs::remove_all(directory / state);
  }
  EXPECT_GT(told, 0);
}

// Cleaned away, or left out of a backup.
TEST_F(DiskTest, AMissingFileIsToldAndNothingIsBegunAnew) {
  make_state();
  fs::rename(directory / state, directory / "good");
  for (const auto* part : {".sst", "MANIFEST", "CURRENT"}) {
    SCOPED_TRACE(part);
    fs::copy(directory / "good", directory / state, fs::copy_options::recursive);
    for (const auto& file : files_like(part)) {
      fs::remove(file);
    }
    expect_sentence(ask(), "is damaged");
    expect_sentence(catch_up(), "is damaged");
    fs::remove_all(directory / state);
  }
}

// Somebody tidies up under a running worker. What it still has open it may use; the next start tells what is missing
// and does not count on without it.
TEST_F(DiskTest, ATableFileDeletedUnderAWorkerIsToldAtTheLatestByTheNextStart) {
  make_state();
  Child worker(weir({"run", "words.yaml"}));
  wait_for_totals();
  const auto tables = files_like(".sst");
  ASSERT_FALSE(tables.empty());
  for (const auto& file : tables) {
    fs::remove(file);
  }
  put();
  wait_until([&] {
    const auto asked = ask();
    return asked.out == totals() || asked.err.find("is damaged") != std::string::npos;
  });
  worker.signal(SIGINT);
  const auto end = worker.finish();
  EXPECT_LT(end.status, 2) << end.err;
  expect_sentence(catch_up(), "is damaged");
  expect_sentence(ask(), "is damaged");
}

// Cleaned away under a running worker, or put in another's place. Files that have no name any more take writes and
// syncs as well as others, so it would count for days into what nobody can open.
TEST_F(DiskTest, AStateTakenAwayEndsTheWorkerAndIsCountedAgain) {
  put();
  for (const bool replaced : {false, true}) {
    SCOPED_TRACE(replaced);
    Child worker(weir({"run", "words.yaml"}));
    wait_for_totals();
    fs::rename(directory / state, directory / fmt::format("taken away {}", replaced));
    if (replaced) {
      fs::create_directory(directory / state);
    }
    put();
    // New shards are synced at once; records may wait for ten seconds.
    ASSERT_TRUE(kinesis.split("words", kinesis.log("words")->back().id).ok());
    expect_sentence(worker.finish(), "was moved, removed or replaced");
    EXPECT_TRUE(!replaced || fs::is_empty(directory / state)) << "and nothing is put in what took its place";
    ASSERT_EQ(catch_up().status, 0);
    EXPECT_EQ(ask().out, totals());
  }
}

// A second worker by mistake, from another terminal or another unit file. Both would write what they take for theirs.
TEST_F(DiskTest, ASecondWorkerIsRefusedAndTheFirstGoesOn) {
  put();
  Child first(weir({"run", "words.yaml"}));
  wait_for_totals();
  expect_sentence(catch_up(), "is in use by another process; stop that one");
  put();
  wait_for_totals();
  first.signal(SIGINT);
  const auto end = first.finish();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(ask().out, totals());
}

}  // namespace
}  // namespace weir::cli
