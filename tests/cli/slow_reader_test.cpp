#include <fmt/format.h>

#include <algorithm>

#include "command_support.hpp"

namespace weir::cli {
namespace {

struct SlowReader : CommandTest {
  static constexpr int words = 8000;

  void SetUp() override {
    CommandTest::SetUp();
    ASSERT_TRUE(kinesis.create("words", 1).ok());
    write_pipeline();
    put();
    ASSERT_EQ(run({"run", "words.yaml", "--until-caught-up"}).status, 0);
  }
  void put() {
    std::vector<std::string> texts;
    for (int i = 0; i < words; ++i) {
      texts.push_back(fmt::format("{{\"w\":\"a word that is number {:06}\",\"n\":{}}}", i, i));
    }
    ASSERT_TRUE(kinesis.put("words", texts, "k").ok());
    ASSERT_TRUE(kinesis.put("words", std::vector<std::string>(1000, "no json, and of some length"), "k").ok());
  }
};

// `weir query FILE --all | less` in one window, and a person who reads. A worker that is started meanwhile in another
// one must find its state free; and the reader gets the whole answer all the same, as it was when it was asked for.
TEST_F(SlowReader, KeepsNoWorkerFromItsState) {
  int runs = 1;
  for (const auto& arguments :
       {std::vector<std::string>{"query", "words.yaml", "--all", "--json"},
        std::vector<std::string>{"query", "words.yaml", "--all"},
        std::vector<std::string>{"query", "words.yaml", "--top", "8000", "--by", "sum", "--json"},
        std::vector<std::string>{"dead", "list", "words.yaml", "--json"}}) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    Child reader(weir(arguments));
    reader.wait_for_out("word");  // and then reads no further
    put();
    const auto worker = run({"run", "words.yaml", "--until-caught-up", "--json"});
    EXPECT_EQ(worker.status, 0) << worker.err;
    EXPECT_THAT(worker.out, HasSubstr(fmt::format("\"records\":{},", words + 1000)));
    const auto answer = reader.finish();
    EXPECT_EQ(answer.status, 0) << answer.err;
    const auto lines = std::count(answer.out.begin(), answer.out.end(), '\n');
    if (arguments.front() == "dead") {
      EXPECT_EQ(lines, 1000 * runs);
    } else {
      EXPECT_GE(lines, words);
      EXPECT_THAT(answer.out, HasSubstr("a word that is number 007999"));
      EXPECT_THAT(answer.out, ::testing::Not(HasSubstr(fmt::format("\"count\":{}", runs + 1))));
    }
    ++runs;
  }
}

}  // namespace
}  // namespace weir::cli
