#include "cli/held_answer.hpp"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

// A block that ended within a line, or the rest in memory given out before the file's content, would print lines that
// nobody stored.
TEST(HeldAnswer, GivesWholeLinesInTheirOrderHoweverManyThereAre) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1000}, HeldAnswer::memory_bytes_max * 5 / 2}) {
    HeldAnswer held;
    std::string all;
    EXPECT_TRUE(held.empty());
    for (int number = 0; all.size() < bytes; ++number) {
      // One line in a thousand is longer than a block.
      const auto line = std::to_string(number) + std::string(number % 1000 == 7 ? 200'000 : 20, 'x') + "\n";
      all += line;
      ASSERT_TRUE(held.add(line).ok());
      ASSERT_FALSE(held.empty());
    }
    std::string got;
    ASSERT_TRUE(held.hand_out([&got](std::string_view lines) -> Result<void> {
                      EXPECT_TRUE(lines.ends_with('\n'));
                      got += lines;
                      return {};
                    })
                    .ok());
    EXPECT_TRUE(got == all) << got.size() << " of " << all.size() << " bytes";
  }
}

TEST(HeldAnswer, EndsWithWhoeverTakesIt) {
  HeldAnswer held;
  ASSERT_TRUE(held.add("a\n").ok());
  EXPECT_EQ(held.hand_out([](std::string_view) { return Result<void>(refused("Enough", "")); }).error().code, "Enough");
}

}  // namespace
}  // namespace weir::cli
