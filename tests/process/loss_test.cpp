#include "tests/process/processor_fixture.hpp"

namespace weir::process::testing {
namespace {

// A loss of "s0" on record, noticed at a time, and what becomes of the same one when a run reports it again.
class LossTest : public ProcessorTest {
 protected:
  void put_on_record(bool accepted, Timestamp read_up_to = {}) {
    state::Commit on_record;
    on_record.pipeline = "words";
    on_record.stream = "test:words";
    on_record.gaps.push_back(gap);
    on_record.gaps.back().accepted = accepted;
    on_record.gaps.back().noticed = noticed;
    on_record.observed.emplace_back("s0", read_up_to);
    ASSERT_TRUE(time.run(store.commit(on_record)));
    gap.noticed = noticed + std::chrono::hours(1);
    gap.to = stream::SequenceNumber("9");  // retention has gone on
  }
  Result<void> report_again() { return time.run(processor->gap(gap)); }
  std::vector<stream::Gap> on_record() { return time.run(store.positions("words", "test:words"))->gaps; }

  const Timestamp noticed{std::chrono::hours(1000)};
  stream::Gap gap = [] {
    stream::Gap made;
    made.shard = "s0";
    made.to = stream::SequenceNumber("5");
    return made;
  }();
};

// Who says in this run that a loss is accepted goes on over it, however much more retention has taken since.
TEST_F(LossTest, IsAcceptedByARunThatWasToldOfIt) {
  put_on_record(true, noticed);
  context.accept_loss = true;
  start();
  EXPECT_TRUE(report_again());
  ASSERT_THAT(on_record(), SizeIs(1));
  EXPECT_TRUE(on_record().front().accepted);
  EXPECT_EQ(on_record().front().to.text(), "9");
  gap.shard = "s1";
  EXPECT_FALSE(report_again()) << "of another shard nobody was told";
  EXPECT_TRUE(close());
}

// The word of one run is not that of the next: records that were lost since are others.
TEST_F(LossTest, IsNotAcceptedByWhatAnEarlierRunWasTold) {
  put_on_record(true);
  start();
  EXPECT_FALSE(report_again());
  ASSERT_THAT(on_record(), SizeIs(1));
  EXPECT_FALSE(on_record().front().accepted) << "what is on record now is a loss that nobody has accepted";
  EXPECT_TRUE(close());
}

// A quiet shard stands at the same record for ever. Read beyond the loss on record, it loses others after that record.
TEST_F(LossTest, IsAnotherOneWhereTheShardWasReadOnSince) {
  put_on_record(true, noticed + seconds(1));
  context.accept_loss = true;
  start();
  EXPECT_FALSE(report_again());
  EXPECT_FALSE(on_record().front().accepted);
  EXPECT_TRUE(close());
}

// Pipelines that share a read hear of each other's losses. Who had read beyond what may be gone lost nothing, though
// nobody knows the record at which the loss ends.
TEST_F(LossTest, IsNoneToWhoHadReadBeyondIt) {
  put_on_record(false, noticed + seconds(1));
  const auto before = on_record();
  start();
  gap.to = stream::SequenceNumber();
  gap.lost_before = noticed;
  EXPECT_TRUE(report_again());
  EXPECT_EQ(on_record(), before);
  gap.lost_before = noticed + seconds(2);
  EXPECT_FALSE(report_again());
  EXPECT_TRUE(close());
}

// A shard that vanished, or a loss that retention does not explain, is everybody's who had not read to its end.
TEST_F(LossTest, IsEverybodysWhereItsTimeIsUnknown) {
  put_on_record(false, noticed + std::chrono::hours(2));
  start();
  gap.to = stream::SequenceNumber();
  EXPECT_FALSE(report_again());
  EXPECT_TRUE(close());
}

}  // namespace
}  // namespace weir::process::testing
