#include "command_support.hpp"

namespace weir::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct PutTest : CommandTest {
  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("s", 1).ok());
  }
};

TEST_F(PutTest, PutsBytesAsTheyAre) {
  const std::string input("a\r\n\n\xff\x00z\nlast", 12);
  const auto put = run({"put", "s"}, input);
  EXPECT_EQ(put.status, 0) << put.err;
  EXPECT_THAT(stored("s"), ElementsAre("a\r", "", std::string("\xff\x00z", 3), "last"));
  EXPECT_TRUE(put.err.starts_with("4 records, 9 B in ")) << put.err;
}

TEST_F(PutTest, ReadsAFileAndTellsTheTotalsAsJson) {
  write_file("in.txt", "a\nbc\n");
  const auto put = run({"put", "s", "in.txt", "--json", "-q"});
  EXPECT_EQ(put.status, 0);
  EXPECT_EQ(put.err, "");
  EXPECT_TRUE(put.out.starts_with("{\"records\":2,\"bytes\":3,\"calls\":1,\"seconds\":")) << put.out;
  EXPECT_TRUE(put.out.ends_with("}\n"));
}

// `tail -f log | weir put`: a record must not wait for 499 others.
TEST_F(PutTest, PutsWhatHasComeWhileTheInputStaysOpen) {
  Child put(weir({"put", "s"}));
  put.write("first\n");
  wait_until([&] { return !stored("s").empty(); });
  EXPECT_THAT(stored("s"), ElementsAre("first"));
  put.write("second\n");
  const auto end = put.finish();
  EXPECT_EQ(end.status, 0);
  EXPECT_THAT(stored("s"), ElementsAre("first", "second"));
}

TEST_F(PutTest, SaysWhatWasPutBeforeABadLine) {
  const auto put = run({"put", "s", "--key", "k"}, "{\"k\":\"a\"}\n{\"k\":7}\n{\"x\":1}\n{\"k\":\"d\"}\n");
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err,
              HasSubstr("weir put: line 3: it has no member 'k'\n2 records put: every line up to 2, nothing after\n"));
  EXPECT_THAT(stored("s"), ElementsAre("{\"k\":\"a\"}", "{\"k\":7}"));
}

TEST_F(PutTest, TakesTheKeyFromTheField) {
  ASSERT_EQ(run({"put", "s", "--key", "k"}, "{\"k\":\"a\"}\n{\"k\":7}\n").status, 0);
  const auto log = kinesis.log("s");
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->front().records[0].partition_key, "a");
  EXPECT_EQ(log->front().records[1].partition_key, "7");
}

// The service would refuse all of the batch's 500 records without a word on which was too large.
TEST_F(PutTest, NamesTheLineOfARecordTooLarge) {
  const auto put = run({"put", "s"}, "ok\n" + std::string(1024 * 1024 + 1, 'x') + "\nnever\n");
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err, HasSubstr("line 2: 1048587 bytes with the key; the stream takes records of up to 1048576"));
  EXPECT_THAT(put.err, HasSubstr("1 record put: every line up to 1, nothing after"));
  EXPECT_THAT(stored("s"), ElementsAre("ok"));
  EXPECT_EQ(run({"put", "s"}, std::string(11 * 1024 * 1024, 'x')).status, 1);
}

TEST_F(PutTest, StopsOnASignalAndSaysWhere) {
  Child put(weir({"put", "s"}));
  put.write("a\nb\n");
  wait_until([&] { return stored("s").size() == 2; });
  put.signal(SIGINT);
  put.wait_for_err("stopped before line 3");
  const auto end = put.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("2 records put: every line up to 2, nothing after"));
}

// Ctrl-C while the service is slow to say whether there is such a stream: nothing is under way yet.
TEST_F(PutTest, StopsOnASignalBeforeItHasBegun) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::slow;
  fault.delay = std::chrono::minutes(2);
  kinesis.faults().add(fault);
  for (const int number : {SIGINT, SIGTERM}) {
    const auto calls = kinesis.calls(emulator::Operation::describe_stream_summary);
    Child put(weir({"put", "s"}));
    wait_until([&] { return kinesis.calls(emulator::Operation::describe_stream_summary) > calls; });
    put.signal(number);
    const auto end = put.finish();
    EXPECT_EQ(end.status, 1);
    EXPECT_EQ(end.err, "weir put: stopped before anything was put\n");
  }
}

// What is under way is waited for; who does not want to wait says so again.
TEST_F(PutTest, EndsAtOnceOnASecondSignal) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::slow;
  fault.calls = {emulator::Operation::put_records};
  fault.delay = std::chrono::minutes(2);
  kinesis.faults().add(fault);
  Child put(weir({"put", "s"}));
  put.write("a\n");
  wait_until([&] { return kinesis.calls(emulator::Operation::put_records) > 0; });
  const auto first = std::chrono::steady_clock::now();
  wait_until([&] {
    put.signal(SIGINT);
    return std::chrono::steady_clock::now() - first > std::chrono::milliseconds(1500);
  });
  const auto end = put.finish();
  EXPECT_EQ(end.status, 128 + SIGINT);
  EXPECT_EQ(end.err, "stopped at once; what is not stored yet is left out\n");
}

