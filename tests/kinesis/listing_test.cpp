// What becomes known of the stream and its shards while they are read, and where each shard begins.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/kinesis/source_fixture.hpp"

namespace weir::kinesis::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int replies_borne = 4;  // strange ones in a row

// The machine's clock, off by some hours.
class OffBy final : public Clock {
 public:
  OffBy(Clock& right, hours off) : right_(right), off_(off) {}
  Timestamp now() const override { return right_.now() + off_; }
  Duration elapsed() const override { return right_.elapsed(); }
  Task<void> sleep(Duration time, std::stop_token stop) override { return right_.sleep(time, std::move(stop)); }

 private:
  Clock& right_;
  hours off_;
};

class ListingTest : public SourceTest {
 protected:
  // Listings do not show these shards.
  void hide(std::set<std::string> ids) {
    api.on_listing = [ids = std::move(ids)](const api::ListShardsRequest&, Result<api::ListShardsReply>& reply) {
      if (reply) {
        std::erase_if(reply->shards, [&](const api::Shard& shard) { return ids.contains(shard.id); });
      }
    };
  }
  void show_all() { api.on_listing = nullptr; }

  // So many listings, from the next on, fail like this.
  void fail_listings(int count, Error error) {
    api.on_listing = [count, error = std::move(error)](const api::ListShardsRequest&,
                                                       Result<api::ListShardsReply>& reply) mutable {
      if (count-- > 0) {
        reply = error;
      }
    };
  }

  // A record for each of the shards, which are even parts of the keys.
  Texts put_one_in_each(std::uint32_t shards) {
    Texts put;
    for (int i = 0; put.size() < 8 * shards; ++i) {
      put.push_back("r" + std::to_string(i));
    }
    EXPECT_TRUE(kinesis.put("s", put));
    const auto log = kinesis.log("s");
    for (const auto& shard : *log) {
      EXPECT_FALSE(shard.records.empty()) << shard.id;
    }
    return put;
  }
};

// What no shard's end tells, a later listing does (shards of a stream that was scaled while a reply was lost, or
// that a listing was late to show). Listed once, such a shard would never be read.
TEST_F(ListingTest, ReadsAShardThatOnlyALaterListingShows) {
  ASSERT_TRUE(kinesis.create("s", 2));
  const auto put = put_one_in_each(2);
  hide({shard1});
  start();
  read_until(shard0, ShardState::caught_up);
  EXPECT_FALSE(stored.shards.contains(shard1));
  show_all();
  read_until(put.size());
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.size(), put.size());
  EXPECT_FALSE(sink.by_shard[shard1].empty());
}

// A listing has a thousand shards a page: those of the other pages would be left out.
TEST_F(ListingTest, TakesEveryPageOfTheListing) {
  ASSERT_TRUE(kinesis.create("s", 3));
  const auto put = put_one_in_each(3);
  api.page_max = 1;
  start();
  read_until(put.size());
  EXPECT_EQ(api.listings, 3U) << "all in one listing";
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.size(), put.size());
}

// A page token lives for five minutes; when it is spent, the listing begins again, at once.
TEST_F(ListingTest, BeginsTheListingAgainWhenAPageTokenHasExpired) {
  ASSERT_TRUE(kinesis.create("s", 3));
  const auto put = put_one_in_each(3);
  api.page_max = 1;
  bool expired = false;
  api.on_listing = [&](const api::ListShardsRequest& request, Result<api::ListShardsReply>& reply) {
    if (!request.next_token.empty() && !std::exchange(expired, true)) {
      reply = Error(Next::reopen, "ExpiredNextTokenException", "NextToken has expired");
    }
  };
  start();
  read_until(shard2, ShardState::starting);
  EXPECT_EQ(time.elapsed(), Duration(0));
  read_until(put.size());
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.size(), put.size());
}

