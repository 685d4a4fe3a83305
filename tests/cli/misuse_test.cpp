// Everything a user can get wrong: one sentence, an exit status that scripts can test, nothing half done.
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <vector>

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

// Answers every request alike, as a service does that does not know the caller.
class Refuser {
 public:
  Refuser() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Refuser() {
    ::shutdown(listener_, SHUT_RDWR);  // ends `accept`
    thread_.join();
    ::close(listener_);
  }
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() const {
    const std::string body = R"({"__type":"UnrecognizedClientException","message":"The security token is invalid."})";
    const auto reply =
        "HTTP/1.1 400 Bad Request\r\nx-amzn-RequestId: r-1\r\nContent-Type: application/x-amz-json-1.1\r\n"
        "Connection: close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) {
        return;
      }
      char request[16 * 1024];  // a whole one: they are small
      EXPECT_GT(::recv(socket, request, sizeof request, 0), 0);
      EXPECT_EQ(::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL), static_cast<ssize_t>(reply.size()));
      ::shutdown(socket, SHUT_WR);
      while (::recv(socket, request, sizeof request, 0) > 0) {
      }
      ::close(socket);
    }
  }

  const int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(MisuseTest, RefusedCredentialsAreNamedAtOnce) {
  write_pipeline();
  const Refuser service;
  for (const auto& arguments : {std::vector<std::string>{"put", "words", "--endpoint", service.endpoint()},
                                {"run", "words.yaml", "--endpoint", service.endpoint()}}) {
    const auto words = expect_failure(arguments);
    EXPECT_THAT(words, HasSubstr("The security token is invalid."));
    EXPECT_THAT(words, HasSubstr("check the access key id"));
    EXPECT_THAT(words, HasSubstr("(UnrecognizedClientException, HTTP 400, request r-1)"));
  }
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
    EXPECT_THAT(expect_failure(arguments),
                AllOf(HasSubstr("the state was made with `key \"w\"`, the pipeline says `key \"v\"`"),
                      HasSubstr("pipeline words")));
  }
}

// A wrong path must not add up what does not belong together.
TEST_F(MisuseTest, AStateOfAnotherPipelineOrStreamIsLeftAlone) {
  ASSERT_TRUE(kinesis.create("words", 1).ok());
  ASSERT_TRUE(kinesis.create("other", 1).ok());
  write_pipeline();
  ASSERT_EQ(run({"run", "words.yaml", "--state", "s", "--until-caught-up"}).status, 0);
  const std::string rest = ", start: trim_horizon }\nkey: w\naggregates:\n  count: count\n";
  write_file("names.yaml", "name: names\nsource: { stream: words" + rest);
  EXPECT_THAT(expect_failure({"run", "names.yaml", "--state", "s", "--until-caught-up"}),
              HasSubstr("the state directory s is that of pipeline words, not of names"));
  EXPECT_THAT(expect_failure({"query", "names.yaml", "--state", "s"}),
              HasSubstr("holds pipeline words, not pipeline names"));
  write_file("words.yaml", "name: words\nsource: { stream: other" + rest);
  EXPECT_THAT(expect_failure({"run", "words.yaml", "--state", "s", "--until-caught-up"}),
              HasSubstr("the totals of pipeline words in s are of kinesis:words, not of kinesis:other"));
}

TEST_F(MisuseTest, TheEndpointTakesNoEndpoint) {
  expect_misuse({"local", "--endpoint", "http://127.0.0.1:1"}, "there is no option '--endpoint'");
}

}  // namespace
}  // namespace weir::cli
