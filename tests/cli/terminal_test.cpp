// What a person sees: progress and colours on a terminal, and none of it anywhere else.
#include "command_support.hpp"

namespace weir::cli {
namespace {

using ::testing::Not;

struct TerminalTest : CommandTest {
  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 1).ok());
    write_pipeline();
    write_file("in.txt", "{\"w\":\"a\",\"n\":1}\n");
  }
  std::string seen(std::vector<std::string> arguments, const std::string& variable = "") {
    auto options = weir(std::move(arguments));
    options.terminal = true;
    if (!variable.empty()) {
      options.environment.insert(options.environment.begin(), variable);  // the first of two counts
    }
    Child child(options);
    const auto end = child.finish();
    EXPECT_EQ(end.status, 0) << end.out;
    return end.out;
  }
};

TEST_F(TerminalTest, ShowsProgressAndErasesIt) {
  const auto put = seen({"put", "words", "in.txt"});
  EXPECT_THAT(put, HasSubstr("\r\x1b[K["));
  EXPECT_THAT(put, HasSubstr("%  "));
  EXPECT_THAT(put, HasSubstr("\r\x1b[K1 record, "));
  const auto ran = seen({"run", "words.yaml", "--until-caught-up"});
  EXPECT_THAT(ran, HasSubstr(" records/s"));
  EXPECT_THAT(ran, HasSubstr("\r\x1b[K1 record, "));
}

TEST_F(TerminalTest, ColoursUnlessAskedNotTo) {
  seen({"put", "words", "in.txt"});
  seen({"run", "words.yaml", "--until-caught-up"});
  EXPECT_THAT(seen({"query", "words.yaml"}), HasSubstr("\x1b[1mkey"));
  EXPECT_THAT(seen({"query", "words.yaml"}, "NO_COLOR=1"), Not(HasSubstr("\x1b[")));
  EXPECT_THAT(seen({"query", "words.yaml"}, "TERM=dumb"), Not(HasSubstr("\x1b[")));
  EXPECT_THAT(run({"query", "words.yaml"}).out, Not(HasSubstr("\x1b[")));
}

TEST_F(TerminalTest, QuietShowsNothing) { EXPECT_EQ(seen({"put", "words", "in.txt", "-q"}), ""); }

}  // namespace
}  // namespace weir::cli
