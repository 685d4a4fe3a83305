// What a person sees: progress and colours on a terminal, and none of it anywhere else. The commands run in this
// process, on a console that takes a file for a terminal: a build machine may have none to lend.
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "cli/command.hpp"
#include "cli/console.hpp"
#include "command_support.hpp"
#include "tests/cli/capture.hpp"

namespace weir::cli {
namespace {

using ::testing::Not;

struct TerminalTest : CommandTest {
  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 1).ok());
    write_pipeline();
    write_file("in.txt", "{\"w\":\"a\",\"n\":1}\n");
    for (const auto* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) {
      ::setenv(name, "known-to-nobody-here", 1);
    }
  }
  std::string path(const std::string& name) const { return (directory / name).string(); }
  std::string seen(std::vector<std::string> arguments, bool colour = true) {
    if (arguments[0] == "query") {
      arguments.insert(arguments.end(), {"--state", path("state")});
    } else {
      arguments.insert(arguments.end(), {"--endpoint", server->endpoint(), "--region", "us-east-1"});
    }
    const Capture screen;
    auto options = captured(screen, screen);
    options.out_is_terminal = options.err_is_terminal = true;
    options.out_colour = options.err_colour = colour;
    Console console(options);
    EXPECT_EQ(cli::run(arguments, console), 0) << screen.text();
    return screen.text();
  }
};

TEST_F(TerminalTest, ShowsProgressAndErasesIt) {
  const auto put = seen({"put", "words", path("in.txt")});
  EXPECT_THAT(put, HasSubstr("\r\x1b[K["));
  EXPECT_THAT(put, HasSubstr("%  "));
  EXPECT_THAT(put, HasSubstr("\r\x1b[K1 record, "));
  const auto ran = seen({"run", path("words.yaml"), "--until-caught-up", "--state", path("state")});
  EXPECT_THAT(ran, HasSubstr(" records/s"));
  EXPECT_THAT(ran, HasSubstr("\r\x1b[K1 record, "));
}

TEST_F(TerminalTest, ColoursUnlessAskedNotTo) {
  seen({"put", "words", path("in.txt")});
  seen({"run", path("words.yaml"), "--until-caught-up", "--state", path("state")});
  EXPECT_THAT(seen({"query", path("words.yaml")}), HasSubstr("\x1b[1mkey"));
  EXPECT_THAT(seen({"query", path("words.yaml")}, false), Not(HasSubstr("\x1b[1m")));
  EXPECT_THAT(run({"query", "words.yaml", "--state", "state"}).out, Not(HasSubstr("\x1b[")));
}

// "0 records" for minutes: why, and how far behind, is the question that the line is there for.
TEST_F(TerminalTest, ProgressSaysWhatHoldsItUp) {
  std::vector<std::string> texts(10'001, R"({"w":"a","n":1})");  // a page and one more
  ASSERT_TRUE(kinesis.put("words", texts).ok());
  emulator::Fault slow;
  slow.kind = emulator::Fault::Kind::slow;
  slow.calls = {emulator::Operation::get_records};
  slow.delay = std::chrono::seconds(1);  // the line is drawn four times a second
  slow.after = 6;  // five that fail, and the first page
  slow.times = 1;
  kinesis.faults().add(slow);
  emulator::Fault unavailable;
  unavailable.kind = emulator::Fault::Kind::unavailable;
  unavailable.calls = {emulator::Operation::get_records};
  unavailable.times = 5;
  kinesis.faults().add(unavailable);
  const auto ran = seen({"run", path("words.yaml"), "--until-caught-up", "--state", path("state")});
  EXPECT_THAT(ran, HasSubstr(" behind"));
  EXPECT_THAT(ran, HasSubstr("1 of 1 shards retrying: "));
}

TEST_F(TerminalTest, QuietShowsNothing) { EXPECT_EQ(seen({"put", "words", path("in.txt"), "-q"}), ""); }

/// A process' variables, put back as they were.
struct Variables {
  ~Variables() {
    for (const auto& [name, value] : before) {
      value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
    }
  }
  void set(const char* name, const char* value) {
    const char* was = std::getenv(name);
    before.emplace_back(name, was == nullptr ? std::nullopt : std::optional<std::string>(was));
    ::setenv(name, value, 1);
  }
  std::vector<std::pair<const char*, std::optional<std::string>>> before;
};

// What decides must also be looked at: who sets NO_COLOR may not be able to read the colours.
TEST(Surroundings, AreThoseOfTheProcess) {
  Variables variables;
  variables.set("NO_COLOR", "1");
  variables.set("TERM", "vt100");
  const auto surroundings = Console::surroundings_of_process();
  EXPECT_EQ(surroundings.no_color, "1");
  EXPECT_EQ(surroundings.term, "vt100");
  EXPECT_EQ(surroundings.out_is_terminal, ::isatty(STDOUT_FILENO) == 1);
  EXPECT_EQ(surroundings.err_is_terminal, ::isatty(STDERR_FILENO) == 1);
}

// Where colours and a line that is redrawn are wanted, and where they would be noise in a log.
TEST(Surroundings, DecideColoursAndProgress) {
  Console::Surroundings terminal;
  terminal.out_is_terminal = terminal.err_is_terminal = true;
  terminal.term = "xterm";
  EXPECT_TRUE(Console::options_in(terminal).out_colour);
  EXPECT_TRUE(Console::options_in(terminal).err_is_terminal);
  auto plain = terminal;
  plain.no_color = "1";
  EXPECT_FALSE(Console::options_in(plain).out_colour);
  EXPECT_TRUE(Console::options_in(plain).err_is_terminal) << "progress is no colour";
  for (const auto* term : {"dumb", ""}) {
    auto dumb = terminal;
    dumb.term = term;
    EXPECT_FALSE(Console::options_in(dumb).out_colour);
    EXPECT_FALSE(Console::options_in(dumb).err_is_terminal);
  }
  auto file = terminal;
  file.out_is_terminal = false;
  EXPECT_FALSE(Console::options_in(file).out_colour);
  EXPECT_TRUE(Console::options_in(file).err_colour);
}

}  // namespace
}  // namespace weir::cli
