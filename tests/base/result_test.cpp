#include "weir/base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace weir {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) {
    return refused("Odd", std::to_string(value) + " is odd");
  }
  return value / 2;
}
Result<int> quarter(int value) {
  WEIR_TRY(const int first, half(value));
  WEIR_TRY(const int second, half(first));
  return second;
}
Result<void> check_even(int value) {
  WEIR_CHECK(half(value));
  return {};
}

TEST(Result, CarriesTheValueOrTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, "Odd");
  EXPECT_EQ(failed.error().message, "3 is odd");
  EXPECT_EQ(failed.error().next, Next::refused);
  EXPECT_TRUE(check_even(2).ok());
  EXPECT_FALSE(check_even(1).ok());
}

// Most results are buffers and leases: a copy on the way would not compile, or cost a page.
TEST(Result, MovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto pass = [&]() -> Result<std::unique_ptr<int>> {
    WEIR_TRY(auto made, make());
    return made;
  };
  EXPECT_EQ(*pass().value(), 7);
}

TEST(Result, ConvertsLikeItsValue) {
  const auto text = []() -> Result<std::string> { return "literal"; };
  EXPECT_EQ(*text(), "literal");
}

// To read a value that is not there is a mistake of the program's; it must not go on with garbage.
TEST(Result, ThrowsWhenAFailedValueIsRead) {
  const Result<int> failed = refused("X", "x");
  EXPECT_THROW(static_cast<void>(failed.value()), tl::bad_expected_access<Error>);
  EXPECT_THROW(static_cast<void>(*failed), tl::bad_expected_access<Error>);
  const Result<void> nothing = stopped();
  EXPECT_THROW(nothing.value(), tl::bad_expected_access<Error>);
  EXPECT_TRUE(nothing.error().is_stopped());
}

TEST(Error, PrintsOneLineWithoutWhatIsAbsent) {
  Error error(Next::retry, "Throttled", "slow down");
  EXPECT_EQ(to_string(error), "Throttled: slow down");
  error.http_status = 400;
  EXPECT_EQ(to_string(error), "Throttled: slow down (HTTP 400)");
  error.request_id = "r-1";
  EXPECT_EQ(to_string(error), "Throttled: slow down (HTTP 400, request r-1)");
  error.code.clear();
  EXPECT_EQ(to_string(error), "slow down (HTTP 400, request r-1)");
}

TEST(Error, NamesWhatToDoNext) {
  EXPECT_EQ(to_string(Next::retry), "retry");
  EXPECT_EQ(to_string(Next::reopen), "reopen");
  EXPECT_EQ(to_string(Next::conflict), "conflict");
  EXPECT_EQ(to_string(Next::corrupt), "corrupt");
  EXPECT_EQ(to_string(Next::refused), "refused");
  EXPECT_EQ(to_string(Next::stopped), "stopped");
}

}  // namespace
}  // namespace weir
