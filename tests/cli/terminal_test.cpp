// What a person sees: progress and colours on a terminal, and none of it anywhere else. The commands run in this
// process, on a console that takes a file for a terminal: a build machine may have none to lend.
#include <cstdlib>

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

TEST_F(TerminalTest, QuietShowsNothing) { EXPECT_EQ(seen({"put", "words", path("in.txt"), "-q"}), ""); }

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
