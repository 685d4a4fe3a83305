#include "pipeline/deltas.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>

#include "weir/base/random.hpp"

namespace weir::pipelines {
namespace {

RowLayout count_and_max() {
  const std::vector<std::string> names{"n", "m"};
  const std::vector<AggregateKind> kinds{AggregateKind::count, AggregateKind::max};
  return {names, kinds};
}

// After one giant round the memory must not stay taken for ever, and ordinary rounds must not give theirs back.
TEST(RowDeltas, GiveBackWhatAGiantRoundTook) {
  const auto layout = count_and_max();
  RowDeltas deltas(layout);
  const std::vector<decode::Value> values{decode::Value(), decode::Value::of(decode::Integer{1})};
  for (int i = 0; i < 600'000; ++i) {
    deltas.add("key " + std::to_string(i), values);
  }
  EXPECT_EQ(deltas.keys(), 600'000U);
  EXPECT_GT(deltas.bytes(), 40U * 1024 * 1024);
  deltas.clear();
  EXPECT_EQ(deltas.keys(), 0U);
  EXPECT_EQ(deltas.bytes(), 0U);
  deltas.add("again", values);
  std::vector<state::RowChange> changes;
  deltas.encode(changes);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].key, "again");
}

// Keys that differ in one bit anywhere, of every length, must find rows of their own.
TEST(RowDeltas, TellApartKeysOfEveryLength) {
  const auto layout = count_and_max();
  RowDeltas deltas(layout);
  const std::vector<decode::Value> values(2);
  std::set<std::string> keys;
  for (std::size_t size = 0; size < 70; ++size) {
    std::string key(size, 'a');
    keys.insert(key);
    for (std::size_t i = 0; i < size; ++i) {
      key[i] = 'b';
      keys.insert(key);
      key[i] = 'a';
    }
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& key : keys) {
      deltas.add(key, values);
    }
  }
  EXPECT_EQ(deltas.keys(), keys.size());
}

// The table places rows by the hash's bits as they are: each must change with any bit of the key.
TEST(HashBytes, EveryBitOfTheKeyChangesHalfTheHash) {
  Random random(7);
  for (const std::size_t size : {1U, 3U, 4U, 7U, 8U, 15U, 16U, 17U, 31U, 33U, 64U}) {
    double changed = 0;
    int tries = 0;
    for (int sample = 0; sample < 40; ++sample) {
      std::string key(size, '\0');
      for (auto& byte : key) {
        byte = static_cast<char>(random());
      }
      const auto before = hash_bytes(key, 1);
      for (std::size_t bit = 0; bit < size * 8; ++bit) {
        auto other = key;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
        changed += std::popcount(before ^ hash_bytes(other, 1));
        ++tries;
      }
    }
    EXPECT_NEAR(changed / tries, 32, 1) << size;
  }
  EXPECT_NE(hash_bytes("JFK", 1), hash_bytes("JFK", 2)) << "a seed nobody can guess";
}

}  // namespace
}  // namespace weir::pipelines
