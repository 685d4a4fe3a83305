#include "weir/aws/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "files.hpp"

namespace weir::aws {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SettingsTest : public testing::SharedFiles {
 protected:
  Result<Settings> resolve() const {
    auto options = chosen_;
    options.environment = environment();
    return resolve_settings(options);
  }
  std::string region() const {
    const auto settings = resolve();
    return settings ? settings->region : to_string(settings.error());
  }
  std::string endpoint() const {
    const auto settings = resolve();
    return settings ? settings->endpoint : to_string(settings.error());
  }
  void set_keys() {
    set("AWS_ACCESS_KEY_ID", "ENVID");
    set("AWS_SECRET_ACCESS_KEY", "env-secret");
  }
  SettingsOptions chosen_;
};

TEST_F(SettingsTest, TakeTheRegionFromTheFirstPlaceThatNamesOne) {
  set_keys();
  config_file("[default]\nregion = eu-west-1\n[profile work]\nregion = eu-west-2\n");
  EXPECT_EQ(region(), "eu-west-1");
  set("AWS_PROFILE", "work");
  EXPECT_EQ(region(), "eu-west-2");
  set("AWS_DEFAULT_REGION", "us-west-1");
  EXPECT_EQ(region(), "us-west-1");
  set("AWS_REGION", "us-west-2");
  EXPECT_EQ(region(), "us-west-2");
  chosen_.region = "eu-north-1";
  EXPECT_EQ(region(), "eu-north-1");
}

// The region becomes part of a host name: anything else in it could send requests elsewhere.
TEST_F(SettingsTest, RefuseAMissingOrMalformedRegion) {
  set_keys();
  EXPECT_THAT(region(), AllOf(HasSubstr("NoRegion"), HasSubstr("--region"), HasSubstr("AWS_REGION")));
  for (const auto* bad : {"eu west", "x.evil.example/", "EU-WEST-1", "-a", "a@b", "a\nb"}) {
    chosen_.region = bad;
    EXPECT_THAT(region(), HasSubstr("BadRegion")) << bad;
  }
  chosen_.region = std::string(64, 'a');
  EXPECT_THAT(region(), HasSubstr("BadRegion"));
}

TEST_F(SettingsTest, TakeTheEndpointFromTheFirstPlaceThatNamesOne) {
  set_keys();
  set("AWS_REGION", "eu-central-1");
  EXPECT_EQ(endpoint(), "https://kinesis.eu-central-1.amazonaws.com");
  config_file("[default]\nendpoint_url = http://profile:1\n");
  EXPECT_EQ(endpoint(), "http://profile:1");
  config_file(
      "[default]\nendpoint_url = http://profile:1\nservices = mine\n[services mine]\nkinesis =\n  endpoint_url = "
      "http://services:1\n");
  EXPECT_EQ(endpoint(), "http://services:1");
  set("AWS_ENDPOINT_URL", "http://global:1");
  EXPECT_EQ(endpoint(), "http://global:1");
  set("AWS_ENDPOINT_URL_KINESIS", "http://kinesis:1/");
  EXPECT_EQ(endpoint(), "http://kinesis:1");
  set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
  EXPECT_EQ(endpoint(), "https://kinesis.eu-central-1.amazonaws.com");
  chosen_.endpoint = "https://option.example/path/";
  EXPECT_EQ(endpoint(), "https://option.example/path");
}

TEST_F(SettingsTest, RefuseAMalformedEndpointByTheNameOfItsPlace) {
  set_keys();
  set("AWS_REGION", "eu-central-1");
  struct Case {
    const char* endpoint;
    const char* expected;
  };
  for (const auto& bad :
       {Case{"127.0.0.1:4567", "must begin with http://"}, Case{"localhost", "must begin with http://"},
        Case{"ftp://a", "must begin with http://"}, Case{"http:///x", "needs a host"}, Case{"http://a:0", "port"},
        Case{"http://a:65536", "port"}, Case{"http://a:x", "port"}, Case{"http://[::1", "needs a host"},
        Case{"http://a?b", "query"}, Case{"http://a#b", "query"}, Case{"http://a b", "blank"},
        Case{"http://user:PASSWORD@a", "user name or password"}}) {
    set("AWS_ENDPOINT_URL", bad.endpoint);
    EXPECT_THAT(endpoint(), AllOf(HasSubstr("BadEndpoint"), HasSubstr("AWS_ENDPOINT_URL"), HasSubstr(bad.expected),
                                  Not(HasSubstr("PASSWORD"))));
  }
  chosen_.endpoint = "nonsense";
  EXPECT_THAT(endpoint(), HasSubstr("--endpoint"));
}

// Rules of the service: a wrong suffix would make a whole partition unreachable.
TEST(KinesisEndpoint, FollowsThePartitionOfTheRegion) {
  EXPECT_EQ(kinesis_endpoint("us-east-1"), "https://kinesis.us-east-1.amazonaws.com");
  EXPECT_EQ(kinesis_endpoint("cn-north-1"), "https://kinesis.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(kinesis_endpoint("us-gov-west-1"), "https://kinesis.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(kinesis_endpoint("eusc-de-east-1"), "https://kinesis.eusc-de-east-1.amazonaws.eu");
  EXPECT_EQ(kinesis_endpoint("us-iso-east-1"), "https://kinesis.us-iso-east-1.c2s.ic.gov");
  EXPECT_EQ(kinesis_endpoint("us-isob-east-1"), "https://kinesis.us-isob-east-1.sc2s.sgov.gov");
  EXPECT_EQ(kinesis_endpoint("eu-isoe-west-1"), "https://kinesis.eu-isoe-west-1.cloud.adc-e.uk");
  EXPECT_EQ(kinesis_endpoint("us-isof-south-1"), "https://kinesis.us-isof-south-1.csp.hci.ic.gov");
  EXPECT_EQ(kinesis_endpoint("us-east-1", true), "https://kinesis-fips.us-east-1.amazonaws.com");
  EXPECT_EQ(kinesis_endpoint("us-gov-west-1", true), "https://kinesis.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(kinesis_endpoint("us-east-1", false, true), "https://kinesis.us-east-1.api.aws");
  EXPECT_EQ(kinesis_endpoint("cn-north-1", true, true), "https://kinesis-fips.cn-north-1.api.amazonwebservices.com.cn");
}

// Who must use FIPS hosts must not be sent elsewhere in silence.
TEST_F(SettingsTest, HonourFipsAndDualStackOrRefuseThem) {
  set_keys();
  set("AWS_REGION", "us-east-1");
  set("AWS_USE_FIPS_ENDPOINT", "true");
  EXPECT_EQ(endpoint(), "https://kinesis-fips.us-east-1.amazonaws.com");
  set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
  EXPECT_THAT(endpoint(), AllOf(HasSubstr("BadEndpoint"), HasSubstr("FIPS")));
  set("AWS_ENDPOINT_URL", "");
  set("AWS_USE_FIPS_ENDPOINT", "yes");
  EXPECT_THAT(endpoint(), HasSubstr("AWS_USE_FIPS_ENDPOINT must be true or false"));
  set("AWS_USE_FIPS_ENDPOINT", "FALSE");
  config_file("[default]\nuse_dualstack_endpoint = true\n");
  EXPECT_EQ(endpoint(), "https://kinesis.us-east-1.api.aws");
  set("AWS_REGION", "us-iso-east-1");
  EXPECT_THAT(endpoint(), HasSubstr("no dual-stack endpoint"));
}

TEST(Loopback, IsThisMachineOverPlainHttpOnly) {
  for (const auto* local : {"http://localhost:4567", "http://127.0.0.1", "http://127.8.9.1:80/x", "http://[::1]:1"}) {
    EXPECT_TRUE(is_loopback(local)) << local;
  }
  for (const auto* other : {"https://localhost", "http://127.example.com", "http://localhost.example.com",
                            "http://10.0.0.1", "http://[::2]", "", "localhost"}) {
    EXPECT_FALSE(is_loopback(other)) << other;
  }
}

// `weir run --endpoint http://127.0.0.1:4567` must work on a machine that never heard of AWS.
TEST_F(SettingsTest, NeedNothingForAnEndpointOnThisMachine) {
  chosen_.endpoint = "http://127.0.0.1:4567";
  const auto settings = resolve();
  ASSERT_TRUE(settings) << to_string(settings.error());
  EXPECT_EQ(settings->region, "us-east-1");
  const auto keys = testing::run(settings->credentials->get({}));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->access_key_id, "000000000000");

  config_file("[default]\nsso_session = corporate\n");
  EXPECT_TRUE(resolve()) << "nor is a kind of profile in the way that this version does not know";
}

// Made-up keys stand in for none, never for a mistake, and never elsewhere.
TEST_F(SettingsTest, InventKeysOnlyWhereThereAreNoneAndOnlyForThisMachine) {
  chosen_.endpoint = "http://127.0.0.1:4567";
  set("AWS_ACCESS_KEY_ID", "ENVID");
  EXPECT_THAT(endpoint(), HasSubstr("PartialCredentials"));
  set("AWS_SECRET_ACCESS_KEY", "env-secret");
  EXPECT_EQ(testing::run(resolve()->credentials->get({}))->access_key_id, "ENVID");
  set("AWS_ACCESS_KEY_ID", "");
  set("AWS_SECRET_ACCESS_KEY", "");
  chosen_.profile = "absent";
  EXPECT_THAT(endpoint(), HasSubstr("NoSuchProfile"));
  chosen_.profile = "";
  chosen_.endpoint = "http://10.0.0.1:4567";
  chosen_.region = "us-east-1";
  EXPECT_THAT(endpoint(), HasSubstr("NoCredentials"));
}

TEST_F(SettingsTest, TakeTheCaBundleFromEnvironmentOrProfile) {
  set_keys();
  config_file("[default]\nregion = eu-west-1\nca_bundle = /from/profile.pem\n");
  EXPECT_EQ(resolve()->ca_bundle, "/from/profile.pem");
  set("AWS_CA_BUNDLE", "/from/environment.pem");
  EXPECT_EQ(resolve()->ca_bundle, "/from/environment.pem");
}

// The default options look at this process' own variables.
TEST(ProcessEnvironment, ReadsVariablesAndTakesUnsetForEmpty) {
  EXPECT_EQ(process_environment()("WEIR_SURELY_NOT_SET"), "");
  EXPECT_FALSE(process_environment()("PATH").empty());
}

}  // namespace
}  // namespace weir::aws