// Endpoints that never name the children are known. Without the listing, the end would be committed without
// them: for a moment nothing would be left to read, and reading would be over.
TEST_F(ListingTest, AsksTheListingForTheChildrenThatAnEndDoesNotName) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  api.on_records = [](std::string_view, Result<api::GetRecordsReply>& reply) {
    if (reply) {
      reply->child_shards.clear();
    }
  };
  config.list_interval = hours(24);  // the next one of its own accord comes too late
  start();
  read_until(1);
  ASSERT_TRUE(kinesis.split("s", shard0));
  ASSERT_TRUE(kinesis.put("s", {"b", "c", "d"}));
  read_until(4);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.size(), 4U);
  EXPECT_THAT(sink.children[shard0], UnorderedElementsAre(shard1, shard2));
  EXPECT_TRUE(stored.shards[shard0].ended);
}

// A shard that gives no iterator and has no children has not ended, whatever the reply says: the service is
// late with the listing, or wrong.
TEST_F(ListingTest, EndsNoShardBeforeItsChildrenAreKnown) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  api.on_records = [](std::string_view, Result<api::GetRecordsReply>& reply) {
    if (reply) {
      reply->child_shards.clear();
    }
  };
  ASSERT_TRUE(kinesis.split("s", shard0));
  hide({shard1, shard2});
  start();
  time.run_for(std::chrono::minutes(2));
  EXPECT_FALSE(outcome);
  EXPECT_FALSE(stored.shards[shard0].ended);
  EXPECT_THAT(sink.reason_of(shard0, ShardState::retrying), HasSubstr("no children are listed"));
  show_all();
  ASSERT_TRUE(kinesis.put("s", {"b", "c"}));
  read_until(3);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.front(), "a");
  EXPECT_EQ(sink.texts.size(), 3U);
  EXPECT_TRUE(stored.shards[shard0].ended);
}

// A reply that lost its members looks like the end of a shard. Believed of a shard that has children, it would
// skip the rest of the shard's records, and for ever; so would a second one much later, counted with the first.
TEST_F(ListingTest, EndsNoShardByOneBareReply) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a", "b"}));
  ASSERT_TRUE(kinesis.split("s", shard0));
  config.records_per_call = 1;
  api.on_records = [&](std::string_view, Result<api::GetRecordsReply>& reply) {
    if (api.reads.size() == 1 || api.reads.size() == 3) {
      reply = api::GetRecordsReply();
    }
  };
  start();
  read_until(shard1, ShardState::caught_up);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b"}));
  EXPECT_THAT(sink.children[shard0], UnorderedElementsAre(shard1, shard2));
}

// Retention took the whole shard while nobody read it: what was left in it is lost, and that is said.
TEST_F(ListingTest, PutsAShardThatVanishedBeforeItsEndOnRecord) {
  ASSERT_TRUE(kinesis.create("s"));
  const auto numbers = *kinesis.put("s", {"a", "lost"});
  config.records_per_call = 1;
  start();
  read_until(1);
  ASSERT_EQ(sink.texts, Texts{"a"});
  EXPECT_TRUE(finish());
  stored.shards[shard0].after = stream::SequenceNumber(numbers[0]);
  ASSERT_TRUE(kinesis.split("s", shard0));
  time.pass(hours(48));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "Gap");
  ASSERT_EQ(sink.gaps.size(), 1U);
  EXPECT_EQ(sink.gaps[0].shard, shard0);
  EXPECT_EQ(sink.gaps[0].from.text(), numbers[0]);
  EXPECT_THAT(sink.gaps[0].reason, HasSubstr("is no longer there"));
  EXPECT_EQ(sink.gaps[0].lost_before, Timestamp()) << "when it went nobody knows";
}

// Where the policy is to go on, a vanished parent counts as ended: its children would wait for it for ever.
TEST_F(ListingTest, TakesAVanishedShardAsEndedWhenThePolicyIsToGoOn) {
  sink.halt_on_gap = false;
  read_one_record();
  ASSERT_TRUE(kinesis.split("s", shard0));
  time.pass(hours(48));
  ASSERT_TRUE(kinesis.put("s", {"b", "c", "d"}));
  start();
  read_until(4);
  EXPECT_TRUE(finish());
  // What its children held in the two days in which nobody looked may be gone too.
  std::vector<std::string> with_gaps;
  std::ranges::transform(sink.gaps, std::back_inserter(with_gaps), &stream::Gap::shard);
  EXPECT_THAT(with_gaps, UnorderedElementsAre(shard0, shard1, shard2));
  EXPECT_TRUE(stored.shards[shard0].ended);
  EXPECT_THAT(sink.children[shard0], UnorderedElementsAre(shard1, shard2));
  EXPECT_EQ(sink.texts.size(), 4U);
}

