#include "cli/reader_config.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "weir/emulator/kinesis.hpp"

namespace weir::cli {
namespace {

using Start = pipelines::FileSource::Start;
using kinesis::StartingPosition;

constexpr Timestamp moment{std::chrono::milliseconds(1'795'485'969'342)};
constexpr const char* number = "49590338271490256608559692538361571095921575989136588898";

struct ReaderConfigTest : testing::Test {
  Connection connection;
  pipelines::FileSource source;

  ReaderConfigTest() {
    connection.kinesis = std::make_unique<emulator::Kinesis>();
    source.stream = "orders";
  }
};

// The service gives each shard 5 reads and 2 MiB a second for all who read it. A worker that keeps to neither on AWS
// starves everybody else; one that keeps to both on its own machine is slow for nothing.
TEST_F(ReaderConfigTest, KeepsTheQuotasOfAnEndpointThatHasThem) {
  EXPECT_TRUE(reader_config(source, connection).keep_quotas);
  connection.is_local = true;
  EXPECT_FALSE(reader_config(source, connection).keep_quotas);
}

// A start that becomes another skips records for good, or counts a day again.
TEST_F(ReaderConfigTest, StartsWhereTheFileSays) {
  struct Case {
    Start start;
    StartingPosition position;
    std::optional<Timestamp> timestamp;
  };
  source.timestamp = moment;
  for (const auto& [start, position, timestamp] :
       {Case{Start::latest, StartingPosition::latest, {}},
        Case{Start::trim_horizon, StartingPosition::trim_horizon, {}},
        Case{Start::at_timestamp, StartingPosition::at_timestamp, moment},
        Case{Start::at_sequence_number, StartingPosition::at_sequence_number, {}},
        Case{Start::after_sequence_number, StartingPosition::after_sequence_number, {}}}) {
    source.start = start;
    const auto config = reader_config(source, connection);
    EXPECT_EQ(config.starting_position, position) << static_cast<int>(start);
    EXPECT_EQ(config.start_timestamp, timestamp) << static_cast<int>(start);
  }
}

TEST_F(ReaderConfigTest, PassesOnTheNumberAndItsShard) {
  source.start = Start::after_sequence_number;
  source.shard = "shardId-000000000007";
  source.sequence_number = stream::SequenceNumber(number);
  const auto config = reader_config(source, connection);
  EXPECT_EQ(config.starting_sequence_number, number);
  EXPECT_EQ(config.starting_shard, "shardId-000000000007");
}

// The ARN names the account too: by its name alone, another account's stream is not found, or another one is.
TEST_F(ReaderConfigTest, NamesTheStreamAsTheFileDoes) {
  auto config = reader_config(source, connection);
  EXPECT_EQ(config.client, connection.kinesis.get());
  EXPECT_EQ(config.stream_name, "orders");
  EXPECT_EQ(config.stream_arn, "");
  source.stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders";
  config = reader_config(source, connection);
  EXPECT_EQ(config.stream_name, "orders");
  EXPECT_EQ(config.stream_arn, source.stream);
}

}  // namespace
}  // namespace weir::cli
