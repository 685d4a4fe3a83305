// Where records go and what their numbers are made of, against vectors.

#include <fstream>
#include <iterator>
#include <string>

#include "emulator/hash_key.hpp"
#include "emulator/sequence.hpp"
#include "support.hpp"
#include "weir/wire/document.hpp"

namespace weir::emulator {
namespace {

wire::Document vectors(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR "/tests/vectors/kinesis/") + name, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  auto parsed = wire::Document::parse_json(text);
  if (!parsed) {
    throw std::runtime_error(name + ": " + to_string(parsed.error()));
  }
  return *std::move(parsed);
}

// A record in the wrong shard is misplaced for every other client of the stream.
TEST(HashKey, FollowsTheMd5Vectors) {
  auto document = vectors("hash-keys.json");
  std::size_t count = 0;
  for (const wire::Value key : document.root()["keys"]) {
    const HashKey hash = hash_of(key.text("partition_key"));
    EXPECT_EQ(to_decimal(hash), key.text("hash_key"));
    for (const wire::Value shard : key["shard_of"]) {
      const auto shards = static_cast<std::uint32_t>(std::stoul(std::string(shard.name())));
      std::uint32_t owner = 0;
      while (owner + 1 < shards && even_split_start(owner + 1, shards) <= hash) {
        ++owner;
      }
      EXPECT_EQ(owner, shard.integer()) << key.text("partition_key") << " of " << shards;
    }
    ++count;
  }
  EXPECT_GT(count, 5U);
}

TEST(HashKey, DividesTheRangeAsTheService) {
  auto document = vectors("hash-keys.json");
  for (const wire::Value split : document.root()["even_splits_aws"]) {
    ManualClock clock;
    Kinesis kinesis{clock};
    Caller call{kinesis};
    must(kinesis.create("s", static_cast<std::uint32_t>(split.size())));
    const auto shards = must(call.shards("s"));
    ASSERT_EQ(shards.size(), split.size());
    std::size_t i = 0;
    for (const wire::Value range : split) {
      auto edge = range.begin();
      EXPECT_EQ(shards[i].hash_key_start, (*edge).text());
      ++edge;
      EXPECT_EQ(shards[i].hash_key_end, (*edge).text());
      ++i;
    }
  }
}

TEST(SequenceNumber, FollowsTheVectors) {
  auto document = vectors("sequence-numbers.json");
  std::size_t decoded_count = 0;
  for (const wire::Value each : document.root()["cases"]) {
    const std::string number(each.text("sequence_number"));
    const auto decoded = decode_sequence(number);
    if (each["version"].integer() != 2) {
      EXPECT_FALSE(decoded.has_value()) << number;
      continue;
    }
    ASSERT_TRUE(decoded.has_value()) << number;
    EXPECT_EQ(static_cast<std::int64_t>(decoded->shard_created_s), each["shard_create_secs"].integer());
    EXPECT_EQ(static_cast<std::int64_t>(decoded->counter), each["seq_ix"].integer());
    EXPECT_EQ(static_cast<std::int64_t>(decoded->record_s), each["seq_time_secs"].integer());
    EXPECT_EQ(decoded->shard_index, each["shard_ix"].integer());
    EXPECT_EQ(view(encode_sequence(*decoded)), number);
    ++decoded_count;
  }
  EXPECT_GE(decoded_count, 5U);
}

// Carries between the three machine words are where such an encoding goes wrong.
TEST(SequenceNumber, ComesBackFromItsDigitsAtTheEdges) {
  for (const std::uint64_t counter : {0ULL, 1ULL, (1ULL << 48) - 1, 1ULL << 48, 0x7fffffffffffffffULL}) {
    for (const std::uint64_t second : {0ULL, (1ULL << 28) - 1, 1ULL << 28, (1ULL << 36) - 1}) {
      for (const std::uint32_t index : {0U, 15U, 16U, 0xffffffffU}) {
        const SequenceParts parts{
            .shard_created_s = second, .shard_index = index, .counter = counter, .record_s = second};
        const auto decoded = decode_sequence(view(encode_sequence(parts)));
        ASSERT_TRUE(decoded.has_value());
        EXPECT_EQ(*decoded, parts);
      }
    }
  }
}

}  // namespace
}  // namespace weir::emulator
