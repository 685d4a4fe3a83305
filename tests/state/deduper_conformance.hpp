#pragma once

#include <atomic>
#include <thread>

#include "support.hpp"

/// What every deduper must do. A fixture has `Store& store()` and the `Deduper& deduper()` that lives with it:
/// INSTANTIATE_TYPED_TEST_SUITE_P(Name, DeduperConformance, Fixture).
namespace weir::state {

template <class Fixture>
class DeduperConformance : public testing::Test {
 public:
  Store& store() { return fixture_.store(); }
  Deduper& deduper() { return fixture_.deduper(); }
  Handler handler() { return Handler{deduper()}; }
  void begin(const std::string& pipeline = "flights", const std::string& stream = "kinesis:flights") {
    ASSERT_TRUE(Draft(pipeline, stream).discover("a").discover("b").advance("a", "", "5").into(store()).ok());
  }

 private:
  Fixture fixture_;
};
TYPED_TEST_SUITE_P(DeduperConformance);

// The three answers. A deduper that takes "claimed" for "done" loses the effect of an event whose handler never ran.
TYPED_TEST_P(DeduperConformance, TellsFreshFromUnsureFromConfirmed) {
  this->begin();
  const auto handler = this->handler();
  EXPECT_EQ(handler.claim({event("6"), event("7"), event("10")}), "fff");
  EXPECT_EQ(handler.claim({event("6"), event("7"), event("10")}), "uuu");
  handler.confirm({event("7")});
  EXPECT_EQ(handler.claim({event("6"), event("7"), event("10"), event("11")}), "ucuf");
  handler.confirm({event("7")});
  EXPECT_EQ(handler.claim({event("7")}), "c") << "confirmed again, for the answer was lost";
  EXPECT_EQ(handler.claim({}), "");
}

// Records unpacked from one aggregated record are events by themselves; so is the record.
TYPED_TEST_P(DeduperConformance, TellsTheRecordsOfAnAggregatedRecordApart) {
  this->begin();
  const auto handler = this->handler();
  EXPECT_EQ(handler.claim({event("6", 0), event("6", 256)}), "ff");
  handler.confirm({event("6", 256)});
  EXPECT_EQ(handler.claim({event("6"), event("6", 0), event("6", 1), event("6", 256)}), "fufc");
}

// Two pipelines handle one stream: claimed by one must not be claimed by the other, whose handler has not run.
TYPED_TEST_P(DeduperConformance, KeepsPipelinesStreamsAndShardsApart) {
  this->begin();
  this->begin("others");
  this->begin("flights", "kinesis:trains");
  auto handler = this->handler();
  EXPECT_EQ(handler.claim({event("6")}), "f");
  handler.confirm({event("6")});
  auto& deduper = this->deduper();
  EXPECT_EQ((Handler{deduper, "others"}.claim({event("6")})), "f");
  EXPECT_EQ((Handler{deduper, "flights", "kinesis:trains"}.claim({event("6")})), "f");
  EXPECT_EQ((Handler{deduper, "flights", "kinesis:flights", "b"}.claim({event("6")})), "f");
  EXPECT_EQ(handler.claim({event("6")}), "c");
}

// The commit that passes an event takes its claim away, or claims would grow with the stream; what it does not pass
// must stay, or its handler runs again.
TYPED_TEST_P(DeduperConformance, KeepsWhatNoCommitHasPassed) {
  this->begin();
  const auto handler = this->handler();
  const Handler other{this->deduper(), "flights", "kinesis:flights", "b"};
  EXPECT_EQ(handler.claim({event("5"), event("5", 7)}), "cc") << "passed before";
  EXPECT_EQ(handler.claim({event("9"), event("9", 4'294'967'295), event("10"), event("11")}), "ffff");
  handler.confirm({event("11")});
  EXPECT_EQ(other.claim({event("6"), event("12")}), "ff");
  const auto elsewhere = Draft().advance("a", "4", "11").into(this->store());
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(handler.claim({event("9")}), "u") << "a commit that changed nothing";
  Draft step;
  step.advance("a", "5", "9").row("k", "1");
  for (const auto* time : {"the first time", "repeated"}) {
    ASSERT_TRUE(step.into(this->store()).ok()) << time;
    EXPECT_EQ(handler.claim({event("9"), event("9", 4'294'967'295), event("10"), event("11")}), "ccuc") << time;
    EXPECT_EQ(other.claim({event("6"), event("12")}), "uu") << time;
  }
  handler.confirm({event("8"), event("9", 1)});  // too late to say anything
  ASSERT_TRUE(Draft().advance("a", "9", "11").advance("b", "", "6").into(this->store()).ok());
  EXPECT_EQ(handler.claim({event("10"), event("11"), event("12")}), "ccf");
  EXPECT_EQ(other.claim({event("6"), event("12")}), "cu");
}

// A pipeline that starts anew handles every event anew. A handler that still runs for the old one is told.
TYPED_TEST_P(DeduperConformance, ForgetsClaimsWithTheirPipeline) {
  this->begin();
  const auto handler = this->handler();
  EXPECT_EQ(handler.claim({event("6"), event("7")}), "ff");
  handler.confirm({event("6")});
  ASSERT_TRUE(run<void>(this->store().forget("flights")).ok());
  const std::vector<ShardEvent> events{event("6")};
  const auto late = run<void>(this->deduper().confirm("flights", "kinesis:flights", "a", events));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().next, Next::conflict);
  EXPECT_TRUE(value_of(this->store().contents()).empty());
  this->begin();
  EXPECT_EQ(handler.claim({event("6"), event("7")}), "ff");
}

// A claim of a shard that no commit has stored could not be removed by one; events out of order are not a batch's.
TYPED_TEST_P(DeduperConformance, RefusesWhatNobodyCanClaim) {
  this->begin();
  const auto expect = [&](std::vector<ShardEvent> events, const std::string& shard, Next next, const char* what) {
    const auto claims = run(this->deduper().claim("flights", "kinesis:flights", shard, events));
    ASSERT_FALSE(claims.ok()) << what;
    EXPECT_EQ(claims.error().next, next) << what;
    const auto confirmed = run<void>(this->deduper().confirm("flights", "kinesis:flights", shard, events));
    ASSERT_FALSE(confirmed.ok()) << what;
    EXPECT_EQ(confirmed.error().next, next) << what;
  };
  expect({event("6")}, "unheard-of", Next::conflict, "no such shard");
  expect({event("8"), event("7")}, "a", Next::refused, "backwards");
  expect({event("10"), event("9")}, "a", Next::refused, "backwards, as numbers");
  expect({event("8"), event("8")}, "a", Next::refused, "twice");
  expect({event("")}, "a", Next::refused, "no number");
  expect({event("6"), event("x")}, "a", Next::refused, "no number");
  EXPECT_EQ(this->handler().claim({event("6"), event("7"), event("8")}), "fff") << "nothing of it remained";
}

// Two hosts that both believe they own a shard: each event is fresh for one of them only.
TYPED_TEST_P(DeduperConformance, GivesAnEventToOneOfManyThreads) {
  this->begin();
  std::atomic<int> fresh{0};
  std::vector<std::thread> pool;
  for (int thread = 0; thread < 4; ++thread) {
    pool.emplace_back([&, handler = this->handler()] {
      for (int i = 10; i < 40; ++i) {
        fresh += handler.claim({event(std::to_string(i))}) == "f" ? 1 : 0;
      }
    });
  }
  for (auto& thread : pool) {
    thread.join();
  }
  EXPECT_EQ(fresh, 30);
}

REGISTER_TYPED_TEST_SUITE_P(DeduperConformance, TellsFreshFromUnsureFromConfirmed,
                            TellsTheRecordsOfAnAggregatedRecordApart, KeepsPipelinesStreamsAndShardsApart,
                            KeepsWhatNoCommitHasPassed, ForgetsClaimsWithTheirPipeline, RefusesWhatNobodyCanClaim,
                            GivesAnEventToOneOfManyThreads);

}  // namespace weir::state
