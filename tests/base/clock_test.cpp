#include "weir/base/clock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <thread>

#include "run.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;

Task<void> sleep(Duration time, std::stop_token stop) { co_return co_await system_clock().sleep(time, stop); }

TEST(Clock, SleepsAtLeastTheTimeAsked) {
  const auto before = system_clock().elapsed();
  EXPECT_TRUE(run(sleep(milliseconds(20), {})).ok());
  EXPECT_GE(system_clock().elapsed() - before, milliseconds(20));
  EXPECT_TRUE(run(sleep(Duration(0), {})).ok());
  EXPECT_TRUE(run(sleep(Duration(-1), {})).ok());
}

// Ctrl-C must be answered within 100 ms, whatever the worker waits for. The best of several tries counts:
// a loaded machine may delay any one of them.
TEST(Clock, StopsWithin100Milliseconds) {
  Duration best = Duration::max();
  for (int i = 0; i < 10; ++i) {
    boost::asio::io_context loop(1);
    std::stop_source stop;
    auto result = start(loop, sleep(std::chrono::hours(1), stop.get_token()));
    loop.poll();
    ASSERT_FALSE(result->has_value());
    Duration asked{};
    std::thread stopper([&] {
      asked = system_clock().elapsed();
      stop.request_stop();
    });
    loop.run();
    const auto ended = system_clock().elapsed();
    stopper.join();
    EXPECT_TRUE(result->value().error().is_stopped());
    best = std::min(best, ended - asked);
  }
  EXPECT_LT(best, milliseconds(100));
}

TEST(Clock, DoesNotSleepWhenAskedToStopBefore) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(run(sleep(std::chrono::hours(1), stop.get_token())).error().is_stopped());
}

// The stop arrives on another thread while the sleep is about to begin; it must not get lost between.
TEST(Clock, LosesNoStopThatRacesWithTheBeginning) {
  for (int i = 0; i < 1000; ++i) {
    std::stop_source stop;
    std::thread stopper([&] { stop.request_stop(); });
    EXPECT_TRUE(run(sleep(std::chrono::hours(1), stop.get_token())).error().is_stopped());
    stopper.join();
  }
}

// A loop may be torn down with a sleeper on it; a stop afterwards must not touch it.
TEST(Clock, ForgetsSleepersWhoseLoopIsGone) {
  std::stop_source stop;
  {
    boost::asio::io_context loop(1);
    start(loop, sleep(std::chrono::hours(1), stop.get_token()));
    loop.poll();
  }
  EXPECT_TRUE(stop.request_stop());
}

Timestamp at(std::int64_t ms) { return Timestamp(milliseconds(ms)); }

TEST(Timestamp, PrintsRfc3339) {
  EXPECT_EQ(to_string(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_string(at(1545084650987)), "2018-12-17T22:10:50.987Z");
  EXPECT_EQ(to_string(at(-1)), "1969-12-31T23:59:59.999Z");
}

// A time out of a damaged or hostile reply is printed too; it must not overflow on the way.
TEST(Timestamp, PrintsTheFarthestMoments) {
  EXPECT_EQ(to_string(at(253'402'300'799'999)), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_string(Timestamp::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_string(Timestamp::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Timestamp, ReadsRfc3339) {
  const std::pair<const char*, std::int64_t> examples[] = {{"1970-01-01T00:00:00Z", 0},
                                                           {"2018-12-17T22:10:50.987Z", 1545084650987},
                                                           {"2018-12-17t22:10:50.987z", 1545084650987},
                                                           {"2018-12-17 22:10:50.987Z", 1545084650987},
                                                           {"2018-12-18T00:10:50.987+02:00", 1545084650987},
                                                           {"2018-12-17T16:40:50.987-05:30", 1545084650987},
                                                           {"2018-12-17T22:10:50.9Z", 1545084650900},
                                                           {"2018-12-17T22:10:50.98799999999999Z", 1545084650987},
                                                           {"2016-12-31T23:59:60Z", 1483228800000},
                                                           {"2000-02-29T00:00:00Z", 951782400000}};
  for (const auto& [text, ms] : examples) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time.ok()) << text;
    EXPECT_EQ(*time, at(ms)) << text;
  }
}

// A start time with a mistake must be refused: read as another moment it would skip records.
TEST(Timestamp, RefusesWhatIsNoRfc3339) {
  for (const auto* text : {"",
                           "2018",
                           "2018-12-17",
                           "2018-12-17T22:10:50",
                           "2018-12-17T22:10:50.Z",
                           "2018-13-17T22:10:50Z",
                           "2018-02-29T00:00:00Z",
                           "2018-12-17T24:00:00Z",
                           "2018-12-17T22:60:00Z",
                           "2018-12-17T22:10:61Z",
                           "2018-12-17T22:10:50Zx",
                           "2018-12-17T22:10:50+0200",
                           "2018-12-17T22:10:50+24:00",
                           "2018-12-17T22:10:50+02:60",
                           "-018-12-17T22:10:50Z",
                           "2018-1-17T22:10:50Z",
                           "0000-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:00-00:01",
                           "9999-12-31T23:59:60Z",
                           "2018-12-17T22:10:-1Z",
                           "+018-12-17T22:10:50Z",
                           "2018-12-17T22:10:50,5Z",
                           " 2018-12-17T22:10:50Z"}) {
    const auto time = parse_rfc3339(text);
    EXPECT_FALSE(time.ok()) << text;
  }
  const auto error = parse_rfc3339(std::string(10'000, 'x')).error();
  EXPECT_LT(error.message.size(), 200U);
}

RC_GTEST_PROP(Timestamp, ReadsBackWhatItPrinted, ()) {
  // The years 1 to 9999.
  const auto time = at(*rc::gen::inRange<std::int64_t>(-62'135'596'800'000, 253'402'300'800'000));
  const auto back = parse_rfc3339(to_string(time));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == time);
}

}  // namespace
}  // namespace weir
