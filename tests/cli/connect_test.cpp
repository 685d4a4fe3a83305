#include "cli/connect.hpp"

#include <gtest/gtest.h>

#include <map>

namespace weir::cli {
namespace {

struct SettleTest : testing::Test {
  CommonOptions flags;
  FileSettings file;
  std::map<std::string, std::string> variables{{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};

  aws::Settings settle_all() {
    auto settings = settle(flags, file, [this](const std::string& name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::string() : found->second;
    });
    EXPECT_TRUE(settings.ok()) << (settings ? "" : settings.error().message);
    return settings ? *settings : aws::Settings();
  }
};

// flag > environment > file > profile: who sets the nearer one means it.
TEST_F(SettleTest, TheNearerSettingWins) {
  file.endpoint = "http://127.0.0.1:3";
  file.region = "eu-west-3";
  EXPECT_EQ(settle_all().endpoint, "http://127.0.0.1:3");
  EXPECT_EQ(settle_all().region, "eu-west-3");

  variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:2";
  variables["AWS_REGION"] = "eu-west-2";
  EXPECT_EQ(settle_all().endpoint, "http://127.0.0.1:2");
  EXPECT_EQ(settle_all().region, "eu-west-2");

  flags.endpoint = "http://127.0.0.1:1";
  flags.region = "eu-west-1";
  EXPECT_EQ(settle_all().endpoint, "http://127.0.0.1:1");
  EXPECT_EQ(settle_all().region, "eu-west-1");
}

TEST_F(SettleTest, AnIgnoredEndpointOfTheEnvironmentIsNoSetting) {
  file.endpoint = "http://127.0.0.1:3";
  variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:2";
  variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_EQ(settle_all().endpoint, "http://127.0.0.1:3");
}

// A profile that is named in the file must exist, unless the environment names another.
TEST_F(SettleTest, TakesTheFilesProfileWhereTheEnvironmentHasNone) {
  variables.clear();
  variables["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null";
  variables["AWS_CONFIG_FILE"] = "/dev/null";
  file.region = "eu-west-3";
  file.profile = "of-the-file";
  const auto refused = settle(flags, file, [this](const std::string& name) { return variables[name]; });
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("of-the-file"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace weir::cli
