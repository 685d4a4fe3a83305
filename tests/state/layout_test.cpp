#include "state/layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support.hpp"

namespace weir::state {
namespace {

stream::StreamIdentity identity() {
  stream::StreamIdentity value;
  value.name = "flights";
  value.arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";
  value.created = Timestamp(std::chrono::milliseconds(1'700'000'000'123));
  return value;
}

DeadLetter letter() {
  DeadLetter value = Draft().letter(std::string("shard\0id", 8), "123", "payload", 7, true).commit.dead_letters[0];
  return value;
}

// What is cut off, or longer than it should be, is damage: reading on would be reading someone else's bytes.
template <class Decode>
void expect_only_the_whole_decodes(const std::string& bytes, Decode decode) {
  EXPECT_TRUE(decode(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, size))) << size << " of " << bytes.size();
  }
  EXPECT_FALSE(decode(bytes + '\0'));
  auto newer = bytes;
  newer[0] = 2;
  EXPECT_FALSE(decode(newer)) << "a version unknown here";
}

// Damage that is added to must not turn into a number.
TEST(StateLayout, AddsCountsOfWritesAndKeepsDamage) {
  const auto two = layout::add_writes(layout::encode_writes(1), layout::encode_writes(1));
  EXPECT_EQ(layout::decode_writes(two), 2U);
  const auto damage = layout::add_writes(two, "?");
  EXPECT_FALSE(layout::decode_writes(damage));
  EXPECT_FALSE(layout::decode_writes(layout::add_writes(damage, two)));
}

TEST(StateLayout, ReadsOnlyWholeValues) {
  layout::PipelineValue pipeline{7, "definition"};
  expect_only_the_whole_decodes(layout::encode(pipeline), layout::decode_pipeline);
  layout::StreamValue stream{3, identity(), stream::Start()};
  stream.start->shard = "a";
  stream.start->sequence_number = stream::SequenceNumber("12");
  expect_only_the_whole_decodes(layout::encode(stream), layout::decode_stream);
  stream::ShardPosition shard;
  shard.after = stream::SequenceNumber("99");
  shard.parents = {"x", "y"};
  expect_only_the_whole_decodes(layout::encode(shard), layout::decode_shard);
  stream::Gap gap;
  gap.shard = "a";
  gap.to = stream::SequenceNumber("5");
  gap.reason = "trimmed";
  expect_only_the_whole_decodes(layout::encode(gap), layout::decode_gap);
  expect_only_the_whole_decodes(layout::encode(LetterSum{1'000'000, 3}), layout::decode_letter_sum);
  expect_only_the_whole_decodes(layout::encode_writes(1'000'000), layout::decode_writes);
  const auto key = layout::dead_letter_key(1, 2, letter().id()).substr(layout::dead_letters_prefix(1, 2).size());
  const auto value = layout::encode(letter());
  expect_only_the_whole_decodes(value, [&](std::string_view bytes) { return layout::decode_dead_letter(key, bytes); });
  for (std::size_t size = 0; size < key.size(); ++size) {
    EXPECT_FALSE(layout::decode_dead_letter(std::string_view(key).substr(0, size), value)) << size;
  }
  EXPECT_FALSE(layout::decode_dead_letter(key + '\0', value));
  expect_only_the_whole_decodes(layout::encode_claim(true), layout::decode_claim);
  EXPECT_EQ(layout::decode_claim_key(key), letter().shard);
  EXPECT_FALSE(layout::decode_claim_key(key + '\0'));
}

