#include "weir/wire/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bytes.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::wire {
namespace {

std::string put_records(Writer& writer, std::string& out) {
  writer.begin_map();
  writer.text("StreamName", "flights");
  writer.begin_array("Records");
  for (const auto* key : {"a", "b"}) {
    writer.begin_map();
    writer.blob("Data", std::string("\0\xff{", 3) + key);
    writer.text("PartitionKey", key);
    writer.end_map();
  }
  writer.end_array();
  writer.integer("Limit", 10'000);
  writer.boolean("Flag", true);
  writer.number("Share", 0.5);
  writer.timestamp("Timestamp", Timestamp(std::chrono::milliseconds(1545084650987)));
  writer.null("Nothing");
  writer.end_map();
  return out;
}
std::string in(Format format) {
  std::string out;
  if (format == Format::cbor) {
    CborWriter writer(out);
    return put_records(writer, out);
  }
  JsonWriter writer(out);
  return put_records(writer, out);
}

class DocumentInBoth : public testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(Formats, DocumentInBoth, testing::Values(Format::cbor, Format::json));

// One operation, written once, must see the same request in both encodings.
TEST_P(DocumentInBoth, ReadsTheSame) {
  const auto input = in(GetParam());
  auto document = Document::parse(GetParam(), input);
  ASSERT_TRUE(document.ok()) << to_string(document.error());
  const auto root = document->root();
  EXPECT_EQ(root.text("StreamName"), "flights");
  EXPECT_EQ(root["Limit"].integer(), 10'000);
  EXPECT_EQ(root["Flag"].boolean(), true);
  EXPECT_EQ(root["Share"].number(), 0.5);
  EXPECT_EQ(root["Timestamp"].timestamp(), Timestamp(std::chrono::milliseconds(1545084650987)));
  EXPECT_FALSE(root["Nothing"].exists());
  EXPECT_FALSE(root["Absent"].exists());
  EXPECT_FALSE(root["Absent"]["Deeper"].exists());
  EXPECT_EQ(root["Records"].size(), 2U);
  std::vector<std::string> seen;
  for (const auto record : root["Records"]) {
    seen.emplace_back(record.blob("Data"));
    seen.emplace_back(record.text("PartitionKey"));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{std::string("\0\xff{a", 4), "a", std::string("\0\xff{b", 4), "b"}));
  std::vector<std::string> names;
  for (const auto member : root) {
    names.emplace_back(member.name());
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"StreamName", "Records", "Limit", "Flag", "Share", "Timestamp", "Nothing"}));
  EXPECT_TRUE(document->check().ok());
}

// A wrong type that reads as absent, unnoticed, would act on half a request.
TEST_P(DocumentInBoth, NamesTheMemberOfTheWrongType) {
  const auto input = in(GetParam());
  const auto complaint = [&](auto read) {
    auto document = Document::parse(GetParam(), input);
    read(document->root());
    auto result = document->check();
    return result.ok() ? std::string("none") : result.error().code + ": " + result.error().message;
  };
  EXPECT_EQ(complaint([](Value root) { root["Limit"].text(); }), "SerializationException: Limit is not a string");
  EXPECT_EQ(complaint([](Value root) { root["StreamName"].integer(); }),
            "SerializationException: StreamName is not an integer");
  EXPECT_EQ(complaint([](Value root) { root["Share"].integer(); }), "SerializationException: Share is not an integer");
  EXPECT_EQ(complaint([](Value root) { root["StreamName"].timestamp(); }),
            "SerializationException: StreamName is not a timestamp");
  EXPECT_EQ(complaint([](Value root) { root["StreamName"].blob(); }),
            "SerializationException: StreamName is not a blob");
  EXPECT_EQ(complaint([](Value root) { root["Limit"]["x"].text(); }),
            "SerializationException: Limit is not a structure");
  EXPECT_EQ(complaint([](Value root) { root["StreamName"].size(); }),
            "SerializationException: StreamName is not a list");
  EXPECT_EQ(complaint([](Value root) { root["StreamName"].boolean(); }),
            "SerializationException: StreamName is not a boolean");
  EXPECT_EQ(complaint([](Value root) {
              for (const auto item : root["StreamName"]) {
                item.text();
              }
            }),
            "SerializationException: StreamName is not a list");
  EXPECT_EQ(complaint([](Value root) { root["Nothing"].text(); }), "none");
}

TEST_P(DocumentInBoth, RefusesWhatIsCutOff) {
  const auto input = in(GetParam());
  for (std::size_t size = 0; size < input.size(); ++size) {
    const Exact cut(std::string_view(input).substr(0, size));
    EXPECT_FALSE(Document::parse(GetParam(), cut.view()).ok()) << size;
  }
}

