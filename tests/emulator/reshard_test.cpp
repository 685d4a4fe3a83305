#include <algorithm>
#include <chrono>

#include "emulator/hash_key.hpp"
#include "support.hpp"

namespace weir::emulator {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Reshard : testing::Test {
  ManualClock clock;
  Kinesis kinesis{clock};
  Caller call{kinesis};

  std::vector<api::Shard> open_shards(const std::string& stream) {
    auto shards = must(call.shards(stream));
    std::erase_if(shards, [](const api::Shard& shard) { return !shard.sequence_number_end.empty(); });
    std::sort(shards.begin(), shards.end(), [](const auto& left, const auto& right) {
      return *parse_hash_key(left.hash_key_start) < *parse_hash_key(right.hash_key_start);
    });
    return shards;
  }
};

// Every record belongs to exactly one open shard: a hole would lose records, an overlap would hide them.
void expect_tiled(const std::vector<api::Shard>& shards) {
  ASSERT_FALSE(shards.empty());
  EXPECT_EQ(shards.front().hash_key_start, "0");
  EXPECT_EQ(*parse_hash_key(shards.back().hash_key_end), hash_key_max);
  for (std::size_t i = 1; i < shards.size(); ++i) {
    EXPECT_EQ(*parse_hash_key(shards[i].hash_key_start), *parse_hash_key(shards[i - 1].hash_key_end) + 1);
  }
}

// The end and the children come with a shard's last records: a reader that looks at the end first loses them.
TEST_F(Reshard, ASplitShardEndsAfterItsRecordsAndNamesItsChildren) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a", "b"}));
  must(call.split("s", shard_0, "100"));
  must(kinesis.put("s", {"c"}));

  const auto page = must(call.read("s", shard_0));
  EXPECT_EQ(texts(page), (Texts{"a", "b"}));
  EXPECT_FALSE(page.next_shard_iterator.has_value());
  EXPECT_EQ(page.behind.count(), 0);
  ASSERT_EQ(page.child_shards.size(), 2U);
  EXPECT_EQ(page.child_shards[0].id, shard_1);
  EXPECT_EQ(page.child_shards[0].parents, Texts{shard_0});
  EXPECT_EQ(page.child_shards[0].hash_key_end, "99");
  EXPECT_EQ(page.child_shards[1].id, shard_2);
  EXPECT_EQ(page.child_shards[1].hash_key_start, "100");
  EXPECT_EQ(texts(must(call.read("s", shard_2))), Texts{"c"});

  const auto rest = must(call.get(must(call.iterator("s", shard_0)), 1));
  EXPECT_TRUE(rest.next_shard_iterator.has_value());
  EXPECT_TRUE(rest.child_shards.empty());
}

TEST_F(Reshard, TheEndComesAloneWhenAskedTo) {
  Kinesis::Options options;
  options.end_comes_alone = true;
  Kinesis alone{clock, options};
  Caller alone_call{alone};
  must(alone.create("s"));
  must(alone.put("s", {"a"}));
  must(alone.split("s", shard_0));
  const auto last = must(alone_call.read("s", shard_0));
  EXPECT_EQ(texts(last), Texts{"a"});
  ASSERT_TRUE(last.next_shard_iterator.has_value());
  const auto end = must(alone_call.get(*last.next_shard_iterator));
  EXPECT_EQ(texts(end), Texts{});
  EXPECT_FALSE(end.next_shard_iterator.has_value());
  EXPECT_EQ(end.child_shards.size(), 2U);
}

TEST_F(Reshard, AMergedShardHasTwoParentsInEitherOrder) {
  must(kinesis.create("s", 2));
  must(call.merge("s", shard_1, shard_0));
  for (const std::string& parent : {shard_0, shard_1}) {
    const auto page = must(call.read("s", parent));
    ASSERT_EQ(page.child_shards.size(), 1U);
    EXPECT_EQ(page.child_shards[0].parents, (Texts{shard_1, shard_0}));
  }
  const auto shards = must(call.shards("s"));
  ASSERT_EQ(shards.size(), 3U);
  EXPECT_EQ(shards[2].parent, shard_1);
  EXPECT_EQ(shards[2].adjacent_parent, shard_0);
  expect_tiled(open_shards("s"));
}

TEST_F(Reshard, RefusesWhatCannotBeSplitOrMerged) {
  must(kinesis.create("s", 3));
  EXPECT_EQ(code(call.merge("s", shard_0, shard_2)), "InvalidArgumentException");
  EXPECT_EQ(code(call.merge("s", shard_0, shard_0)), "InvalidArgumentException");
  EXPECT_EQ(code(call.merge("s", shard_0, "shardId-000000000009")), "ResourceNotFoundException");
  EXPECT_EQ(code(call.split("s", shard_0, "0")), "InvalidArgumentException");
  EXPECT_EQ(code(call.split("s", shard_1, "5")), "InvalidArgumentException");
  EXPECT_EQ(code(call.split("s", shard_0, "05")), "ValidationException");
  must(call.split("s", shard_0, "5"));
  EXPECT_EQ(code(call.split("s", shard_0, "5")), "InvalidArgumentException");
  EXPECT_EQ(code(call.split("absent", shard_0, "5")), "ResourceNotFoundException");
}

// Records of one key go to the child after the split, and their numbers still grow.
TEST_F(Reshard, AChildsNumbersAreGreaterThanItsParents) {
  must(kinesis.create("s"));
  const stream::SequenceNumber before(must(kinesis.put("s", {"a"}, "k")).front());
  must(kinesis.split("s", shard_0));
  const stream::SequenceNumber after(must(kinesis.put("s", {"b"}, "k")).front());
  EXPECT_GT(after, before);
  const auto shards = must(call.shards("s"));
  EXPECT_GE(stream::SequenceNumber(shards[0].sequence_number_end), before);
}

