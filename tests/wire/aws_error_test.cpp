#include "weir/wire/aws_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bytes.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/json_writer.hpp"
#include "weir/wire/utf8.hpp"

namespace weir::wire {
namespace {

// The forms clients must accept (Smithy, awsJson1_1).
TEST(AwsError, CutsTheTypeOutOfEveryForm) {
  for (const auto* form :
       {"FooError", "FooError:http://internal.amazon.com/coral/com.amazon.coral.validate/",
        "aws.protocoltests.json#FooError",
        "aws.protocoltests.json#FooError:http://internal.amazon.com/coral/com.amazon.coral.validate/", " FooError "}) {
    EXPECT_EQ(bare_error_type(form), "FooError") << form;
    EXPECT_EQ(read_aws_error(form, "").code, "FooError");
    std::string body;
    JsonWriter writer(body);
    write_aws_error(writer, form, "m");
    EXPECT_EQ(read_aws_error("", body).code, "FooError");
  }
}

// The type is shown to people and compared with names: it must be a name.
TEST(AwsError, TakesNothingForATypeThatIsNoName) {
  for (const auto& form : {std::string(""), std::string("a b"), std::string("a\nb"), std::string("#"),
                           std::string(":http://x"), std::string(300, 'a'), std::string("\x1b[31mX")}) {
    EXPECT_EQ(bare_error_type(form), "");
  }
}

TEST(AwsError, ReadsJsonAndCbor) {
  for (const auto format : {Format::json, Format::cbor}) {
    std::string body;
    JsonWriter json(body);
    CborWriter cbor(body);
    write_aws_error(format == Format::json ? static_cast<Writer&>(json) : cbor, "ResourceNotFoundException",
                    "Stream flights under account 123 not found.");
    const auto error = read_aws_error("", body);
    EXPECT_EQ(error.code, "ResourceNotFoundException");
    EXPECT_EQ(error.message, "Stream flights under account 123 not found.");
  }
}

TEST(AwsError, ReadsTheKeysOfOtherServices) {
  EXPECT_EQ(read_aws_error("", R"({"code":"X","Message":"m"})").code, "X");
  EXPECT_EQ(read_aws_error("", R"({"code":"X","Message":"m"})").message, "m");
  EXPECT_EQ(read_aws_error("", R"({"__type":null,"message":null})").code, "");
  EXPECT_EQ(read_aws_error("", R"({"__type":5,"message":[]})").code, "");
}

TEST(AwsError, PrefersTheHeader) {
  const auto error = read_aws_error("A#First:http://x", R"({"__type":"Second","message":"m"})");
  EXPECT_EQ(error.code, "First");
  EXPECT_EQ(error.message, "m");
}

// Answers from before the service read the request come in other shapes, whatever their content type.
TEST(AwsError, ReadsMarkup) {
  EXPECT_EQ(read_aws_error("", "<UnknownOperationException/>").code, "UnknownOperationException");
  EXPECT_EQ(read_aws_error("", "<UnknownOperationException/>\n").code, "UnknownOperationException");
  EXPECT_EQ(read_aws_error("",
                           "<AccessDeniedException>\n  <Message>Unable to determine service</Message>\n"
                           "</AccessDeniedException>\n")
                .message,
            "Unable to determine service");
  const auto error =
      read_aws_error("", "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message>");
  EXPECT_EQ(error.code, "Throttling");
  EXPECT_EQ(error.message, "Rate exceeded");
  EXPECT_EQ(read_aws_error("", "<html><body>502 Bad Gateway</body></html>").code, "");
}

TEST(AwsError, ReadsPlainTextAndNothing) {
  EXPECT_EQ(read_aws_error("", "upstream connect error\r\nreset").message, "upstream connect error  reset");
  EXPECT_EQ(read_aws_error("", "").code, "");
  EXPECT_EQ(read_aws_error("", "").message, "");
  EXPECT_EQ(read_aws_error("", std::string("\xff\xfe\0", 3)).message, "");
  EXPECT_EQ(read_aws_error("", "<").code, "");
}

// Messages are printed and logged: escape sequences, line ends, broken text and whole pages stay out.
TEST(AwsError, KeepsMessagesToOneCleanLine) {
  EXPECT_EQ(read_aws_error("", R"({"__type":"X","message":"a\n\u001b[31mb"})").message, "a  [31mb");
  const auto cut = read_aws_error("", "x" + std::string(3000, ' ') + "\xc3\xa9").message;
  EXPECT_EQ(cut.size(), AwsError::message_bytes_max);
  std::string accents = "x";
  for (int i = 0; i < 1000; ++i) {
    accents += "\xc3\xa9";
  }
  const auto message = read_aws_error("", accents).message;
  EXPECT_TRUE(is_utf8(message));
  EXPECT_EQ(message.size(), AwsError::message_bytes_max - 1);
  std::string cbor;
  CborWriter writer(cbor);
  write_aws_error(writer, "X", "a\xff");
  EXPECT_EQ(read_aws_error("", cbor).message, "a?");
}

}  // namespace
}  // namespace weir::wire