// The children of a vanished shard are asked for while the service is busy. Ended without them, nothing would
// seem to be left to read, and reading would be over while the stream goes on.
TEST_F(ListingTest, WaitsForTheChildrenOfAVanishedShard) {
  sink.halt_on_gap = false;
  read_one_record();
  ASSERT_TRUE(kinesis.split("s", shard0));
  time.pass(hours(48));
  ASSERT_TRUE(kinesis.put("s", {"b", "c", "d"}));
  api.listings = 0;
  config.list_interval = hours(24);
  api.on_listing = [&](const api::ListShardsRequest&, Result<api::ListShardsReply>& reply) {
    if (api.listings == 1) {
      std::erase_if(reply->shards, [](const api::Shard& shard) { return shard.id != shard0; });
    } else if (api.listings < 5) {
      reply = Error(Next::retry, "LimitExceededException", "Rate exceeded");
    }
  };
  start();
  read_until(4);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.size(), 4U);
  EXPECT_THAT(sink.children[shard0], UnorderedElementsAre(shard1, shard2));
}

// Retention took a shard with its children while a call was under way, and no listing has told of their children yet.
TEST_F(ListingTest, LooksForTheDescendantsOfAShardThatVanishedWithItsChildren) {
  sink.halt_on_gap = false;
  read_one_record();
  ASSERT_TRUE(kinesis.split("s", shard0));
  ASSERT_TRUE(kinesis.merge("s", shard1, shard2));
  time.pass(hours(48));
  ASSERT_TRUE(kinesis.put("s", {"b", "c"}));
  api.listings = 0;
  config.list_interval = hours(24);
  api.on_listing = [&](const api::ListShardsRequest&, Result<api::ListShardsReply>& reply) {
    if (api.listings <= 2) {  // as it was, and the question for the vanished shard's children
      reply->shards.clear();
    }
  };
  start();
  read_until(3);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b", "c"}));
  EXPECT_TRUE(stored.shards[shard0].ended);
}

// A proxy's page or half a reply in place of a listing says nothing about the stream: one of them must not end
// the reading of all its shards.
TEST_F(ListingTest, BearsAFewStrangeListings) {
  for (const auto next : {Next::corrupt, Next::conflict, Next::reopen}) {
    SCOPED_TRACE(to_string(next));
    emulator::Kinesis other(time);
    Intercepted way(other, time);
    ASSERT_TRUE(other.create("s"));
    ASSERT_TRUE(other.put("s", {"a"}));
    int left = next == Next::reopen ? 4 * replies_borne : replies_borne;  // a spent token is tried four times
    way.on_listing = [&](const api::ListShardsRequest&, Result<api::ListShardsReply>& reply) {
      if (left-- > 0) {
        reply = Error(next, "BadReply", "the reply to ListShards is malformed");
      }
    };
    config.client = &way;
    stored = stream::Positions();
    sink.texts.clear();
    start();
    read_until(1);
    EXPECT_TRUE(finish());
    EXPECT_EQ(sink.texts, Texts{"a"});
  }
}

// An endpoint that sends nothing else is not a Kinesis: somebody must look at it.
TEST_F(ListingTest, EndsWhenNothingButStrangeListingsCome) {
  ASSERT_TRUE(kinesis.create("s"));
  fail_listings(1000, corrupt("BadReply", "the reply to ListShards is malformed"));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "BadReply");
  EXPECT_EQ(api.listings, replies_borne + 1U);
}

// A good listing in between shows that the endpoint is all right: strange ones are counted in a row.
TEST_F(ListingTest, CountsStrangeListingsInARow) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  api.on_listing = [&](const api::ListShardsRequest&, Result<api::ListShardsReply>& reply) {
    if (api.listings % (replies_borne + 1) != 0) {
      reply = corrupt("BadReply", "the reply to ListShards is malformed");
    }
  };
  start();
  run_while([&] { return api.listings < 4 * replies_borne; });
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, Texts{"a"});
}