TEST_F(Reshard, ReachesEveryShardCountWithinDoubleAndHalf) {
  for (std::uint32_t from = 1; from <= 6; ++from) {
    for (std::uint32_t to = (from + 1) / 2; to <= from * 2; ++to) {
      const std::string stream = "s" + std::to_string(from) + "-" + std::to_string(to);
      must(kinesis.create(stream, from));
      const auto reply = must(call.scale(stream, to));
      EXPECT_EQ(reply.current, from);
      EXPECT_EQ(reply.target, to);
      const auto open = open_shards(stream);
      ASSERT_EQ(open.size(), to) << stream;
      expect_tiled(open);
      for (std::uint32_t i = 0; i < to; ++i) {
        EXPECT_EQ(*parse_hash_key(open[i].hash_key_start), even_split_start(i, to)) << stream;
      }
      for (const auto& shard : must(call.shards(stream))) {  // each shard but the first ones has its lineage
        EXPECT_EQ(shard.parent.empty(), shard.id < "shardId-" + std::string(11, '0') + std::to_string(from))
            << shard.id;
      }
    }
  }
}

TEST_F(Reshard, RefusesCountsBeyondDoubleOrHalfAndTheEleventhOfADay) {
  must(kinesis.create("s", 4));
  EXPECT_EQ(code(call.scale("s", 9)), "InvalidArgumentException");
  EXPECT_EQ(code(call.scale("s", 1)), "InvalidArgumentException");
  EXPECT_EQ(code(call.scale("s", 0)), "ValidationException");
  for (int i = 0; i < 10; ++i) {
    must(call.scale("s", i % 2 == 0 ? 8 : 4));
  }
  EXPECT_EQ(code(call.scale("s", 8)), "LimitExceededException");
  clock.advance(hours(24));
  EXPECT_TRUE(call.scale("s", 8).ok());
}

// A reader that remembers a closed shard must be told when the service has forgotten it.
TEST_F(Reshard, AClosedShardIsForgottenAfterTheRetention) {
  must(kinesis.create("s"));
  must(kinesis.put("s", {"a"}));
  must(kinesis.split("s", shard_0));
  clock.advance(hours(24) - seconds(1));
  EXPECT_EQ(must(call.shards("s")).size(), 3U);
  clock.advance(seconds(1));
  EXPECT_EQ(must(call.shards("s")).size(), 2U);
  EXPECT_EQ(code(call.iterator("s", shard_0)), "ResourceNotFoundException");
}

TEST_F(Reshard, ListsShardsPageByPage) {
  must(kinesis.create("s", 5));
  api::ListShardsRequest request;
  request.stream = named("s");
  request.results_max = 2;
  auto reply = must(call.list_shards(request));
  Texts ids;
  std::size_t pages = 1;
  for (;;) {
    for (const auto& shard : reply.shards) {
      ids.push_back(shard.id);
    }
    if (reply.next_token.empty()) {
      break;
    }
    api::ListShardsRequest more;
    more.next_token = reply.next_token;
    more.results_max = 2;
    reply = must(call.list_shards(more));
    ++pages;
  }
  EXPECT_EQ(pages, 3U);
  ASSERT_EQ(ids.size(), 5U);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));

  request.exclusive_start_shard_id = shard_2;
  EXPECT_EQ(must(call.list_shards(request)).shards.front().id, "shardId-000000000003");
}

TEST_F(Reshard, APageTokenExcludesAllElseAndLivesFiveMinutes) {
  must(kinesis.create("s", 2));
  api::ListShardsRequest request;
  request.stream = named("s");
  request.results_max = 1;
  api::ListShardsRequest more;
  more.next_token = must(call.list_shards(request)).next_token;
  ASSERT_FALSE(more.next_token.empty());
  api::ListShardsRequest both = more;
  both.stream = named("s");
  EXPECT_EQ(code(call.list_shards(both)), "InvalidArgumentException");
  both.stream = {};
  both.exclusive_start_shard_id = shard_0;
  EXPECT_EQ(code(call.list_shards(both)), "InvalidArgumentException");
  const api::ListShardsRequest neither;
  EXPECT_EQ(code(call.list_shards(neither)), "InvalidArgumentException");
  api::ListShardsRequest made_up;
  made_up.next_token = "s::" + shard_0;
  EXPECT_EQ(code(call.list_shards(made_up)), "InvalidArgumentException");
  clock.advance(minutes(5));
  EXPECT_TRUE(call.list_shards(more).ok());
  clock.advance(std::chrono::milliseconds(1));
  const auto expired = call.list_shards(more);
  ASSERT_EQ(code(expired), "ExpiredNextTokenException");
  EXPECT_EQ(expired.error().next, Next::reopen);
}

TEST_F(Reshard, APageHoldsAThousandShards) {
  must(kinesis.create("s", 1500));
  api::ListShardsRequest request;
  request.stream = named("s");
  request.results_max = 10'000;
  EXPECT_EQ(must(call.list_shards(request)).shards.size(), 1000U);
  request.results_max = 10'001;
  EXPECT_EQ(code(call.list_shards(request)), "ValidationException");
  request.results_max = 0;
  EXPECT_EQ(code(call.list_shards(request)), "ValidationException");
}

}  // namespace
}  // namespace weir::emulator
