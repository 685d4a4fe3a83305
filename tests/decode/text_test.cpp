#include "weir/decode/text.hpp"

#include <gtest/gtest.h>

namespace weir::decode {
namespace {

TEST(TextDecoder, TakesTheWholePayloadAndOnlyUtf8) {
  EXPECT_EQ(text_decoder()("caf\xC3\xA9\n")->text, "caf\xC3\xA9\n");
  EXPECT_EQ(text_decoder()("")->text, "");
  const auto bad = text_decoder()("a\xff");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, "BadText");
}

TEST(BytesDecoder, TakesAnything) { EXPECT_EQ(bytes_decoder()("a\xff")->bytes, "a\xff"); }

}  // namespace
}  // namespace weir::decode
