// What `make demo` runs once the command is built.
#include <sys/stat.h>

#include <sstream>

#include "command_support.hpp"

namespace weir::cli {
namespace {

struct DemoTest : CommandTest {
  Child::End demo(const std::string& command, const std::vector<std::string>& variables = {}) const {
    Child::Options options;
    options.program = WEIR_SOURCE_DIR "/examples/demo.sh";
    options.environment = {"WEIR=" + command, "TMPDIR=" + directory.string(), "HOME=" + directory.string()};
    options.environment.insert(options.environment.end(), variables.begin(), variables.end());
    Child child(options);
    return child.finish();
  }
};

TEST_F(DemoTest, CountsTheFlightsAndChecksItsTotals) {
  const auto end = demo(WEIR_COMMAND);
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\nDFW    1,103   9.49    298\n"));
  EXPECT_THAT(end.out, HasSubstr("weir local --streams flights:4\n"));
  EXPECT_THAT(end.out, HasSubstr("\n20,000 flights, 1,764,866 bytes, 220 origins in "));
  EXPECT_THAT(end.out, ::testing::ContainsRegex("\n20,000 flights, [^\n]* [0-9,]+ records/s"));
  std::istringstream table(end.out.substr(end.out.find("--by flights\n")));
  int airports = 0;
  for (std::string line; std::getline(table, line);) {
    std::string code, flights, mean, worst;
    if (std::istringstream(line) >> code >> flights >> mean >> worst && code.size() == 3 && flights.front() <= '9') {
      ++airports;
    }
  }
  EXPECT_EQ(airports, 10);
  EXPECT_THAT(end.out, HasSubstr("\nTry next: "));
  EXPECT_TRUE(std::filesystem::is_empty(directory)) << "it leaves files behind";
}

// Whoever has an account must not find 20,000 flights in it, whatever their settings say of endpoints. The proxy is
// dead: nothing of this test can leave the machine.
TEST_F(DemoTest, MindsNobodysSettings) {
  std::filesystem::create_directory(directory / ".aws");
  write_file(".aws/config",
             "[default]\nregion = eu-west-1\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n"
             "ignore_configured_endpoint_urls = true\n");
  const std::vector<std::string> theirs[] = {{},
                                             {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"},
                                             {"AWS_ACCESS_KEY_ID=AKIAEXAMPLE"},
                                             {"AWS_USE_FIPS_ENDPOINT=true", "AWS_PROFILE=nobody"}};
  for (auto variables : theirs) {
    variables.emplace_back("https_proxy=http://127.0.0.1:9");
    const auto end = demo(WEIR_COMMAND, variables);
    EXPECT_EQ(end.status, 0) << end.err;
    EXPECT_THAT(end.out, HasSubstr("Every total equals what awk counts in the file."));
  }
}

// A demo that cannot fail proves nothing: one flight too many at one airport must be told.
TEST_F(DemoTest, FailsWhenOneTotalDiffers) {
  const auto wrong = directory / "weir";
  write_file("weir",
             "#!/bin/sh\ncase $1 in\n"
             "  query) '" WEIR_COMMAND
             "' \"$@\" | sed 's/\"ABE\",\"flights\":8/\"ABE\",\"flights\":9/' ;;\n"
             "  *) exec '" WEIR_COMMAND "' \"$@\" ;;\nesac\n");
  ASSERT_EQ(::chmod(wrong.c_str(), 0755), 0);
  const auto end = demo(wrong);
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("< ABE 8 -5.000000 7\n---\n> ABE 9 -5.000000 7\n"));
}

}  // namespace
}  // namespace weir::cli
