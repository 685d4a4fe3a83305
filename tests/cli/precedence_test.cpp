// flag > environment > file > profile, for everything that says where the service is and who asks. A setting that
// loses to a farther one sends production's records to a test, or a test's to production.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "cli/connect.hpp"
#include "tests/aws/files.hpp"
#include "weir/emulator/kinesis.hpp"

namespace weir::cli {
namespace {

/// Profiles "work", "home", "spare" and "file", each with keys and settings of its own.
struct Precedence : aws::testing::SharedFiles {
  using SharedFiles::set;
  CommonOptions flags;
  FileSettings file;

  Precedence() {
    std::string credentials, config;
    int n = 0;
    for (const std::string profile : {"work", "home", "spare", "file"}) {
      credentials += "[" + profile + "]\naws_access_key_id = KEY-OF-" + profile + "\naws_secret_access_key = secret\n";
      const auto number = std::to_string(++n);
      config += "[profile " + profile + "]\nregion = us-profile-" + number +
                "\nendpoint_url = http://profile.example:" + number + "\n";
    }
    credentials_file(credentials);
    config_file(config);
  }
  aws::Settings settled() {
    auto settings = settle(flags, file, environment());
    EXPECT_TRUE(settings.ok()) << (settings ? "" : settings.error().message);
    return settings ? *settings : aws::Settings();
  }
  std::string key() {
    const auto settings = settled();
    const auto keys = settings.credentials == nullptr ? Result<aws::Credentials>(refused("None", "none"))
                                                      : aws::testing::run(settings.credentials->get({}));
    return keys ? keys->access_key_id : keys.error().code;
  }
};

struct Source {
  const char* name;
  std::function<void(Precedence&, const std::string&)> set;
};
Source variable(const char* name) {
  return {name, [name](Precedence& test, const std::string& value) { test.set(name, value); }};
}

/// Whoever may name the profile: each in turn, so that none of them changes what the rest says.
const std::vector<Source> names_the_profile = {
    {"--profile", [](Precedence& test, const std::string& value) { test.flags.profile = value; }},
    variable("AWS_PROFILE"),
    variable("AWS_DEFAULT_PROFILE"),
    {"the file's profile", [](Precedence& test, const std::string& value) { test.file.profile = value; }},
};

/// Each place beats each that is farther away, and the profile's own, whoever named the profile.
void expect_the_nearer(Precedence& test, const std::vector<Source>& sources, const std::vector<std::string>& values,
                       const std::string& of_the_profile, const std::function<std::string()>& settled) {
  for (const auto& names : names_the_profile) {
    names.set(test, "work");
    EXPECT_EQ(settled(), of_the_profile) << "profile by " << names.name;
    for (std::size_t near = 0; near < sources.size(); ++near) {
      for (std::size_t far = near; far < sources.size(); ++far) {
        sources[far].set(test, values[far]);
        sources[near].set(test, values[near]);
        EXPECT_EQ(settled(), values[near])
            << sources[near].name << " beside " << sources[far].name << ", profile by " << names.name;
        sources[far].set(test, "");
        sources[near].set(test, "");
      }
    }
    names.set(test, "");
  }
}

TEST_F(Precedence, OfTheEndpoint) {
  const std::vector<Source> sources = {
      {"--endpoint", [](Precedence& test, const std::string& value) { test.flags.endpoint = value; }},
      variable("AWS_ENDPOINT_URL_KINESIS"),
      variable("AWS_ENDPOINT_URL"),
      {"the file's endpoint", [](Precedence& test, const std::string& value) { test.file.endpoint = value; }},
  };
  expect_the_nearer(*this, sources,
                    {"http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4"},
                    "http://profile.example:1", [this] { return settled().endpoint; });
}

// For an endpoint on this machine too: what is signed for us-east-1 there instead is refused, or counted under another
// region.
TEST_F(Precedence, OfTheRegion) {
  const std::vector<Source> sources = {
      {"--region", [](Precedence& test, const std::string& value) { test.flags.region = value; }},
      variable("AWS_REGION"),
      variable("AWS_DEFAULT_REGION"),
      {"the file's region", [](Precedence& test, const std::string& value) { test.file.region = value; }},
  };
  for (const auto* endpoint : {"", "http://127.0.0.1:4567"}) {
    SCOPED_TRACE(endpoint);
    flags.endpoint = endpoint;
    expect_the_nearer(*this, sources, {"eu-west-1", "eu-west-2", "eu-west-3", "eu-west-4"}, "us-profile-1",
                      [this] { return settled().region; });
  }
}

TEST_F(Precedence, OfTheProfile) {
  const char* profiles[] = {"work", "home", "spare", "file"};
  for (std::size_t i = names_the_profile.size(); i-- > 0;) {
    names_the_profile[i].set(*this, profiles[i]);
    EXPECT_EQ(key(), std::string("KEY-OF-") + profiles[i]) << names_the_profile[i].name;
    EXPECT_EQ(settled().region, "us-profile-" + std::to_string(i + 1)) << names_the_profile[i].name;
  }
}

// Keys in the environment are nearer than a profile named there or in the file, and farther than --profile: who types
// it means it.
TEST_F(Precedence, OfKeysInTheEnvironment) {
  set("AWS_ACCESS_KEY_ID", "KEY-OF-THE-ENVIRONMENT");
  set("AWS_SECRET_ACCESS_KEY", "secret");
  for (const auto& names : names_the_profile) {
    names.set(*this, "work");
    const bool typed = !flags.profile.empty();
    EXPECT_EQ(key(), typed ? "KEY-OF-work" : "KEY-OF-THE-ENVIRONMENT") << names.name;
    EXPECT_EQ(settled().region, "us-profile-1") << "the rest of the profile holds: " << names.name;
    names.set(*this, "");
  }
}

/// A service that lets nobody describe the stream.
struct Secretive : emulator::Kinesis {
  Task<api::StreamSummary> describe_stream_summary(const api::StreamRef&, std::stop_token) override {
    co_return Error(error);
  }
  Error error =
      refused("AccessDeniedException", "User: me is not authorized to perform: kinesis:DescribeStreamSummary");
};

// A producer's role often may put and nothing else. It must not need a right that its work does not.
TEST(FindStream, PassesOverThatOneMayNotDescribe) {
  Connection connection;
  auto service = std::make_unique<Secretive>();
  auto& error = service->error;
  connection.kinesis = std::move(service);
  const auto found = aws::testing::run(find_stream(connection, "s", {}));
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->name, "");
  EXPECT_EQ(found->record_bytes_max, 0U);

  error.code = "KMSAccessDeniedException";
  EXPECT_FALSE(aws::testing::run(find_stream(connection, "s", {})).ok()) << "another refusal is one";
}

}  // namespace
}  // namespace weir::cli