// A commit removes the claims up to its position, by their order. One left out would stay for ever; one too many
// would run its handler again.
TEST(StateLayout, OrdersClaimsAndFindsTheEndOfThoseBelowAPosition) {
  const auto key = [](std::string_view shard, std::string_view number, bool unpacked = false, std::uint32_t sub = 0) {
    return layout::claim_key(1, 1, shard, {stream::SequenceNumber(number), unpacked, sub});
  };
  const auto after = [](std::string_view shard, std::string_view number) {
    return layout::after_claims_key(1, 1, shard, stream::SequenceNumber(number));
  };
  const std::vector<std::string> keys{after("a", ""),  key("a", "9"),  key("a", "9", true, 0xffffffff),
                                      after("a", "9"), key("a", "10"), after("a", "10"),
                                      key("a", "11"),  after("b", ""), key("b", "1")};
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

// By its range a shard's strays are told: a restart that had lost it would count them.
TEST(StateLayout, KeepsAShardsHashRange) {
  stream::ShardPosition shard;
  shard.after = stream::SequenceNumber("99");
  shard.parents = {"x"};
  shard.hash_range = stream::parse_hash_range("5", "340282366920938463463374607431768211454");
  const auto bytes = layout::encode(shard);
  EXPECT_EQ(layout::decode_shard(bytes), shard);
  expect_only_the_whole_decodes(bytes, layout::decode_shard);
  shard.hash_range = stream::HashRange{2, 1};
  EXPECT_FALSE(layout::decode_shard(layout::encode(shard))) << "no range";
}

TEST(StateLayout, GivesBackADeadLettersPlace) {
  const auto key = layout::dead_letter_key(1, 2, letter().id()).substr(layout::dead_letters_prefix(1, 2).size());
  const auto decoded = layout::decode_dead_letter(key, layout::encode(letter()));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->shard, letter().shard);
  EXPECT_EQ(decoded->sequence_number, letter().sequence_number);
  EXPECT_EQ(decoded->sub, 7U);
  EXPECT_TRUE(decoded->unpacked);
}

TEST(StateLayout, ReadsAJournalEntryOrRefusesIt) {
  auto entry = layout::begin_journal_entry();
  layout::append_change(entry, "row one", "1");
  const auto one = entry.size();
  layout::append_change(entry, "", std::string(300, 'x'));
  for (std::size_t size = 0; size <= entry.size(); ++size) {
    std::size_t changes = 0;
    const bool good =
        layout::read_journal_entry(std::string_view(entry).substr(0, size), [&](auto, auto) { ++changes; });
    EXPECT_EQ(good, size == 1 || size == one || size == entry.size()) << size;
    EXPECT_EQ(changes, size == entry.size() ? 2U : size >= one ? 1U : 0U) << size;
  }
}

// Lengths in a damaged value may be anything up to 2^64.
TEST(StateLayout, RefusesLengthsBeyondTheValue) {
  const std::string huge("\x01\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13);
  EXPECT_FALSE(layout::decode_pipeline(huge));
  EXPECT_FALSE(layout::decode_pipeline(std::string("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11)));
  EXPECT_FALSE(layout::decode_shard(std::string("\x01\x00\x00\x00\xff\xff\x7f", 7)));
  EXPECT_FALSE(layout::decode_shard(std::string("\x01\x02\x30\x31\x00\x00\x00", 7))) << "\"01\" is no sequence number";
}

// Dead letters are listed in the order of their records; keys are compared as bytes.
TEST(StateLayout, OrdersDeadLettersByShardThenNumber) {
  const auto key = [](std::string shard, std::string_view number, std::uint32_t sub = 0, bool unpacked = false) {
    return layout::dead_letter_key(1, 1, {std::move(shard), stream::SequenceNumber(number), unpacked, sub});
  };
  const std::vector<std::string> keys{key("", "9"),
                                      key("a", ""),
                                      key("a", "9"),
                                      key("a", "9", 0, true),
                                      key("a", "9", 256, true),
                                      key("a", "10"),
                                      key("a", "100"),
                                      key("a", std::string(129, '9')),
                                      key(std::string("a\0", 2), "1"),
                                      key(std::string("a\0\0", 3), "1"),
                                      key("a\x01", "1"),
                                      key("ab", "1"),
                                      key("b", "1")};
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

TEST(StateLayout, FindsTheEndOfAPrefix) {
  EXPECT_EQ(layout::after_prefix("ra"), "rb");
  EXPECT_EQ(layout::after_prefix("r\xff\xff"), "s");
}

}  // namespace
}  // namespace weir::state
