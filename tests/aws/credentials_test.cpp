#include "weir/aws/credentials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "aws/profile_files.hpp"
#include "files.hpp"

namespace weir::aws {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Nobody can write keys to a stream, so no log line or test failure shows them by accident.
template <class T>
concept Streamable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(Streamable<std::string> && !Streamable<Credentials>);

class CredentialsTest : public testing::SharedFiles {
 protected:
  /// "<key id>/<secret>/<token>", or the error's code and message.
  std::string found(const std::string& profile = {}) const {
    auto provider = default_provider(environment(), profile);
    return provider ? keys(**provider) : to_string(provider.error());
  }
  static std::string keys(CredentialsProvider& provider) {
    const auto got = testing::run(provider.get({}));
    return got ? got->access_key_id + "/" + got->secret_access_key + "/" + got->session_token : to_string(got.error());
  }
};

TEST_F(CredentialsTest, ComeFromTheEnvironment) {
  set("AWS_ACCESS_KEY_ID", "ENVID");
  set("AWS_SECRET_ACCESS_KEY", "env-secret");
  EXPECT_EQ(found(), "ENVID/env-secret/");
  set("AWS_SECURITY_TOKEN", "old-name");
  EXPECT_EQ(found(), "ENVID/env-secret/old-name");
  set("AWS_SESSION_TOKEN", "new-name");
  EXPECT_EQ(found(), "ENVID/env-secret/new-name");
}

// Half a pair is a mistake. Going on to the profile would run as somebody else.
TEST_F(CredentialsTest, RefuseHalfAPairInTheEnvironmentNamingTheOtherHalf) {
  credentials_file("[default]\naws_access_key_id = FILEID\naws_secret_access_key = file-secret\n");
  set("AWS_ACCESS_KEY_ID", "ENVID");
  EXPECT_THAT(found(), AllOf(HasSubstr("PartialCredentials"), HasSubstr("AWS_SECRET_ACCESS_KEY is not")));
  set("AWS_ACCESS_KEY_ID", "");
  set("AWS_SECRET_ACCESS_KEY", "env-secret");
  EXPECT_THAT(found(), AllOf(HasSubstr("AWS_ACCESS_KEY_ID is not"), Not(HasSubstr("env-secret"))));
}

TEST_F(CredentialsTest, ComeFromTheProfileThatIsNamed) {
  credentials_file(
      "# a comment\n"
      "[default]\n"
      "aws_access_key_id = ID0\r\n"
      "aws_secret_access_key=secret+/=0   # a comment\n"
      "\n"
      "[work]\n"
      "AWS_ACCESS_KEY_ID=ID1\n"
      "aws_secret_access_key = not#a;comment\n"
      "aws_session_token = token1\n"
      "[legacy]\n"
      "aws_access_key_id=ID2\n"
      "aws_secret_access_key=secret2\n"
      "aws_security_token=token2\n");
  EXPECT_EQ(found(), "ID0/secret+/=0/");
  EXPECT_EQ(found("work"), "ID1/not#a;comment/token1");
  set("AWS_DEFAULT_PROFILE", "legacy");
  EXPECT_EQ(found(), "ID2/secret2/token2");
  set("AWS_PROFILE", "work");
  EXPECT_EQ(found(), "ID1/not#a;comment/token1");
}

// A flag beats the environment, which beats the files.
TEST_F(CredentialsTest, PreferTheChosenProfileToTheEnvironmentAndThatToTheDefaultProfile) {
  credentials_file(
      "[default]\naws_access_key_id=FILEID\naws_secret_access_key=s\n"
      "[work]\naws_access_key_id=WORKID\naws_secret_access_key=s\n");
  set("AWS_ACCESS_KEY_ID", "ENVID");
  set("AWS_SECRET_ACCESS_KEY", "s");
  set("AWS_PROFILE", "work");
  EXPECT_EQ(found(), "ENVID/s/");
  EXPECT_EQ(found("default"), "FILEID/s/");
}

TEST_F(CredentialsTest, AreFoundInTheConfigFileToo) {
  config_file(
      "[default]\naws_access_key_id=CONFIGID\naws_secret_access_key=s\n"
      "[profile \"my work\"]\naws_access_key_id=WORKID\naws_secret_access_key=s\n"
      "[plain]\naws_access_key_id=NOPROFILE\naws_secret_access_key=s\n");
  EXPECT_EQ(found(), "CONFIGID/s/");
  EXPECT_EQ(found("my work"), "WORKID/s/");
  EXPECT_THAT(found("plain"), HasSubstr("NoSuchProfile")) << "the config file writes [profile plain]";
}

// An old token beside keys of another file would make every request fail.
TEST_F(CredentialsTest, AreNeverMixedOverTwoFiles) {
  credentials_file("[default]\naws_access_key_id=NEWID\naws_secret_access_key=new\n");
  config_file("[default]\naws_access_key_id=OLDID\naws_secret_access_key=old\naws_session_token=old\n");
  EXPECT_EQ(found(), "NEWID/new/");
}

TEST_F(CredentialsTest, ComeFromFilesThatTheEnvironmentNames) {
  write(home_ / "elsewhere", "[default]\naws_access_key_id=ELSEWHERE\naws_secret_access_key=s\n");
  set("AWS_SHARED_CREDENTIALS_FILE", "~/elsewhere");
  EXPECT_EQ(found(), "ELSEWHERE/s/");
}

// The people who hit these need the name of what is wrong, and the file's secrets must not be in it.
TEST_F(CredentialsTest, RefuseBadFilesByFileAndLineWithoutQuotingThem) {
  struct Case {
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {"[default]\naws_access_key_id=ID\n", "aws_access_key_id without aws_secret_access_key"},
      {"[default]\naws_secret_access_key=SECRETX\n", "aws_secret_access_key without aws_access_key_id"},
      {"aws_access_key_id=ID\n", "credentials:1: there is a line before the first [section]"},
      {"[default\naws_access_key_id=ID\n", "credentials:1: a section is written [name]"},
      {"[default]\n\nSECRETX\n", "credentials:3: expected \"key = value\""},
      {"[default]\n= SECRETX\n", "credentials:2: expected \"key = value\""},
      {"[default]\naws_access_key_id=ID\naws_secret_access_key=SECRETX SECRETX\n", "the secret access key in profile"},
      {"[default]\naws_access_key_id=I\xc3\xa4\naws_secret_access_key=SECRETX\n", "the access key id in profile"},
      {std::string(ProfileFiles::file_bytes_max + 1, '#'), "larger than 1048576 bytes"},
  };
  for (const auto& bad : cases) {
    credentials_file(bad.text);
    EXPECT_THAT(found(), AllOf(HasSubstr(bad.expected), Not(HasSubstr("SECRETX")))) << bad.text.substr(0, 80);
  }
}

TEST_F(CredentialsTest, RefuseAFileThatIsADirectory) {
  set("AWS_SHARED_CREDENTIALS_FILE", home_.string());
  EXPECT_THAT(found(), AllOf(HasSubstr("BadProfileFile"), HasSubstr("cannot be read")));
}

// Signing with the keys meant for assuming a role would act as the wrong identity.
TEST_F(CredentialsTest, RefuseKindsOfProfilesThatThisVersionDoesNotKnow) {
  for (const auto* key : {"role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "sso_account_id"}) {
    config_file(std::string("[default]\naws_access_key_id=ID\naws_secret_access_key=s\n") + key + " = x\n");
    EXPECT_THAT(found(), AllOf(HasSubstr("UnsupportedCredentials"), HasSubstr(key), HasSubstr("static keys"))) << key;
  }
  for (const auto* key : {"credential_process", "credential_source", "source_profile", "login_session"}) {
    config_file(std::string("[default]\n") + key + " = x\n");
    EXPECT_THAT(found(), AllOf(HasSubstr("UnsupportedCredentials"), HasSubstr(key), HasSubstr("static keys"))) << key;
  }
  config_file("[default]\ncredential_process = x\naws_access_key_id=ID\naws_secret_access_key=s\n");
  EXPECT_EQ(found(), "ID/s/");
}

TEST_F(CredentialsTest, SayWhatToDoWhenThereAreNone) {
  EXPECT_THAT(found(), AllOf(HasSubstr("NoCredentials"), HasSubstr("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
                             HasSubstr(home_.string() + "/.aws/credentials")));
  EXPECT_THAT(found("absent"), AllOf(HasSubstr("NoSuchProfile"), HasSubstr("\"absent\"")));
  set("AWS_PROFILE", "typo");
  EXPECT_THAT(found(), AllOf(HasSubstr("NoSuchProfile"), HasSubstr("\"typo\"")));
  set("AWS_PROFILE", "");
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
  EXPECT_THAT(found(), AllOf(HasSubstr("UnsupportedCredentials"), HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI")));
}

// Other tools renew session tokens in the file while a worker runs. A file caught half written must not
// take away the keys that still work.
TEST_F(CredentialsTest, AreReadAgainFromTheFileWhenTheServiceRefusedThem) {
  credentials_file("[default]\naws_access_key_id=OLD\naws_secret_access_key=s\n");
  auto provider = default_provider(environment());
  ASSERT_TRUE(provider);
  credentials_file("[default]\naws_access_key_id=NEW\naws_secret_access_key=s\n");
  EXPECT_EQ(keys(**provider), "OLD/s/");
  (*provider)->invalidate();
  EXPECT_EQ(keys(**provider), "NEW/s/");
  credentials_file("[default]\naws_access_key_id=HALF\n");
  (*provider)->invalidate();
  EXPECT_EQ(keys(**provider), "NEW/s/");
}

TEST(ProfileFiles, ReadNestedSettingsOneLevelDeep) {
  const auto ini = parse_ini(
      "\xef\xbb\xbf[services local]\nkinesis =\n  endpoint_url = http://a\n\tother=1\ns3 =\n  endpoint_url = b\n"
      "last = x\n  more of x\n[profile a]\n  services = local\n[profile a]\nregion=r\n",
      "config");
  ASSERT_TRUE(ini) << to_string(ini.error());
  const auto& services = ini->at("services local");
  EXPECT_EQ(services.at("kinesis.endpoint_url"), "http://a");
  EXPECT_EQ(services.at("kinesis.other"), "1");
  EXPECT_EQ(services.at("s3.endpoint_url"), "b");
  EXPECT_EQ(services.at("last"), "x");
  EXPECT_EQ(ini->at("profile a").at("services"), "local") << "an indented line right after a section stands for itself";
  EXPECT_EQ(ini->at("profile a").at("region"), "r") << "a section may come in two parts";
}

}  // namespace
}  // namespace weir::aws
