#include <gtest/gtest.h>
#include <unistd.h>

#include "capture.hpp"
#include "cli/putter.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/simulation/virtual_time.hpp"

namespace weir::cli {
namespace {

// Half a megabyte a call, and a file of gigabytes: without a limit a slow service makes of `put` whatever memory there
// is. Everything is slow here, so that all that may be under way is.
TEST(PutterCalls, UnderWayAtOnceAreBounded) {
  simulation::VirtualTime time;
  emulator::Kinesis kinesis{time};
  ASSERT_TRUE(kinesis.create("s", 1).ok());
  emulator::Fault slow;
  slow.kind = emulator::Fault::Kind::slow;
  slow.delay = std::chrono::seconds(10);
  kinesis.faults().add(slow);
  std::string text;
  for (int i = 0; i < 20 * 500; ++i) {
    text += "a\n";
  }
  const Capture file;
  ASSERT_EQ(::write(file.descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::lseek(file.descriptor(), 0, SEEK_SET);
  LineReader lines(file.descriptor());
  RecordFeed feed(lines, std::nullopt, Random(1));
  Putter putter(kinesis, time, feed, lines, "s", Random(2));

  std::optional<Result<void>> outcome;
  time.start(putter.run({}), outcome);
  time.run_for(std::chrono::seconds(9));
  EXPECT_EQ(kinesis.calls(emulator::Operation::put_records), Putter::Options().calls_max);
  time.run_while([&] { return !outcome; });
  EXPECT_TRUE(outcome->ok());
  EXPECT_EQ(kinesis.calls(emulator::Operation::put_records), 20U);
}

}  // namespace
}  // namespace weir::cli