// `timeout 60 weir put` sends its signal to the command and then to the whole group, which the command is in: taken
// for a second wish, the first one would never be granted. (Two different ones here: equal ones can melt into one.)
TEST_F(PutTest, TwoSignalsInOneMomentAreOneWish) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::slow;
  fault.calls = {emulator::Operation::put_records};
  fault.delay = std::chrono::milliseconds(700);
  kinesis.faults().add(fault);
  Child put(weir({"put", "s"}));
  put.write("a\n");
  wait_until([&] { return kinesis.calls(emulator::Operation::put_records) > 0; });
  put.signal(SIGTERM);
  put.signal(SIGINT);
  put.wait_for_err("before line 2");
  const auto end = put.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("weir put: stopped before line 2\n1 record put: every line up to 1, nothing after"));
}

// The number of a closed stream goes to the next thing opened, which is then waited for as if it were input.
TEST_F(PutTest, AClosedInputIsAnErrorAndNoWait) {
  const auto closed = run_shell("exec timeout 20 \"$0\" put s - <&-");
  EXPECT_EQ(closed.status, 1);
  EXPECT_THAT(closed.err, HasSubstr("weir put: line 1: cannot read on: Bad file descriptor\n"));
  const auto mute = run_shell("exec timeout 20 \"$0\" put s --json >&- < /dev/null");
  EXPECT_EQ(mute.status, 1);
  EXPECT_THAT(mute.err, HasSubstr("cannot write to standard output: Bad file descriptor"));
  EXPECT_THAT(stored("s"), ElementsAre());
}

TEST_F(PutTest, NamesTheServicesErrorBesideItsSentence) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::internal_failure;
  fault.calls = {emulator::Operation::put_records};
  kinesis.faults().add(fault);
  const auto put = run({"put", "s"}, "a\n");
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err, HasSubstr(" (InternalFailure, HTTP 500, request "));
  EXPECT_TRUE(
      put.err.ends_with(")\n0 records put for certain: nothing before it\n"
                        "line 1 may be there too, once or more: no answer told\n"
                        "nothing after line 1 was sent\n"))
      << put.err;
}

// Every answer is lost: the stream holds all lines, several times. Who is told "nothing after" puts them again.
TEST_F(PutTest, SaysWhichLinesMayBeThereWhenAnswersAreLost) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::lost_reply;
  fault.calls = {emulator::Operation::put_records};
  fault.after = 1;
  kinesis.faults().add(fault);
  Child put(weir({"put", "s", "--json"}));
  put.write("a\n");
  wait_until([&] { return stored("s").size() == 1; });
  put.write("b\nc\n");
  const auto end = put.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_TRUE(
      end.err.ends_with("\n1 record put for certain: every line up to 1\n"
                        "lines 2 to 3 may be there too, once or more: no answer told\n"
                        "nothing after line 3 was sent\n"))
      << end.err;
  EXPECT_THAT(end.out, HasSubstr("{\"records\":1,"));
  EXPECT_THAT(end.out, HasSubstr(",\"in_doubt\":2}\n"));
  EXPECT_GT(stored("s").size(), 3U);
}

// The first attempt stored every line and its answer was lost; those after it are answered, and store none. What they
// refuse may be there all the same.
TEST_F(PutTest, DoubtsWhatIsRefusedAfterALostAnswer) {
  emulator::Fault lost;
  lost.kind = emulator::Fault::Kind::lost_reply;
  lost.calls = {emulator::Operation::put_records};
  lost.times = 1;
  kinesis.faults().add(lost);
  emulator::Fault refused;
  refused.kind = emulator::Fault::Kind::failed_entries;
  refused.calls = {emulator::Operation::put_records};
  kinesis.faults().add(refused);
  Child put(weir({"put", "s", "--json"}));
  put.write("a\nb\n");
  put.close_input();
  wait_until([&] { return kinesis.calls(emulator::Operation::put_records) > 2; });
  put.signal(SIGINT);
  const auto end = put.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_EQ(stored("s").size(), 2U);
  EXPECT_THAT(end.err, HasSubstr("lines 1 to 2 may be there too, once or more: no answer told\n"));
  EXPECT_THAT(end.out, HasSubstr("{\"records\":0,"));
  EXPECT_THAT(end.out, HasSubstr(",\"in_doubt\":2}\n"));
}

// The endpoint dies with a call under way, and refuses connections from then on: the last word of the client is
// "nothing listens", which is no word on the first attempt.
TEST_F(PutTest, DoubtsWhatWasUnderWayWhenTheEndpointDied) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::slow;
  fault.calls = {emulator::Operation::put_records};
  fault.delay = std::chrono::minutes(2);
  kinesis.faults().add(fault);
  Child put(weir({"put", "s"}));
  put.write("a\n");
  wait_until([&] { return kinesis.calls(emulator::Operation::put_records) > 0; });
  server.reset();
  const auto end = put.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("nothing listens at "));
  EXPECT_THAT(end.err, HasSubstr("\nline 1 may be there too, once or more: no answer told\n"));
}

TEST_F(PutTest, SendsFailedEntriesAgain) {
  emulator::Fault fault;
  fault.kind = emulator::Fault::Kind::failed_entries;
  fault.probability = 0.5;
  fault.times = 2;
  kinesis.faults().add(fault);
  const auto put = run({"put", "s"}, "a\nb\nc\nd\ne\nf\n");
  EXPECT_EQ(put.status, 0) << put.err;
  EXPECT_THAT(stored("s"), UnorderedElementsAre("a", "b", "c", "d", "e", "f"));
}

}  // namespace
}  // namespace weir::cli
