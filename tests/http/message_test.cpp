#include "weir/http/message.hpp"

#include <gtest/gtest.h>

#include "http/url.hpp"

namespace weir::http {
namespace {

// AWS, its emulators and proxies spell names differently.
TEST(Headers, AreFoundWhateverTheirCase) {
  Headers headers;
  ASSERT_TRUE(headers.add_line("x-amzn-RequestId: \t abc "));
  ASSERT_TRUE(headers.add_line("Date:Tue, 24 Nov 2026 06:05:30 GMT"));
  EXPECT_EQ(headers.find("X-AMZN-REQUESTID"), "abc");
  EXPECT_EQ(headers.find("date"), "Tue, 24 Nov 2026 06:05:30 GMT");
  EXPECT_EQ(headers.find("dat"), std::nullopt);
  EXPECT_EQ(headers.at(0).first, "x-amzn-RequestId");
}

TEST(Headers, GiveTheFirstOfSeveralAndAnEmptyValueAsEmpty) {
  Headers headers;
  ASSERT_TRUE(headers.add_line("a: 1"));
  ASSERT_TRUE(headers.add_line("A: 2"));
  ASSERT_TRUE(headers.add_line("b:"));
  EXPECT_EQ(headers.find("a"), "1");
  EXPECT_EQ(headers.find("b"), "");
  EXPECT_EQ(headers.size(), 3U);
}

// Lines that two readers would read differently are how replies are smuggled past one of them.
TEST(Headers, RefuseLinesThatAreNoHeader) {
  Headers headers;
  for (const auto* line : {"", "no colon", ": no name", " folded: line", "name : value", "\tx: y"}) {
    EXPECT_FALSE(headers.add_line(line)) << line;
  }
  EXPECT_EQ(headers.size(), 0U);
}

// Messages name the place to look at, so it must be right for every form of URL.
TEST(Url, OriginAndPlace) {
  const auto place = [](std::string_view url) {
    const auto origin = origin_of(url);
    return origin ? place_of(*origin) : std::string("refused");
  };
  EXPECT_EQ(place("http://localhost:4567/a?b"), "localhost:4567");
  EXPECT_EQ(place("https://kinesis.eu-west-1.amazonaws.com/"), "kinesis.eu-west-1.amazonaws.com:443");
  EXPECT_EQ(place("http://host"), "host:80");
  EXPECT_EQ(place("http://[::1]:80/"), "[::1]:80");
  EXPECT_EQ(place("https://[::1]"), "[::1]:443");
  EXPECT_EQ(place("http://host?q=1"), "host:80");
}

// What a message repeats ends up in logs: a URL can hold a password or a signature.
TEST(Url, RefusesWhatItCannotSendAndNeverRepeatsIt) {
  for (const auto* url : {"", "ftp://secret", "http://", "http:///secret", "http://secret:pw@host/",
                          "http://host/se cret", "http://host/\r\nsecret", "file:///secret", "secret"}) {
    const auto origin = origin_of(url);
    ASSERT_FALSE(origin) << url;
    EXPECT_EQ(origin.error().code, "BadRequest");
    EXPECT_EQ(origin.error().next, Next::refused);
    EXPECT_EQ(origin.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::http
