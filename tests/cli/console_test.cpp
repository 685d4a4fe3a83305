#include "cli/console.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "capture.hpp"
#include "cli/log.hpp"
#include "cli/progress_bar.hpp"

namespace weir::cli {
namespace {

struct ConsoleTest : testing::Test {
  Capture out;
  Capture err;
  Console::Options options = captured(out, err);
};

TEST_F(ConsoleTest, KeepsDataAndWordsApart) {
  Console console(options);
  console.say("words");
  ASSERT_TRUE(console.print("data\n").ok());
  ASSERT_TRUE(console.flush().ok());
  EXPECT_EQ(out.text(), "data\n");
  EXPECT_EQ(err.text(), "words\n");
}

// A full pipe that nobody reads must end the command, not be written to for ever.
TEST_F(ConsoleTest, TellsABrokenPipeFromOtherFailures) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::close(ends[0]);
  options.out = ends[1];
  Console broken(options);
  ASSERT_TRUE(broken.print("x").ok());
  EXPECT_EQ(broken.flush().error().code, "BrokenPipe");
  ::close(ends[1]);

  options.out = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  Console full(options);
  ASSERT_TRUE(full.print("x").ok());
  const auto failed = full.flush();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message, "cannot write to standard output: No space left on device");
  ::close(options.out);
}

// Words must not be written into the middle of the progress line, nor leave it behind.
TEST_F(ConsoleTest, RedrawsTheProgressLineUnderWords) {
  options.err_is_terminal = true;
  Console console(options);
  console.show_progress("50 %");
  console.say("a warning");
  console.erase_progress();
  EXPECT_EQ(err.text(), "\r\x1b[K50 %\r\x1b[Ka warning\n50 %\r\x1b[K");
}

TEST_F(ConsoleTest, CutsTheProgressLineToTheTerminal) {
  options.err_is_terminal = true;
  options.columns = 6;
  Console console(options);
  console.show_progress("12,345 records");
  EXPECT_EQ(err.text(), "\r\x1b[K12,3…");
}

// Logs are full of what was drawn over and over where nobody looks.
TEST_F(ConsoleTest, ShowsNoProgressAwayFromATerminal) {
  Console console(options);
  console.show_progress("50 %");
  console.erase_progress();
  EXPECT_EQ(err.text(), "");
}

TEST_F(ConsoleTest, QuietKeepsErrorsAlone) {
  options.err_is_terminal = true;
  Console console(options);
  console.be_quiet();
  console.note("20,000 records");
  console.show_progress("50 %");
  console.say("it failed");
  EXPECT_EQ(err.text(), "it failed\n");
}

TEST_F(ConsoleTest, LogsAsMuchAsWasAskedFor) {
  Console console(options);
  const auto say_all = [](const Log& log) {
    log(LogLevel::debug, "d");
    log(LogLevel::info, "i");
    log(LogLevel::warning, "w");
    log(LogLevel::error, "e");
  };
  say_all(console_log(console, 0, true));
  EXPECT_EQ(err.text(), "weir: e\n");
  say_all(console_log(console, 0, false));
  EXPECT_EQ(err.text(), "weir: e\nweir: w\nweir: e\n");
  say_all(console_log(console, 1, false));
  EXPECT_EQ(err.text().find(" debug: d"), std::string::npos);
  EXPECT_NE(err.text().find(" info: i"), std::string::npos);
  say_all(console_log(console, 2, false));
  EXPECT_NE(err.text().find(" debug: d"), std::string::npos);
}

TEST_F(ConsoleTest, DrawsABarWhereTheSizeIsKnown) {
  Console console(options);
  EXPECT_EQ(ProgressBar(console, 200).text(50, 1000, 2),
            "[######..................]  25 %  1,000 records  500 records/s");
  // A file that grew while it was read.
  EXPECT_EQ(ProgressBar(console, 200).text(300, 1, 1), "[########################] 100 %  1 record  1 records/s");
  EXPECT_EQ(ProgressBar(console, std::nullopt).text(50, 1000, 2), "1,000 records  500 records/s");
  EXPECT_EQ(ProgressBar(console, 0).text(0, 0, 0), "0 records  0 records/s");
}

}  // namespace
}  // namespace weir::cli