// An error that no waiting mends is said at once.
TEST_F(ListingTest, EndsAtOnceWhenTheListingIsRefused) {
  ASSERT_TRUE(kinesis.create("s"));
  fail_listings(1, refused("AccessDeniedException", "not allowed"));
  start();
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "AccessDeniedException");
}

// The same for the look at the stream's creation time.
TEST_F(ListingTest, BearsAFewStrangeDescriptionsOfTheStream) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  start();
  read_until(1);
  int left = replies_borne;
  api.on_summary = [&](Result<api::StreamSummary>& summary) {
    if (left-- > 0) {
      summary = corrupt("BadReply", "the reply to DescribeStreamSummary is malformed");
    }
  };
  run_while([&] { return left >= 0; });
  EXPECT_FALSE(outcome);
  ASSERT_TRUE(kinesis.put("s", {"b"}));
  read_until(2);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"a", "b"}));
}

TEST_F(ListingTest, EndsWhenNothingButStrangeDescriptionsCome) {
  ASSERT_TRUE(kinesis.create("s"));
  start();
  read_until(shard0, ShardState::caught_up);
  int asked = 0;
  api.on_summary = [&](Result<api::StreamSummary>& summary) {
    ++asked;
    summary = corrupt("BadReply", "the reply to DescribeStreamSummary is malformed");
  };
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "BadReply");
  EXPECT_EQ(asked, replies_borne + 1);
}

// A stream made again may take the old iterators and numbers without a word (some emulators give out the same
// ones). Only its creation time tells, so it is looked at while nothing seems wrong.
TEST_F(ListingTest, LooksAtTheCreationTimeWhileNothingSeemsWrong) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  start();
  read_until(1);
  api.on_summary = [&](Result<api::StreamSummary>& summary) { summary->created += seconds(1); };
  const auto failed = wait_for_failure();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "StreamRecreated");
  EXPECT_LE(time.elapsed(), 2 * config.list_interval);
}

// Made again between two runs: the new stream knows neither the number nor, perhaps, the shard. Read on from the
// oldest record, its totals would be mixed with the old one's.
TEST_F(ListingTest, LooksAtTheCreationTimeBeforeItGivesUpAPosition) {
  for (const std::uint32_t open_shards : {1U, 2U}) {
    SCOPED_TRACE(open_shards);
    emulator::Kinesis other(time);
    config.client = &other;
    config.list_interval = hours(24);
    ASSERT_TRUE(other.create("s", 2));
    ASSERT_TRUE(other.put("s", {"a", "b", "c", "d", "e", "f", "g", "h"}));
    stored = stream::Positions();
    sink.texts.clear();
    sink.gaps.clear();
    start();
    read_until(8);
    EXPECT_TRUE(finish());
    ASSERT_FALSE(stored.shards[shard1].after.empty());
    time.pass(seconds(5));
    if (open_shards == 1) {
      ASSERT_TRUE(other.merge("s", shard0, shard1));
      stored.shards[shard0].ended = true;
    }
    ASSERT_TRUE(other.recreate("s"));
    ASSERT_TRUE(other.put("s", {"of another stream", "and another"}));
    start();
    const auto failed = wait_for_failure();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "StreamRecreated");
    EXPECT_EQ(sink.texts.size(), 8U);
    EXPECT_THAT(sink.gaps, IsEmpty());
  }
}

// Stored, a start that the service refuses would be refused at every start from then on, also of the mended file.
TEST_F(ListingTest, RefusesAStartThatTheServiceWouldRefuse) {
  ASSERT_TRUE(kinesis.create("s"));
  const auto refusal = [this] {
    const auto starting = *StreamSource::make(config);
    const auto start = time.run(starting->resolve_start(std::stop_token()));
    return start ? std::string() : start.error().code + ": " + start.error().message;
  };
  config.starting_position = StartingPosition::at_timestamp;
  config.start_timestamp = time.now() + hours(1);
  EXPECT_THAT(refusal(), HasSubstr("BadStart: the start, "));
  config.start_timestamp = time.now() - hours(1);
  EXPECT_EQ(refusal(), "");
  config.start_timestamp.reset();
  config.starting_position = StartingPosition::at_sequence_number;
  config.starting_shard = "shardId-000000000099";
  config.starting_sequence_number = "49590338271490256608559692538361571095921575989136588898";
  EXPECT_THAT(refusal(), HasSubstr("shardId-000000000099"));
}

