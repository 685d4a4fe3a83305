// GCC 12 destroys the temporaries of braced aggregates twice when the same full expression holds a
// `co_await`. The forms this project uses instead must stay right on every compiler: here each object that
// is made is counted, and one that is destroyed twice, or never, shows.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "run.hpp"

namespace weir {
namespace {

struct Counted {
  static inline int alive = 0;
  std::string text;

  explicit Counted(std::string value) : text(std::move(value)) { ++alive; }
  Counted(const Counted& other) : text(other.text) { ++alive; }
  Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++alive; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --alive; }
};

std::string long_text(char c) { return std::string(100, c); }

// An aggregate: is named before it is awaited with.
struct Request {
  Counted name;
  std::vector<std::string> items;
};
Task<std::string> by_reference(const Request& request) { co_return request.name.text + request.items.at(0); }
Task<std::string> by_value(Request request) { co_return std::move(request.name.text) + request.items.at(0); }

// Options that users brace have a constructor.
struct Options {
  Counted name;
  explicit Options(Counted value) : name(std::move(value)) {}
};
Task<std::string> with_options(Options options) { co_return options.name.text; }

Task<std::string> named_aggregates() {
  Request request{Counted(long_text('a')), {long_text('b')}};
  WEIR_CO_TRY(auto first, co_await by_reference(request));
  WEIR_CO_TRY(auto second, co_await by_value(std::move(request)));
  EXPECT_EQ(first, second);
  Request built{Counted(second), {first}};
  WEIR_CO_TRY(auto third, co_await by_value(built));
  co_return third;
}

Task<std::string> braced_options() {
  WEIR_CO_TRY(auto first, co_await with_options(Options{Counted(long_text('c'))}));  // NOLINT(co-await-braces)
  WEIR_CO_TRY(auto second, co_await with_options(Options(Counted(first))));
  co_return second;
}

Task<void> fails(Counted) { co_return refused("No", long_text('d')); }
Task<std::string> left_early() {
  Counted local(long_text('e'));
  WEIR_CO_CHECK(co_await fails(local));
  co_return local.text;
}

class Coroutine : public testing::Test {
 protected:
  void SetUp() override { Counted::alive = 0; }
  void TearDown() override { EXPECT_EQ(Counted::alive, 0); }
};

TEST_F(Coroutine, NamedAggregatesAreDestroyedOnce) {
  EXPECT_EQ(run(named_aggregates()).value(), long_text('a') + long_text('b') + long_text('a') + long_text('b'));
}

TEST_F(Coroutine, OptionsWithAConstructorAreDestroyedOnce) { EXPECT_EQ(run(braced_options()).value(), long_text('c')); }

TEST_F(Coroutine, LeavingEarlyDestroysWhatWasMade) {
  const auto result = run(left_early());
  EXPECT_EQ(result.error().message, long_text('d'));
}

// A loop that is torn down destroys the coroutines waiting on it, with all they hold.
TEST_F(Coroutine, DestroyingTheLoopDestroysWhatWaits) {
  boost::asio::io_context loop(1);
  start(loop, left_early());
}

}  // namespace
}  // namespace weir
