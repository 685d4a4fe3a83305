// Everything a user can get wrong: one sentence, an exit status that scripts can test, nothing half done.
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>

#include "command_support.hpp"

namespace weir::cli {
namespace {

struct MisuseTest : CommandTest {
  // One sentence, where to read more, nothing on standard output, and no file made.
  void expect_misuse(const std::vector<std::string>& arguments, const std::string& sentence) {
    const auto end = run(arguments);
    EXPECT_EQ(end.status, 2) << sentence;
    EXPECT_EQ(end.out, "");
    EXPECT_THAT(end.err, HasSubstr(sentence));
    EXPECT_THAT(end.err, HasSubstr("See weir"));
    EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
  }
  std::string expect_failure(const std::vector<std::string>& arguments, std::string_view input = "") {
    const auto end = run(arguments, input);
    EXPECT_EQ(end.status, 1) << end.err;
    EXPECT_EQ(end.out, "");
    return end.err;
  }
};

TEST_F(MisuseTest, OfTheCommandLine) {
  write_pipeline();
  expect_misuse({"ptu"}, "there is no command 'ptu'; did you mean 'put'?");
  expect_misuse({"dead"}, "'dead' needs a second word; did you mean 'dead list'?");
  expect_misuse({"--endpoint", "x", "put"},
                "found '--endpoint' where a command was expected; options follow the command");
  expect_misuse({"put"}, "STREAM is missing");
  expect_misuse({"put", "s", "f", "g"}, "there is one argument too many: 'g'");
  expect_misuse({"put", "s", "--kee", "x"}, "there is no option '--kee'; did you mean '--key'?");
  expect_misuse({"put", "s", "--key", "a..b"}, "--key: ");
  expect_misuse({"put", "s", "absent.txt"}, "cannot open absent.txt: No such file or directory");
  expect_misuse({"put", "s", "."}, "cannot read .: it is a directory");
  expect_misuse({"local", "--port", "65536"}, "--port: found '65536', expected a whole number from 0 to 65535");
  expect_misuse({"local", "--streams", "s:x"}, "--streams: s: found 'x', expected a number of shards, 1 or more");
  expect_misuse({"local", "--port", "0", "--streams", "s p"}, "--streams: s p: ");
  expect_misuse({"run"}, "FILE is missing");
  expect_misuse({"run", "absent.yaml"}, "absent.yaml");
  expect_misuse({"run", "words.yaml", "--threads", "0"}, "--threads: found '0', expected a whole number from 1 to 64");
  expect_misuse({"run", "words.yaml", "--on-gap", "skip"}, "--on-gap: found 'skip', expected halt or continue");
  expect_misuse({"query", "words.yaml", "--all", "k"}, "KEY, --all and --top exclude each other");
  expect_misuse({"query", "words.yaml", "--by", "sum"}, "--top is missing");
  expect_misuse({"query", "words.yaml", "--top", "3", "--by", "summ"},
                "--by: found 'summ', expected one of count, sum, mean; did you mean 'sum'?");
}

TEST_F(MisuseTest, OfFilesIsToldWithLineAndColumn) {
  write_file("bad.yaml", "name: words\nsource: { stream: words }\nkey: w\naggregates:\n  count: cuont\n");
  expect_misuse({"run", "bad.yaml"}, "bad.yaml:5:10");
  expect_misuse({"query", "bad.yaml"}, "bad.yaml:5:10");
  expect_misuse({"dead", "list", "bad.yaml"}, "bad.yaml:5:10");
  write_file("faults.yaml", "faults:\n  - fault: thortle\n");
  expect_misuse({"local", "--port", "0", "--faults", "faults.yaml"}, "faults.yaml:2:");
  expect_misuse({"local", "--port", "0", "--faults", "absent.yaml"}, "absent.yaml");
}

TEST_F(MisuseTest, AMissingStreamIsNamedAtOnce) {
  write_pipeline();
  for (const auto& arguments : {std::vector<std::string>{"put", "words"}, {"run", "words.yaml"}}) {
    const auto words = expect_failure(arguments);
    EXPECT_THAT(words, HasSubstr("there is no stream 'words' at " + server->endpoint()));
  }
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
}

// Found out only when the first record fails, the pipeline would halt in the night.
TEST_F(MisuseTest, AMissingStreamForDeadLettersIsNamedAtOnce) {
  ASSERT_TRUE(kinesis.create("words", 1).ok());
  write_pipeline("dead_letters: { stream: graves }\n");
  EXPECT_THAT(expect_failure({"run", "words.yaml"}), HasSubstr("there is no stream 'graves'"));
  write_pipeline("dead_letters: { stream: words }\n");
  expect_misuse({"run", "words.yaml"}, "words");
}

TEST_F(MisuseTest, AnUnreachableEndpointIsNamedAtOnce) {
  write_pipeline();
  // A port that is taken but not listened on refuses every connection.
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto place = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  for (const auto& arguments : {std::vector<std::string>{"put", "s", "--endpoint", "http://" + place},
                                {"run", "words.yaml", "--endpoint", "http://" + place}}) {
    const auto words = expect_failure(arguments);
    EXPECT_THAT(words, HasSubstr(place));
    EXPECT_THAT(words, HasSubstr("weir local"));
  }
  ::close(socket);
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
}

TEST_F(MisuseTest, MissingCredentialsAndRegionsAreNamed) {
  auto options = weir({"put", "s", "--endpoint", "https://kinesis.example.com"});
  options.environment = {"HOME=" + directory.string()};
  Child no_region(options);
  const auto first = no_region.finish();
  EXPECT_EQ(first.status, 1);
  EXPECT_THAT(first.err, HasSubstr("region"));
  options.arguments.insert(options.arguments.end(), {"--region", "eu-west-1"});
  Child no_credentials(options);
  const auto second = no_credentials.finish();
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("AWS_ACCESS_KEY_ID"));
}

TEST_F(MisuseTest, AStateThatIsNotThereIsNotMade) {
  write_pipeline();
  EXPECT_THAT(expect_failure({"query", "words.yaml"}),
              HasSubstr("there is no state of pipeline words in weir-state/words"));
  EXPECT_THAT(expect_failure({"dead", "list", "words.yaml", "--state", "x/y"}),
              HasSubstr("there is no state of pipeline words in x/y"));
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
  EXPECT_FALSE(std::filesystem::exists(directory / "x"));
  EXPECT_THAT(expect_failure({"query", "words.yaml", "--state", "memory"}), HasSubstr("kept in memory"));
}

TEST_F(MisuseTest, AStateOfSomethingElseIsLeftAlone) {
  ASSERT_TRUE(kinesis.create("words", 1).ok());
  write_pipeline();
  std::filesystem::create_directories(directory / "notes");
  write_file("notes/diary.txt", "dear diary");
  for (const auto& arguments : {std::vector<std::string>{"run", "words.yaml", "--state", "notes", "--until-caught-up"},
                                {"query", "words.yaml", "--state", "notes"}}) {
    EXPECT_THAT(expect_failure(arguments), HasSubstr("notes"));
  }
  ASSERT_EQ(run({"run", "words.yaml", "--state", "s", "--until-caught-up"}).status, 0);
  write_file("words.yaml",
             "name: words\nsource: { stream: words, start: trim_horizon }\nkey: v\naggregates:\n  count: count\n");
  for (const auto& arguments : {std::vector<std::string>{"run", "words.yaml", "--state", "s", "--until-caught-up"},
                                {"query", "words.yaml", "--state", "s"}}) {
    EXPECT_THAT(expect_failure(arguments), HasSubstr("definition"));
  }
}

}  // namespace
}  // namespace weir::cli