// LATEST is a moment of the service's clock. By a clock that is behind, what came before the start would be
// read; by one ahead, what comes after it would be skipped, or the service would refuse the time.
TEST_F(ListingTest, TakesLatestFromTheServicesClock) {
  for (const auto off : {hours(-2), hours(2)}) {
    SCOPED_TRACE(off.count());
    OffBy clock(time, off);
    emulator::Kinesis other(time);
    config.client = &other;
    config.clock = &clock;
    config.starting_position = StartingPosition::latest;
    ASSERT_TRUE(other.create("s"));
    ASSERT_TRUE(other.put("s", {"old"}));
    time.pass(hours(1));
    stored = stream::Positions();
    sink.texts.clear();
    start();
    EXPECT_EQ(stored.start->timestamp, std::chrono::floor<seconds>(time.now()));
    ASSERT_TRUE(other.put("s", {"new"}));
    read_until(1);
    EXPECT_TRUE(finish());
    EXPECT_EQ(sink.texts, Texts{"new"});
  }
}

// A shard that the first listing did not show was born after the start, so all that it holds is to be read.
// Arrival times are approximate: opened at the start's moment, it could hide its first records.
TEST_F(ListingTest, OpensAShardFoundLaterAtItsOldestRecord) {
  ASSERT_TRUE(kinesis.create("s", 2));
  Texts put = put_one_in_each(2);
  time.pass(seconds(10));
  config.starting_position = StartingPosition::latest;
  hide({shard1});
  start();
  read_until(shard0, ShardState::caught_up);
  EXPECT_THAT(sink.texts, IsEmpty());
  show_all();
  read_until(shard1, ShardState::caught_up);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts.size(), kinesis.log("s")->at(1).records.size());
  EXPECT_THAT(api.opened[shard0], Each(api::IteratorType::at_timestamp));
  EXPECT_THAT(api.opened[shard1], Each(api::IteratorType::trim_horizon));
}

// A start by number names a record: AT hands it out, AFTER what follows it.
TEST_F(ListingTest, HandsOutTheNamedRecordWithAtAndNotWithAfter) {
  ASSERT_TRUE(kinesis.create("s"));
  const auto numbers = *kinesis.put("s", {"a", "b", "c"});
  config.starting_shard = shard0;
  config.starting_sequence_number = numbers[1];
  config.starting_position = StartingPosition::at_sequence_number;
  start();
  read_until(shard0, ShardState::caught_up);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, (Texts{"b", "c"}));

  stored = stream::Positions();
  sink.texts.clear();
  sink.states.clear();
  config.starting_position = StartingPosition::after_sequence_number;
  start();
  read_until(shard0, ShardState::caught_up);
  EXPECT_TRUE(finish());
  EXPECT_EQ(sink.texts, Texts{"c"});
}

// Children that are quiet for hours because their parent is not done look like a fault unless it is said.
TEST_F(ListingTest, SaysWhichParentAShardWaitsFor) {
  ASSERT_TRUE(kinesis.create("s"));
  ASSERT_TRUE(kinesis.put("s", {"a"}));
  ASSERT_TRUE(kinesis.split("s", shard0));
  sink.before_accepting = [this](const stream::Batch&) { return time.sleep(seconds(10), std::stop_token()); };
  start();
  read_until(shard1, ShardState::waiting_for_parent);
  EXPECT_THAT(sink.reason_of(shard1, ShardState::waiting_for_parent), HasSubstr(shard0));
  EXPECT_THAT(sink.reason_of(shard2, ShardState::waiting_for_parent), HasSubstr(shard0));
  EXPECT_FALSE(sink.saw(shard0, ShardState::ended));
  read_until(shard1, ShardState::caught_up);
  EXPECT_TRUE(finish());
}

}  // namespace
}  // namespace weir::kinesis::testing