// Two readers that take different ones of two duplicates could be made to disagree about a request.
TEST(Document, TakesTheFirstOfDuplicates) {
  auto json = Document::parse_json(R"({"a":1,"a":2})");
  EXPECT_EQ(json->root()["a"].integer(), 1);
  const auto bytes = from_hex("a2616101616102");
  auto cbor = Document::parse_cbor(bytes);
  EXPECT_EQ(cbor->root()["a"].integer(), 1);
}

// As SDKs in several languages write them; 1545084650.987 is not exact in binary.
TEST(Document, ReadsJsonTimesInAllTheirForms) {
  const auto time = [](const std::string& text) {
    auto document = Document::parse_json(text);
    const auto value = document->root().timestamp();
    return value ? value->time_since_epoch().count() : -1;
  };
  EXPECT_EQ(time("1545084650.987"), 1545084650987);
  EXPECT_EQ(time("1.545084650987E9"), 1545084650987);
  EXPECT_EQ(time("1.545084650987e+09"), 1545084650987);
  EXPECT_EQ(time("1545084650"), 1545084650000);
  EXPECT_EQ(time("1545084650.9874"), 1545084650987);
  EXPECT_EQ(time("1545084650.9876"), 1545084650988);
  EXPECT_EQ(time("1.5E9"), 1500000000000);
  EXPECT_EQ(time("1545084650987"), -1);  // milliseconds: far in the future, and refused
  EXPECT_EQ(time("1e300"), -1);
}

TEST(Document, ReadsWholeFloatingNumbersAsIntegers) {
  const auto integer = [](const std::string& text) {
    auto document = Document::parse_json(text);
    return document->root().integer();
  };
  EXPECT_EQ(integer("3.0"), 3);
  EXPECT_EQ(integer("1.5E9"), 1'500'000'000);
  EXPECT_EQ(integer("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer("9223372036854775808"), std::nullopt);
  EXPECT_EQ(integer("9.3e18"), std::nullopt);
  EXPECT_EQ(integer("0.5"), std::nullopt);
}

TEST(Document, ReadsEscapesAndSurrogates) {
  auto document = Document::parse_json(R"({"k\u0065y":"a\n\"\u00e9\ud83d\ude00"})");
  EXPECT_EQ(document->root().text("key"), "a\n\"é😀");
}

TEST(Document, RefusesWhatIsNoJson) {
  for (const auto* text : {"", " ", "{", "}", "{} {}", "[1,]", "{\"a\":}", "nul", "01", "\"\x01\"", "\"\\ud83d\"",
                           "\"\xff\"", "{'a':1}", "1 2", "\xef\xbb\xbf{"}) {
    EXPECT_FALSE(Document::parse_json(text).ok()) << text;
  }
}

// A sender could otherwise exhaust the stack.
TEST(Document, LimitsTheDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(Document::parse_json(nested(Document::depth_max - 1)).ok());
  EXPECT_FALSE(Document::parse_json(nested(Document::depth_max + 1)).ok());
  EXPECT_FALSE(Document::parse_json(nested(100'000)).ok());
  EXPECT_TRUE(Document::parse_cbor(std::string(Document::depth_max - 1, '\x81') + '\x01').ok());
  EXPECT_FALSE(Document::parse_cbor(std::string(Document::depth_max + 1, '\x81') + '\x01').ok());
  EXPECT_FALSE(Document::parse_cbor(std::string(100'000, '\x81') + '\x01').ok());
}

// One byte of input can be one value, which takes fifty times the memory: so their number has a limit.
TEST(Document, LimitsTheNumberOfValues) {
  const auto zeros = [](std::size_t count) { return '\x9f' + std::string(count, '\0') + '\xff'; };
  EXPECT_TRUE(Document::parse_cbor(zeros(Document::values_max - 1)).ok());
  const auto result = Document::parse_cbor(zeros(Document::values_max));
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, testing::HasSubstr("too many values"));
}

// Records of PutRecords are stored from these views: copying ten megabytes twice would halve the endpoint.
TEST(Document, PointsIntoCbor) {
  const auto input = in(Format::cbor);
  auto document = Document::parse_cbor(input);
  const auto data = document->root()["Records"].begin().operator*().blob("Data");
  EXPECT_GE(data.data(), input.data());
  EXPECT_LT(data.data(), input.data() + input.size());
}

}  // namespace
}  // namespace weir::wire
