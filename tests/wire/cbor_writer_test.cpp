#include "weir/wire/cbor_writer.hpp"

#include <gtest/gtest.h>

#include "bytes.hpp"

namespace weir::wire {
namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  CborWriter writer(out);
  write(writer);
  return out;
}

// RFC 8949, appendix A: the shortest form of each.
TEST(CborWriter, WritesTheShortestForms) {
  const std::pair<std::int64_t, std::string> integers[] = {{0, "00"},
                                                           {23, "17"},
                                                           {24, "1818"},
                                                           {255, "18ff"},
                                                           {256, "190100"},
                                                           {65535, "19ffff"},
                                                           {65536, "1a00010000"},
                                                           {4294967295, "1affffffff"},
                                                           {4294967296, "1b0000000100000000"},
                                                           {-1, "20"},
                                                           {-1000, "3903e7"},
                                                           {INT64_MAX, "1b7fffffffffffffff"},
                                                           {INT64_MIN, "3b7fffffffffffffff"}};
  for (const auto& [value, hex] : integers) {
    EXPECT_EQ(written([v = value](CborWriter& writer) { writer.integer(v); }), from_hex(hex)) << value;
  }
  EXPECT_EQ(written([](CborWriter& writer) { writer.unsigned_integer(UINT64_MAX); }), from_hex("1bffffffffffffffff"));
  EXPECT_EQ(written([](CborWriter& writer) { writer.number(1.1); }), from_hex("fb3ff199999999999a"));
  EXPECT_EQ(written([](CborWriter& writer) { writer.boolean(true), writer.boolean(false), writer.null(); }),
            from_hex("f5f4f6"));
  EXPECT_EQ(written([](CborWriter& writer) { writer.text("IETF"), writer.blob("\x01\x02"); }),
            from_hex("6449455446 420102"));
}

// What the Java SDK sends, byte for byte: the service takes no other form of a time.
TEST(CborWriter, WritesARequestAsTheSdkDoes) {
  const auto out = written([](CborWriter& writer) {
    writer.begin_map();
    writer.text("StreamName", "ref");
    writer.text("ShardId", "shardId-000000000001");
    writer.text("ShardIteratorType", "AT_TIMESTAMP");
    writer.timestamp("Timestamp", Timestamp(std::chrono::milliseconds(1787036486712)));
    writer.end_map();
  });
  EXPECT_EQ(out, from_hex("bf6a53747265616d4e616d6563726566675368617264496474736861726449642d303030303030303030303031"
                          "7153686172644974657261746f72547970656c41545f54494d455354414d506954696d657374616d70c11b0000"
                          "01a013accc38ff"));
}

TEST(CborWriter, WritesContainersOfGivenSize) {
  const auto out = written([](CborWriter& writer) {
    writer.map_of(1);
    writer.key("a");
    writer.array_of(2);
    writer.integer(1);
    writer.integer(2);
  });
  EXPECT_EQ(out, from_hex("a161618201 02"));
}

}  // namespace
}  // namespace weir::wire
