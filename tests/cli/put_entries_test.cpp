#include "cli/put_entries.hpp"

#include <gtest/gtest.h>

#include "weir/emulator/kinesis.hpp"
#include "weir/simulation/virtual_time.hpp"

namespace weir::cli {
namespace {

using emulator::Fault;

struct PutEntriesTest : ::testing::Test {
  simulation::VirtualTime time;
  emulator::Kinesis kinesis{time};

  void SetUp() override { ASSERT_TRUE(kinesis.create("s", 1).ok()); }
  Duration time_taken_by(Fault::Kind kind, std::uint64_t times) {
    Fault fault;
    fault.kind = kind;
    fault.times = times;
    kinesis.faults().add(fault);
    api::PutRecordsRequest request;
    request.stream.name = "s";
    auto& entry = request.records.emplace_back();
    entry.data = "a";
    entry.partition_key = "k";
    const auto before = time.elapsed();
    const auto outcome = time.run(put_entries(kinesis, time, request, PutRetry(), 1, std::stop_token()));
    EXPECT_TRUE(outcome.ok() && !outcome->error);
    return time.elapsed() - before;
  }
};

// A shard that is asked for more than it takes goes on refusing whoever asks at once: nine attempts within a
// millisecond are one. The waits are drawn, from up to 0.1 s growing to 5 s, so nine take seconds.
TEST_F(PutEntriesTest, WaitsLongerAndLongerWhileTheServiceAsksForLess) {
  for (const auto kind : {Fault::Kind::throttle, Fault::Kind::failed_entries}) {
    EXPECT_EQ(time_taken_by(kind, 0), Duration::zero());
    const auto few = time_taken_by(kind, 3);
    const auto many = time_taken_by(kind, 9);
    EXPECT_GT(few, Duration::zero()) << to_string(kind);
    EXPECT_GT(many, few + std::chrono::seconds(1)) << to_string(kind);
    EXPECT_LT(many, std::chrono::minutes(1)) << to_string(kind);
  }
}

}  // namespace
}  // namespace weir::cli
