#include "weir/base/byte_budget.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "run.hpp"
#include "weir/base/random.hpp"

namespace weir {
namespace {

namespace asio = boost::asio;
using Lease = ByteBudget::Lease;

TEST(ByteBudget, CountsExactly) {
  ByteBudget budget(100);
  {
    auto first = run(budget.acquire(40, {})).value();
    auto second = run(budget.acquire(60, {})).value();
    EXPECT_EQ(budget.bytes_used(), 100U);
    second.resize(10);
    EXPECT_EQ(second.bytes(), 10U);
    EXPECT_EQ(budget.bytes_used(), 50U);
    second.resize(90);
    EXPECT_EQ(budget.bytes_used(), 130U);
    Lease moved(std::move(second));
    EXPECT_EQ(moved.bytes(), 90U);
    EXPECT_EQ(second.bytes(), 0U);  // NOLINT(bugprone-use-after-move): it must be empty
    second.resize(7);
    EXPECT_EQ(budget.bytes_used(), 130U);
    first = std::move(moved);
    EXPECT_EQ(budget.bytes_used(), 90U);
    first.release();
    first.release();
    EXPECT_EQ(budget.bytes_used(), 0U);
  }
  EXPECT_EQ(budget.bytes_used(), 0U);
}

TEST(ByteBudget, WaitsUntilThereIsRoom) {
  ByteBudget budget(100);
  auto held = run(budget.acquire(60, {})).value();
  asio::io_context loop(1);
  auto waiting = start(loop, budget.acquire(50, {}));
  loop.poll();
  EXPECT_FALSE(waiting->has_value());
  held.resize(51);
  loop.poll();
  EXPECT_FALSE(waiting->has_value());
  held.resize(50);
  loop.run();
  ASSERT_TRUE(waiting->has_value() && waiting->value().ok());
  EXPECT_EQ(budget.bytes_used(), 100U);
}

// A page may be larger than the whole budget; waiting for room that can never be would stop its shard
// silently, for ever.
TEST(ByteBudget, GrantsWhatIsTooLargeWhenNothingElseIsOut) {
  ByteBudget budget(100);
  auto small = run(budget.acquire(1, {})).value();
  asio::io_context loop(1);
  auto large = start(loop, budget.acquire(1000, {}));
  loop.poll();
  EXPECT_FALSE(large->has_value());
  small.release();
  loop.run();
  ASSERT_TRUE(large->has_value() && large->value().ok());
  EXPECT_EQ(budget.bytes_used(), 1000U);
  asio::io_context second_loop(1);
  auto next = start(second_loop, budget.acquire(1, {}));
  second_loop.poll();
  EXPECT_FALSE(next->has_value());
  large->value()->release();
  second_loop.run();
  EXPECT_TRUE(next->value().ok());
}

TEST(ByteBudget, StopWakesThoseWhoWait) {
  ByteBudget budget(10);
  auto held = run(budget.acquire(10, {})).value();
  std::stop_source stop;
  asio::io_context loop(1);
  auto waiting = start(loop, budget.acquire(1, stop.get_token()));
  loop.poll();
  stop.request_stop();
  loop.run();
  EXPECT_TRUE(waiting->value().error().is_stopped());
  EXPECT_EQ(budget.bytes_used(), 10U);
}

// Four loops fetch and drop pages against one budget: the bound holds at every moment, nobody sleeps for
// ever, and nothing is left over.
TEST(ByteBudget, HoldsAcrossThreads) {
  constexpr std::size_t bytes_max = 1000;
  ByteBudget budget(bytes_max);
  std::atomic<std::size_t> held{0};
  const auto work = [&](std::uint64_t seed) -> Task<void> {
    Random random(seed);
    for (int i = 0; i < 3000; ++i) {
      const auto bytes = 1 + random.below(500);
      WEIR_CO_TRY(auto lease, co_await budget.acquire(bytes, std::stop_token()));
      EXPECT_LE(held.fetch_add(bytes) + bytes, bytes_max);
      held.fetch_sub(bytes);
      lease.resize(bytes / 2);
    }
    co_return Result<void>();
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] { EXPECT_TRUE(run(work(seed)).ok()); });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(budget.bytes_used(), 0U);
}

}  // namespace
}  // namespace weir
