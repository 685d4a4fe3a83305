#include "weir/stream/sequence_number.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace weir::stream {
namespace {

// Positions decide what is counted: an order that is wrong once loses or repeats records. Numbers of
// today have 56 digits, older ones 38; text order alone would put "9" after "10".
TEST(SequenceNumber, OrdersAsNumbers) {
  const std::vector<std::string> ascending = {"",
                                              "0",
                                              "9",
                                              "10",
                                              "99",
                                              "100",
                                              "21267647932558653966460912964485513216",
                                              "49590338271490256608559692538361571095921575989136588898",
                                              "49590338271490256608559692540925702759324208523137515618",
                                              "1" + std::string(128, '0')};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(compare_sequence_numbers(ascending[i], ascending[j]), i <=> j) << ascending[i] << " " << ascending[j];
      EXPECT_EQ(SequenceNumber(ascending[i]) <=> SequenceNumber(ascending[j]), i <=> j);
      EXPECT_EQ(SequenceNumber(ascending[i]) == SequenceNumber(ascending[j]), i == j);
    }
  }
}

RC_GTEST_PROP(SequenceNumber, OrdersSmallOnesAsTheMachineDoes, (std::uint64_t left, std::uint64_t right)) {
  RC_ASSERT(compare_sequence_numbers(std::to_string(left), std::to_string(right)) == (left <=> right));
}

// What comes from the service or a file is checked before it is compared: a leading zero or a letter
// would make the order meaningless.
TEST(SequenceNumber, IsTheServicesPattern) {
  for (const auto& text :
       {std::string("0"), std::string("1"), std::string("9223372036854775807"),
        std::string("49590338271490256608559692538361571095921575989136588898"), std::string(129, '9')}) {
    EXPECT_TRUE(is_sequence_number(text)) << text;
  }
  for (const auto& text : {std::string(), std::string("00"), std::string("01"), std::string("-1"), std::string("+1"),
                           std::string("1 "), std::string(" 1"), std::string("1a"), std::string("a"),
                           std::string("1.0"), std::string(130, '9'), std::string("1\0", 2), std::string("LATEST")}) {
    EXPECT_FALSE(is_sequence_number(text)) << text;
  }
}

}  // namespace
}  // namespace weir::stream
