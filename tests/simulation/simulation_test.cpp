#include "weir/simulation/simulation.hpp"

#include <gtest/gtest.h>

#include "tests/simulation/broken.hpp"

namespace weir::simulation {
namespace {

// The least that must hold of every change; `make test` runs many more of the optimised build.
TEST(Simulation, TotalsAreExactInEverySeed) {
  constexpr std::uint64_t seeds = 300;
  Outcome sum;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto options = word_options(seed);
    const auto outcome = run(options, make_schedule(options));
    EXPECT_TRUE(outcome.problems.empty()) << "seed " << seed << ": " << outcome.problems.front();
    sum.crashes += outcome.crashes;
    sum.gaps += outcome.gaps;
    sum.refusals += outcome.refusals;
  }
  // A world in which nothing goes wrong would prove nothing.
  EXPECT_GT(sum.crashes, seeds / 2);
  EXPECT_GT(sum.gaps, seeds / 10);
  EXPECT_GT(sum.refusals, seeds / 10);
}

// State and position rewind together when the power is cut, and reading goes on from there.
TEST(Simulation, TotalsAreExactAfterPowerCuts) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto options = word_options(seed);
    options.rocksdb = true;
    const auto outcome = run(options, make_schedule(options));
    EXPECT_TRUE(outcome.problems.empty()) << "seed " << seed << ": " << outcome.problems.front();
    crashes += outcome.crashes;
  }
  EXPECT_GT(crashes, 20U);
}

// A seed that failed can be looked at only if it fails again.
TEST(Simulation, ASeedIsARunThatCanBeRepeated) {
  for (const std::uint64_t seed : {1U, 7U, 76U}) {
    const auto options = word_options(seed);
    const auto schedule = make_schedule(options);
    EXPECT_EQ(run(options, schedule).history, run(options, schedule).history);
  }
}

class Broken : public ::testing::TestWithParam<std::string> {};

TEST_P(Broken, IsFoundAndShrunk) {
  constexpr std::uint64_t seeds_max = 2000;
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    auto options = word_options(seed);
    break_it(GetParam(), options);
    const auto schedule = make_schedule(options);
    if (!run(options, schedule).problems.empty()) {
      const auto shortest = shrink(options, schedule);
      EXPECT_FALSE(run(options, shortest).problems.empty());
      EXPECT_LE(shortest.size(), schedule.size());
      return;
    }
  }
  FAIL() << "not found in " << seeds_max << " seeds";
}
INSTANTIATE_TEST_SUITE_P(Simulation, Broken, ::testing::ValuesIn(broken_variants()), [](const auto& variant) {
  auto name = variant.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace weir::simulation
