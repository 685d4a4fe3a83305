// Everything a user can get wrong: one sentence, an exit status that scripts can test, nothing half done.
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <vector>

#include "command_support.hpp"

namespace weir::cli {
namespace {

using ::testing::Not;

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
  expect_misuse({"dead", "lst", "--help"},
                "'dead' needs a second word, one of list, show, export, replay, drop; did you mean 'list'?");
  expect_misuse({"dead"}, "'dead' needs a second word, one of list, show, export, replay, drop");
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
  expect_misuse({"run"}, "FILE is missing");
  expect_misuse({"run", "absent.yaml"}, "there is no file absent.yaml");
  expect_misuse({"query", "a\x1b[2Jb.yaml"}, "there is no file a\\x1b[2Jb.yaml");
  expect_misuse({"run", "words.yaml", "--threads", "0"}, "--threads: found '0', expected a whole number from 1 to 64");
  expect_misuse({"run", "words.yaml", "--on-gap", "skip"}, "--on-gap: found 'skip', expected halt or continue");
  expect_misuse({"--version", "x"}, "there is one argument too many: 'x'");
  expect_misuse({"run", "words.yaml", "--json=5"}, "--json takes no value, found '5'");
  expect_misuse({"run", "words.yaml", "--until-caught-up=maybe"}, "--until-caught-up takes no value, found 'maybe'");
  expect_misuse({"query", "words.yaml", "--all", "k"}, "KEY, --all and --top exclude each other");
  expect_misuse({"query", "words.yaml", "--by", "sum"}, "--top is missing");
  expect_misuse({"query", "words.yaml", "--top", "3", "--by", "summ"},
                "--by: found 'summ', expected one of count, sum, mean; did you mean 'sum'?");
}

// A variable that is not set: what it was to say must not fall back to something else, least of all to AWS.
TEST_F(MisuseTest, AnEmptyValueIsRefusedByItsName) {
  write_pipeline();
  const std::string end = ": found '', expected a value; is a variable unset?";
  for (const std::string name : {"--endpoint", "--region", "--profile", "--key"}) {
    expect_misuse({"put", "words", name, ""}, name + end);
  }
  for (const std::string name : {"--endpoint", "--region", "--profile", "--state"}) {
    expect_misuse({"run", "words.yaml", name, ""}, name + end);
    expect_misuse({"run", "words.yaml", name + "="}, name + end);
  }
  expect_misuse({"put", ""}, "STREAM" + end);
  expect_misuse({"put", "words", ""}, "FILE" + end);
  expect_misuse({"local", "--streams", ""}, "--streams" + end);
  expect_misuse({"local", "--faults", ""}, "--faults" + end);
}

TEST_F(MisuseTest, AnAddressOrRegionThatIsNone) {
  write_pipeline();
  for (const std::string endpoint : {"foo", "ftp://127.0.0.1:1", "http://127.0.0.1:99999", "http://"}) {
    expect_misuse({"put", "words", "--endpoint", endpoint},
                  "the endpoint \"" + endpoint + "\" of the --endpoint option");
    expect_misuse({"run", "words.yaml", "--endpoint", endpoint}, "of the --endpoint option");
  }
  expect_misuse({"put", "words", "--region", "a b"}, "\"a b\" of the --region option is not the name of a region");
}

TEST_F(MisuseTest, AProfileThatIsNotThereIsNamed) {
  auto options = weir({"put", "words", "--profile", "nope"});
  options.environment = {"HOME=" + directory.string()};
  Child child(options);
  const auto end = child.finish();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("there is no profile \"nope\" in " + directory.string() + "/.aws/credentials"));
}

TEST_F(MisuseTest, AStreamsNameThatIsNone) {
  expect_misuse({"put", "bad name"},
                "STREAM: found 'bad name', expected a stream's name: 1 to 128 of a-z A-Z 0-9 _ . -");
  expect_misuse({"put", std::string(129, 'a')}, "expected a stream's name");
  expect_misuse({"local", "--port", "0", "--streams", "s p"},
                "--streams: found 's p', expected a stream's name: 1 to 128 of a-z A-Z 0-9 _ . -");
}

TEST_F(MisuseTest, OfFilesIsToldWithLineAndColumn) {
  write_file("bad.yaml", "name: words\nsource: { stream: words }\nkey: w\naggregates:\n  count: cuont\n");
  expect_misuse({"run", "bad.yaml"}, "bad.yaml:5:10");
  expect_misuse({"query", "bad.yaml"}, "bad.yaml:5:10");
  expect_misuse({"dead", "list", "bad.yaml"}, "bad.yaml:5:10");
  const std::string rest = " }\nkey: w\naggregates: { n: count }\n";
  write_file("region.yaml", "name: w\nsource: { stream: w, region: 'a b'" + rest);
  expect_misuse({"run", "region.yaml"}, "region.yaml:2:30: found \"a b\", expected a region");
  write_file("endpoint.yaml", "name: w\nsource: { stream: w, endpoint: foo" + rest);
  expect_misuse({"run", "endpoint.yaml"}, "endpoint.yaml:2:32: found \"foo\", expected an address");
  write_file("faults.yaml", "faults:\n  - fault: thortle\n");
  expect_misuse({"local", "--port", "0", "--faults", "faults.yaml"}, "faults.yaml:2:");
  expect_misuse({"local", "--port", "0", "--faults", "absent.yaml"}, "absent.yaml");
  expect_misuse({"local", "--port", "0", "--faults", "."}, ". cannot be read: is it a directory?");
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
    EXPECT_THAT(words, HasSubstr("cannot reach http://" + place + "; trying again\n"));
  }
  ::close(socket);
  EXPECT_FALSE(std::filesystem::exists(directory / "weir-state"));
}

