#include "weir/base/blocking.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "run.hpp"

namespace weir {
namespace {

namespace asio = boost::asio;

Task<void> observe(Blocking& blocking, std::thread::id& worked_on, std::thread::id& resumed_on) {
  std::function<Result<void>()> work = [&worked_on]() -> Result<void> {
    worked_on = std::this_thread::get_id();
    return {};
  };
  auto result = co_await blocking.run(std::move(work));
  resumed_on = std::this_thread::get_id();
  co_return result;
}

// The loop's own data is touched by its thread only: work that resumed elsewhere would race with it.
TEST(Blocking, WorksElsewhereAndResumesOnTheLoop) {
  Blocking blocking(2);
  std::thread::id worked_on;
  std::thread::id resumed_on;
  EXPECT_TRUE(run(observe(blocking, worked_on, resumed_on)).ok());
  EXPECT_NE(worked_on, std::this_thread::get_id());
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

TEST(Blocking, RunsAtOnceWithoutThreads) {
  Blocking blocking(0);
  std::thread::id worked_on;
  std::thread::id resumed_on;
  EXPECT_TRUE(run(observe(blocking, worked_on, resumed_on)).ok());
  EXPECT_EQ(worked_on, std::this_thread::get_id());
}

Task<void> run_work(Blocking& blocking, std::function<Result<void>()> work) {
  co_return co_await blocking.run(std::move(work));
}

TEST(Blocking, HandsBackTheError) {
  for (const std::size_t threads : {0, 1}) {
    Blocking blocking(threads);
    const auto result = run(run_work(blocking, []() -> Result<void> { return corrupt("Disk", "unreadable"); }));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, "Disk");
  }
}

// User code may throw; on a pool's thread that would end the whole program instead of one record.
TEST(Blocking, HandsBackWhatIsThrown) {
  for (const std::size_t threads : {0, 1}) {
    Blocking blocking(threads);
    EXPECT_THROW(
        static_cast<void>(run(run_work(blocking, []() -> Result<void> { throw std::runtime_error("user code"); }))),
        std::runtime_error);
  }
}

// A loop often ends with its last piece of work. The pool's thread, still on its way out of that work, must
// not touch the loop, which is gone.
TEST(Blocking, LetsGoOfALoopThatEndsWithTheWork) {
  Blocking blocking(2);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(run(run_work(blocking, []() -> Result<void> { return {}; })).ok());
  }
}

// Several loops share one pool; every piece of work is run once and its own loop goes on.
TEST(Blocking, ServesSeveralLoops) {
  Blocking blocking(2);
  std::atomic<int> runs{0};
  const auto loop_of_work = [&]() -> Task<void> {
    for (int i = 0; i < 500; ++i) {
      std::function<Result<void>()> work = [&runs]() -> Result<void> {
        ++runs;
        return {};
      };
      WEIR_CO_CHECK(co_await blocking.run(std::move(work)));
    }
    co_return Result<void>();
  };
  std::thread other([&] { EXPECT_TRUE(run(loop_of_work()).ok()); });
  EXPECT_TRUE(run(loop_of_work()).ok());
  other.join();
  EXPECT_EQ(runs.load(), 1000);
}

}  // namespace
}  // namespace weir
