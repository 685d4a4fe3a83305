// Exceptions of the user's code: they end the reading, and nothing that still runs uses what they unwound.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/kinesis/source_fixture.hpp"

namespace weir::kinesis::testing {
namespace {

using ::testing::HasSubstr;

class ThrowingTest : public SourceTest {
 protected:
  // A record in each of two shards, and reads that take a while: those of the next pages are under way when the
  // first is handed out.
  void SetUp() override {
    SourceTest::SetUp();
    ASSERT_TRUE(kinesis.create("s", 2));
    ASSERT_TRUE(kinesis.put("s", {"1", "2", "3", "4", "5", "6", "7", "8"}));
    config.records_per_call = 1;
    auto slow = fault(Fault::Kind::slow, Operation::get_records);
    slow.delay = seconds(1);
    add(slow);
  }

  // What comes out of the loop; then nothing is left that waits for anything.
  std::string thrown() {
    std::string text = "(nothing)";
    try {
      run_while([] { return true; });
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    EXPECT_EQ(time.sleeping(), 0U);
    EXPECT_FALSE(outcome);
    return text;
  }

  template <class Change>
  std::string thrown_by_each(Change change) {
    Config<int> typed;
    static_cast<ReaderConfig&>(typed) = config;
    typed.decode = [](std::string_view bytes) -> Result<int> { return std::stoi(std::string(bytes)); };
    std::function<Task<void>(const stream::Record<int>&)> handler = [](const stream::Record<int>&) -> Task<void> {
      co_return Result<void>();
    };
    change(typed, handler);
    auto made = Source<int>::make(typed);
    EXPECT_TRUE(made);
    time.start((*made)->each(handler, stop.get_token()), outcome);
    return thrown();
  }
};

// The next page is being fetched into the shard's frame while the sink throws: unwound at once, the fetch would
// write into freed memory.
TEST_F(ThrowingTest, WaitsForThePageUnderWayWhenASinkThrows) {
  sink.before_accepting = [](const stream::Batch&) -> Task<void> {
    throw std::runtime_error("the sink");
    co_return Result<void>();
  };
  start();
  EXPECT_EQ(thrown(), "the sink");
}

// Not every sink throws at once: by then the other shard is in the middle of something too.
TEST_F(ThrowingTest, WaitsForThePageUnderWayWhenASinkThrowsLater) {
  sink.before_accepting = [this](const stream::Batch& batch) -> Task<void> {
    const bool throws = batch.shard == shard1;
    static_cast<void>(co_await time.sleep(milliseconds(throws ? 300 : 900), std::stop_token()));
    if (throws) {
      throw std::runtime_error("the sink, later");
    }
    co_return Result<void>();
  };
  start();
  EXPECT_EQ(thrown(), "the sink, later");
}

// The callback of failed reads is called by the fetch itself.
TEST_F(ThrowingTest, HandsOnWhatTheCallbackOfFailedReadsThrows) {
  add(fault(Fault::Kind::internal_failure, Operation::get_records, 1));
  config.on_get_records_error = [](std::string_view, std::string_view, const Error& error) {
    throw std::runtime_error("told of " + error.code);
  };
  start();
  EXPECT_EQ(thrown(), "told of InternalFailure");
}

TEST_F(ThrowingTest, HandsOnWhatAHandlerThrows) {
  EXPECT_EQ(thrown_by_each([](Config<int>&, auto& handler) {
              handler = [](const stream::Record<int>&) -> Task<void> {
                throw std::runtime_error("the handler");
                co_return Result<void>();
              };
            }),
            "the handler");
}

// A handler need not be a coroutine: then it throws where it is called.
TEST_F(ThrowingTest, HandsOnWhatAHandlerThrowsBeforeItsTaskIsMade) {
  EXPECT_EQ(thrown_by_each([](Config<int>&, auto& handler) {
              handler = [](const stream::Record<int>&) -> Task<void> { throw std::runtime_error("the call"); };
            }),
            "the call");
}

TEST_F(ThrowingTest, HandsOnWhatADecoderThrows) {
  EXPECT_EQ(thrown_by_each([](Config<int>& typed, auto&) {
              typed.decode = [](std::string_view) -> Result<int> { throw std::runtime_error("the decoder"); };
            }),
            "the decoder");
}

TEST_F(ThrowingTest, HandsOnWhatTheCallbackOfUndecodedRecordsThrows) {
  EXPECT_EQ(thrown_by_each([](Config<int>& typed, auto&) {
              typed.decode = [](std::string_view) -> Result<int> { return corrupt("NotANumber", "not a number"); };
              typed.on_decode_error = [](std::string_view, std::string_view, std::string_view, const Error& error) {
                throw std::runtime_error("told of " + error.code);
              };
            }),
            "told of NotANumber");
}

// A source may be read again after an exception, and begins anew: left half-way, it would take the shards for
// ones that were born since, and read what came before the start.
TEST_F(ThrowingTest, ReadsFromTheStartAgainAfterAnException) {
  config.starting_position = StartingPosition::latest;
  Config<int> typed;
  static_cast<ReaderConfig&>(typed) = config;
  typed.decode = [](std::string_view bytes) -> Result<int> { return std::stoi(std::string(bytes)); };
  auto made = Source<int>::make(typed);
  ASSERT_TRUE(made);
  time.pass(seconds(5));
  bool throws = true;
  std::vector<int> values;
  const auto handler = [&](const stream::Record<int>& record) -> Task<void> {
    if (throws) {
      throw std::runtime_error("once");
    }
    values.push_back(record.value);
    co_return Result<void>();
  };
  time.start((*made)->each(handler, stop.get_token()), outcome);
  ASSERT_TRUE(kinesis.put("s", {"9"}));
  EXPECT_EQ(thrown(), "once");

  throws = false;
  time.pass(seconds(5));
  time.start((*made)->each(handler, stop.get_token()), outcome);
  ASSERT_TRUE(kinesis.put("s", {"10"}));
  run_while([&] { return values.empty(); });
  time.run_for(seconds(30));
  EXPECT_TRUE(finish());
  EXPECT_EQ(values, std::vector<int>{10});
}

}  // namespace
}  // namespace weir::kinesis::testing