// Accepts and says nothing, as a wrong port or a stuck service does: without a word the command seems to hang, and
// "cannot reach" sends people to look at the network.
TEST_F(MisuseTest, AnEndpointThatDoesNotAnswerIsNamedSoon) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket, 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto endpoint = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto started = std::chrono::steady_clock::now();
  Child put(weir({"put", "s", "--endpoint", endpoint}));
  put.wait_for_err("no answer from " + endpoint + " for 3 s; waiting");
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
  put.signal(SIGINT);
  EXPECT_THAT(put.finish().err, Not(HasSubstr("cannot reach")));
  ::close(socket);
}

// A proxy of the environment that is gone: nothing is wrong with the endpoint. To this machine none is used.
TEST_F(MisuseTest, ADeadProxyIsNamed) {
  ASSERT_TRUE(kinesis.create("words", 1).ok());
  const std::vector<std::string> proxies{"http_proxy=http://user:hush@127.0.0.1:9", "AWS_REGION=us-east-1",
                                         "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret"};
  const auto here = run_shell("printf 'a\\n' | \"$0\" put words", proxies);
  EXPECT_EQ(here.status, 0) << here.err;
  const auto far = run_shell("\"$0\" put words --endpoint http://kinesis.example.com", proxies);
  EXPECT_EQ(far.status, 1);
  EXPECT_THAT(far.err, HasSubstr("no connection to the proxy 127.0.0.1:9 on the way to kinesis.example.com:80"));
  EXPECT_THAT(far.err, Not(HasSubstr("hush")));
  EXPECT_THAT(far.err, Not(HasSubstr("--endpoint")));
}

// Answers every request alike, as a service does that does not know the caller.
class Refuser {
 public:
  Refuser()
      : Refuser("400 Bad Request",
                R"({"__type":"UnrecognizedClientException","message":"The security token is invalid."})",
                "x-amzn-RequestId: r-1\r\nContent-Type: application/x-amz-json-1.1\r\n") {}
  Refuser(const std::string& status, const std::string& body, const std::string& headers)
      : reply_("HTTP/1.1 " + status + "\r\n" + headers +
               "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) {
        return;
      }
      char request[16 * 1024];  // a whole one: they are small
      EXPECT_GT(::recv(socket, request, sizeof request, 0), 0);
      EXPECT_EQ(::send(socket, reply_.data(), reply_.size(), MSG_NOSIGNAL), static_cast<ssize_t>(reply_.size()));
      ::shutdown(socket, SHUT_WR);
      while (::recv(socket, request, sizeof request, 0) > 0) {
      }
      ::close(socket);
    }
  }

  const std::string reply_;
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

TEST_F(MisuseTest, AServerOfAnotherKindIsNamed) {
  const Refuser pages("404 Not Found", "<html>no such page</html>", "Content-Type: text/html\r\n");
  const auto words = expect_failure({"put", "words", "--endpoint", pages.endpoint()});
  EXPECT_THAT(words,
              HasSubstr("what answers at " + pages.endpoint() + " may be no Kinesis: check --endpoint (HTTP 404)"));
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
  std::filesystem::create_directory(directory / "empty");
  for (const auto& arguments : {std::vector<std::string>{"query", "words.yaml", "--state", "empty"},
                                {"dead", "list", "words.yaml", "--state", "empty"}}) {
    EXPECT_THAT(expect_failure(arguments), HasSubstr("there is no state of pipeline words in empty"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory / "empty"));
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
  auto text = read_file("words.yaml");
  write_file("other.yaml", text.replace(text.find("stream: words"), 13, "stream: other"));
  for (const auto& command : {std::vector<std::string>{"run"}, {"query"}, {"dead", "list"}, {"state", "show"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"other.yaml", "--state", "s"});
    EXPECT_THAT(expect_failure(arguments),
                HasSubstr("the totals of pipeline words in s are of kinesis:words, not of kinesis:other"));
  }
  // The worker is asked about a stream that it does not read.
  Child worker(weir({"run", "words.yaml", "--state", "s"}));
  wait_until([&] { return std::filesystem::exists(directory / "s" / "query.sock"); });
  EXPECT_THAT(expect_failure({"dead", "list", "other.yaml", "--state", "s"}),
              HasSubstr("the totals of pipeline words there are of kinesis:words, not of kinesis:other"));
  EXPECT_EQ(run({"dead", "list", "words.yaml", "--state", "s"}).status, 0);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.finish().status, 0);
}

TEST_F(MisuseTest, TheEndpointTakesNoEndpoint) {
  expect_misuse({"local", "--endpoint", "http://127.0.0.1:1"}, "there is no option '--endpoint'");
}

}  // namespace
}  // namespace weir::cli
