#include "cli/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/App.hpp>
#include <sstream>

#include "cli/text.hpp"

namespace weir::cli {
namespace {

using testing::HasSubstr;

// A command with one of everything.
struct Sample final : Command {
  std::string file;
  std::vector<std::string> keys;
  std::uint32_t count = 0;
  bool flag = false;

  Words words() const override { return {"sample", "a sample", "FILE [KEY...]", "Details.", "weir sample x"}; }
  void declare(CLI::App& app) override {
    app.add_option("FILE", file, "a file")->required();
    app.add_option("KEY", keys, "keys")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    require_whole_number(*app.add_option("--count", count, "how many")->type_name("N"), 1, 9);
    app.add_flag("--flag", flag, "a flag");
  }
  Result<void> run(Context& /*context*/) override { return {}; }
};

struct ArgumentsTest : testing::Test {
  Sample sample;
  CommonOptions common;
  std::string refusal(const std::vector<std::string>& arguments) {
    Sample fresh;
    auto parsed = parse_arguments(fresh, arguments, common);
    EXPECT_FALSE(parsed.ok());
    EXPECT_TRUE(parsed || parsed.error().code == "Misuse");
    return parsed ? "" : parsed.error().message;
  }
};

TEST_F(ArgumentsTest, ReadsOptionsAnywhere) {
  const std::vector<std::string> arguments{"--region", "eu-west-1", "f", "--count=3", "a", "-vv", "b", "--flag"};
  ASSERT_TRUE(parse_arguments(sample, arguments, common).ok());
  EXPECT_EQ(sample.file, "f");
  EXPECT_EQ(sample.keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(sample.count, 3U);
  EXPECT_TRUE(sample.flag);
  EXPECT_EQ(common.region, "eu-west-1");
  EXPECT_EQ(common.verbosity, 2);
}

// Keys and files may look like options; "-" is standard input.
TEST_F(ArgumentsTest, TakesWhatFollowsTwoDashesAsItIs) {
  const auto parsed = parse_arguments(sample, {"-", "--", "--flag", "-x"}, common);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(sample.file, "-");
  EXPECT_EQ(sample.keys, (std::vector<std::string>{"--flag", "-x"}));
  EXPECT_FALSE(sample.flag);
}

// CLI11 would split a list's "[a,b]" at its commas: no compound key could be asked for.
TEST_F(ArgumentsTest, TakesBracketsAsTheyAre) {
  const std::vector<std::string> keys{R"(["LAX","PHX"])", "[x]", "[]", "[", "]", "a]", "[[1]]", ""};
  std::vector<std::string> arguments{"[f]"};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  const auto parsed = parse_arguments(sample, arguments, common);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(sample.file, "[f]");
  EXPECT_EQ(sample.keys, keys);
  EXPECT_EQ(refusal({"f", "--count", "[1]"}), "--count: found '[1]', expected a whole number from 1 to 9");
  EXPECT_EQ(refusal({"f", "--fleg[]"}), "there is no option '--fleg[]'");
}

// `--endpoint "$UNSET"` would go to AWS.
TEST_F(ArgumentsTest, AnEmptyValueIsNoValue) {
  const auto empty = [](const std::string& name) {
    return name + ": found '', expected a value; is a variable unset?";
  };
  for (const std::string name : {"--endpoint", "--region", "--profile"}) {
    EXPECT_EQ(refusal({"f", name, ""}), empty(name));
    EXPECT_EQ(refusal({"f", name + "="}), empty(name));
    EXPECT_EQ(refusal({"f", name + "=", "x"}), empty(name));
  }
  EXPECT_EQ(refusal({""}), empty("FILE"));
}

TEST_F(ArgumentsTest, AFlagTakesNoValue) {
  EXPECT_EQ(refusal({"f", "--flag=5"}), "--flag takes no value, found '5'");
  EXPECT_EQ(refusal({"f", "--verbose="}), "--verbose takes no value, found ''");
  ASSERT_TRUE(parse_arguments(sample, {"f", "--", "--flag=5"}, common).ok());
  EXPECT_EQ(sample.keys, std::vector<std::string>{"--flag=5"});
}

TEST_F(ArgumentsTest, SaysWhatIsWrongInOneSentence) {
  EXPECT_EQ(refusal({}), "FILE is missing");
  EXPECT_EQ(refusal({"f", "--cuont", "3"}), "there is no option '--cuont'; did you mean '--count'?");
  EXPECT_EQ(refusal({"--fleg"}), "there is no option '--fleg'; did you mean '--flag'?");
  EXPECT_EQ(refusal({"f", "--zzzzzzz"}), "there is no option '--zzzzzzz'");
  EXPECT_EQ(refusal({"f", "--count"}), "--count: a value is missing");
  for (const auto* wrong : {"0", "10", "x", "3x", "-1", "", "99999999999999999999"}) {
    EXPECT_EQ(refusal({"f", "--count", wrong}),
              std::string("--count: found '") + wrong + "', expected a whole number from 1 to 9");
  }
  EXPECT_EQ(refusal({"f", "-q", "-v"}), "--quiet and --verbose exclude each other");
}

TEST_F(ArgumentsTest, RefusesOneArgumentTooMany) {
  const auto command = dead_list_command();
  const auto parsed = parse_arguments(*command, {"f.yaml", "more"}, common);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().message, "there is one argument too many: 'more'");
}

// Help is read in terminals of 80 columns, and must have the example that people copy.
TEST(Help, OfEveryCommandFitsAndHasAnExample) {
  std::istringstream overview_lines(overview());
  for (std::string line; std::getline(overview_lines, line);) {
    EXPECT_LT(width_of(line), 80U) << line;
  }
  for (const auto& command : all_commands()) {
    const auto help = help_of(*command);
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(width_of(line), 80U) << line;
    }
    EXPECT_THAT(help, HasSubstr("Usage: weir " + command->words().name));
    EXPECT_THAT(help, HasSubstr("\nExample:\n  weir "));
    for (const auto* option : {"-v, --verbose", "-q, --quiet"}) {
      EXPECT_THAT(help, HasSubstr(option));
    }
    for (const auto* option : {"--endpoint URL", "--region NAME", "--profile NAME"}) {
      EXPECT_EQ(help.find(option) != std::string::npos, command->service() == Service::called) << help;
    }
    EXPECT_THAT(overview(), HasSubstr("\n  " + command->words().name + " "));
  }
}

}  // namespace
}  // namespace weir::cli
