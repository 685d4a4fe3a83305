#include "weir/wire/base64.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bytes.hpp"

namespace weir::wire {
namespace {

// RFC 4648, section 10.
TEST(Base64, WritesAndReadsTheRfcsExamples) {
  const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
  EXPECT_EQ(encode_base64("\xfb\xff\xbf"), "+/+/");
}

// Whatever a record holds must come back: groups of eight, six and three bytes take different paths.
RC_GTEST_PROP(Base64, ReadsBackWhatItWrote, (const std::string& bytes)) {
  const auto text = encode_base64(bytes);
  RC_ASSERT(text.size() == base64_size(bytes.size()));
  RC_ASSERT(decode_base64(text) == bytes);
}

// A second text for one value would let two clients disagree about what was sent; a lenient reader would
// turn a damaged text into other bytes instead of an error.
TEST(Base64, RefusesEverythingButTheOneTextOfAValue) {
  for (const auto* text : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Zm8==", "=", "====", "Zg==Zg==", "Zm 9",
                           "Zm9v\n", "Zm-_", "Z===", "=m9v", "Zm9vZg=a", "Zm9\xff"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
    Arena arena;
    EXPECT_EQ(decode_base64(text, arena), std::nullopt) << text;
  }
}

// Every byte in every place: a hole in one of the four tables would accept a wrong letter.
TEST(Base64, KnowsExactlyItsAlphabet) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t place = 0; place < 4; ++place) {
    for (int c = 0; c < 256; ++c) {
      std::string text = "AAAAAAAA";
      text[place] = static_cast<char>(c);
      EXPECT_EQ(decode_base64(text).has_value(), alphabet.find(static_cast<char>(c)) != std::string::npos) << c;
    }
  }
}

TEST(Base64, DecodesIntoAnArenaThatMayBeReadAhead) {
  Arena arena;
  const auto bytes = decode_base64("Zm9vYg==", arena);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, "foob");
  unsigned sum = 0;
  for (std::size_t i = 0; i < Arena::padding_bytes; ++i) {
    sum += static_cast<unsigned char>(bytes->data()[bytes->size() + i]);
  }
  EXPECT_EQ(sum, 0U);
}

}  // namespace
}  // namespace weir::wire
