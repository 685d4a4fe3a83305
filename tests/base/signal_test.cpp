#include "weir/base/signal.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "run.hpp"

namespace weir {
namespace {

namespace asio = boost::asio;

Task<void> wait(Signal& signal, Signal::Ticket ticket, std::stop_token stop) {
  co_return co_await signal.wait(ticket, stop);
}

TEST(Signal, WakesAllWhoWait) {
  asio::io_context loop(1);
  Signal signal;
  auto first = start(loop, wait(signal, signal.ticket(), {}));
  auto second = start(loop, wait(signal, signal.ticket(), {}));
  loop.poll();
  EXPECT_FALSE(first->has_value());
  signal.notify();
  loop.run();
  EXPECT_TRUE(first->value().ok());
  EXPECT_TRUE(second->value().ok());
}

// The condition is tested, found false; then it becomes true and is notified; then the wait begins. It
// must not sleep, because nobody will notify again.
TEST(Signal, DoesNotWaitForWhatHappenedSinceTheTicket) {
  Signal signal;
  const auto ticket = signal.ticket();
  signal.notify();
  EXPECT_TRUE(run(wait(signal, ticket, {})).ok());
}

TEST(Signal, RemembersNothingFromBeforeTheTicket) {
  asio::io_context loop(1);
  Signal signal;
  signal.notify();
  auto result = start(loop, wait(signal, signal.ticket(), {}));
  loop.poll();
  EXPECT_FALSE(result->has_value());
  signal.notify();
  loop.run();
  EXPECT_TRUE(result->value().ok());
}

TEST(Signal, StopsOnRequest) {
  asio::io_context loop(1);
  Signal signal;
  std::stop_source stop;
  auto result = start(loop, wait(signal, signal.ticket(), stop.get_token()));
  loop.poll();
  EXPECT_FALSE(result->has_value());
  stop.request_stop();
  loop.run();
  EXPECT_TRUE(result->value().error().is_stopped());
}

TEST(Signal, StopsAtOnceWhenAskedBefore) {
  Signal signal;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(run(wait(signal, signal.ticket(), stop.get_token())).error().is_stopped());
}

// A stop that comes with the notification must not hide that the condition came true.
TEST(Signal, ReportsTheNotificationWhenBothCome) {
  asio::io_context loop(1);
  Signal signal;
  std::stop_source stop;
  auto result = start(loop, wait(signal, signal.ticket(), stop.get_token()));
  loop.poll();
  stop.request_stop();
  signal.notify();
  loop.run();
  EXPECT_TRUE(result->value().ok());
}

// A loop may be torn down with coroutines still waiting; the signal, shared with other loops, lives on and
// must not touch them.
TEST(Signal, ForgetsWaitersWhoseLoopIsGone) {
  Signal signal;
  std::stop_source stop;
  {
    asio::io_context loop(1);
    start(loop, wait(signal, signal.ticket(), stop.get_token()));
    loop.poll();
  }
  signal.notify();
  stop.request_stop();
  EXPECT_TRUE(run(wait(signal, signal.ticket() + 1, {})).ok());
}

// Two loops hand a counter back and forth; one wake-up lost, and both would sleep for ever.
TEST(Signal, LosesNoWakeUpAcrossThreads) {
  constexpr int rounds = 20'000;
  Signal signal;
  std::atomic<int> turn{0};
  const auto play = [&](int self) -> Task<void> {
    for (int round = 0; round < rounds; ++round) {
      for (;;) {
        const auto ticket = signal.ticket();
        if (turn.load() % 2 == self) {
          break;
        }
        WEIR_CO_CHECK(co_await signal.wait(ticket, std::stop_token()));
      }
      ++turn;
      signal.notify();
    }
    co_return Result<void>();
  };
  std::thread other([&] { EXPECT_TRUE(run(play(1)).ok()); });
  EXPECT_TRUE(run(play(0)).ok());
  other.join();
  EXPECT_EQ(turn.load(), 2 * rounds);
}

// Stops and notifications race from two threads against waiters on a third; each wait ends one way.
TEST(Signal, EndsEachWaitWhenStopAndNotificationRace) {
  constexpr int rounds = 2000;
  for (int round = 0; round < rounds; ++round) {
    Signal signal;
    std::stop_source stop;
    asio::io_context loop(1);
    auto result = start(loop, wait(signal, signal.ticket(), stop.get_token()));
    std::thread stopper([&] { stop.request_stop(); });
    std::thread notifier([&] { signal.notify(); });
    loop.run();
    stopper.join();
    notifier.join();
    ASSERT_TRUE(result->has_value());
    EXPECT_TRUE(result->value().ok() || result->value().error().is_stopped());
  }
}

}  // namespace
}  // namespace weir
