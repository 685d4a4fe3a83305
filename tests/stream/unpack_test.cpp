#include "weir/stream/unpack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "tests/support/kpl.hpp"
#include "weir/wire/document.hpp"

namespace weir::stream {
namespace {

using ::testing::ElementsAre;
using testing::kpl_aggregate;
using testing::kpl_bytes;
using testing::kpl_envelope;
using testing::kpl_number;
using testing::KplRecord;
using Form = Unpacker::Form;

const std::string key_table = kpl_bytes(1, "k");

std::string vector_file(std::string_view name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR "/tests/vectors/kpl/").append(name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
    text.push_back(digits[static_cast<unsigned char>(c) & 15U]);
  }
  return text;
}

// "key data sub", and the explicit hash key where there is one.
std::string line(std::string_view key, std::string_view data_hex, std::uint64_t sub,
                 const std::optional<HashKey>& explicit_key) {
  auto text = std::string(key).append(" ").append(data_hex).append(" ").append(std::to_string(sub));
  if (explicit_key) {
    text.append(" ").append(std::to_string(static_cast<std::uint64_t>(*explicit_key >> 64U)));
    text.append(":").append(std::to_string(static_cast<std::uint64_t>(*explicit_key)));
  }
  return text;
}

struct Unpacked {
  Form form = Form::plain;
  std::vector<std::string> lines;
  std::uint32_t misplaced = 0;
};
Unpacked unpack(Unpacker& unpacker, std::string_view data, const std::optional<HashRange>& range = {}) {
  Unpacked result;
  result.form = unpacker.open(data, range);
  for (UserRecord user; unpacker.next(user);) {
    result.lines.push_back(line(user.partition_key, hex(user.data), user.sub, user.explicit_hash_key));
  }
  result.misplaced = unpacker.misplaced();
  return result;
}
Form form_of(std::string_view data) {
  Unpacker unpacker;
  return unpack(unpacker, data).form;
}

// The expectations follow the Kinesis Client Library. It differs where Weir keeps what the other drops: of an
// aggregated record with strays in it Weir leaves out the strays alone, and one that refers to a key that is not
// there is kept whole instead of from its middle on.
TEST(Unpack, TakesTheVectorsApart) {
  const std::map<std::string_view, std::vector<std::string>, std::less<>> ours = {
      {"range-mixed-lower-half", {"u0 696e 0", "u2 696e20746f6f 2"}},
      {"range-mixed-upper-half", {"u1 6f7574 1"}},
  };
  const auto text = vector_file("cases.json");
  auto document = wire::Document::parse_json(text);
  ASSERT_TRUE(document) << document.error().message;
  Unpacker unpacker;  // one for all: nothing may be left over from the case before
  std::size_t cases = 0;
  for (const auto item : document->root()) {
    const auto name = item.text("name");
    const auto data = vector_file(item.text("file"));
    std::vector<std::string> range_ends;
    for (const auto end : item["shard_hash_range"]) {
      range_ends.emplace_back(end.text().value_or(""));
    }
    ASSERT_EQ(range_ends.size(), 2U) << name;
    const auto range = parse_hash_range(range_ends[0], range_ends[1]);
    ASSERT_TRUE(range) << name;
    const auto unpacked = unpack(unpacker, data, range);
    ++cases;
    if (name == "hand-key-index-out-of-range") {
      EXPECT_EQ(unpacked.form, Form::broken);
      continue;
    }
    const auto expect = [&](wire::Value users) {
      std::vector<std::string> expected;
      bool aggregated = true;
      for (const auto user : users) {
        aggregated = user["aggregated"].boolean().value_or(false);
        std::optional<HashKey> explicit_key;
        if (user["explicit_hash_key"].exists()) {
          explicit_key = parse_hash_key(user.text("explicit_hash_key"));
        }
        expected.push_back(line(user.text("partition_key"), user.text("data_hex"),
                                static_cast<std::uint64_t>(*user["sub_sequence_number"].integer()), explicit_key));
      }
      EXPECT_EQ(unpacked.form == Form::aggregated, aggregated) << name;
      if (aggregated) {
        const auto differs = ours.find(name);
        EXPECT_EQ(unpacked.lines, differs == ours.end() ? expected : differs->second) << name;
      }
    };
    if (item["expect_user_records"].exists()) {
      expect(item["expect_user_records"]);
    } else {
      const auto more = vector_file("lib-large-300.expected.json");
      auto large = wire::Document::parse_json(more);
      ASSERT_TRUE(large);
      expect(large->root());
      EXPECT_EQ(unpacked.lines.size(), 300U);
    }
  }
  EXPECT_EQ(cases, 34U);
}

// What only looks like an aggregated record is counted; what does not is nobody's business.
TEST(Unpack, TellsBrokenFromPlain) {
  for (const auto* name : {"bad-checksum", "corrupt-body", "truncated", "bad-protobuf-good-checksum",
                           "hand-required-data-missing", "hand-required-key-index-missing"}) {
    EXPECT_EQ(form_of(vector_file(std::string(name) + ".bin")), Form::broken) << name;
  }
  for (const auto* name : {"plain-empty", "plain-text", "plain-three-bytes", "magic-only", "magic-plus-16"}) {
    EXPECT_EQ(form_of(vector_file(std::string(name) + ".bin")), Form::plain) << name;
  }
}

// A record cut anywhere is an ordinary one: no part of it may count as if it were whole. Cut messages with a
// right checksum get past the MD5, to the reader itself.
TEST(Unpack, TakesNothingFromACutRecord) {
  const auto whole = vector_file("hand-explicit-hash-key-index-0.bin");
  ASSERT_EQ(form_of(whole), Form::aggregated);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(form_of(std::string(whole.data(), size)), Form::aggregated) << size;
  }
  const auto message = key_table + kpl_bytes(3, kpl_number(1, 0) + kpl_bytes(3, "data"));
  for (std::size_t size = 1; size < message.size(); ++size) {
    const auto cut = kpl_envelope(message.substr(0, size));
    EXPECT_EQ(form_of(cut), size == key_table.size() ? Form::aggregated : Form::broken) << size;
  }
}

// With a right checksum, anybody who may put records says what the message is.
TEST(Unpack, RefusesHostileMessages) {
  const auto record = kpl_bytes(3, kpl_number(1, 0) + kpl_bytes(3, "x"));
  const auto form = [](const std::string& message) { return form_of(kpl_envelope(message)); };
  ASSERT_EQ(form(key_table + record), Form::aggregated);
  EXPECT_EQ(form(key_table + std::string("\x1b\x1c", 2)), Form::broken) << "a group";
  EXPECT_EQ(form(key_table + std::string("\x02\x00", 2)), Form::broken) << "field 0";
  EXPECT_EQ(form(key_table + std::string("\x1e", 1)), Form::broken) << "a type that does not exist";
  EXPECT_EQ(form(key_table + std::string("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")), Form::broken)
      << "longer than memory";
  EXPECT_EQ(form(key_table + std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")), Form::broken)
      << "a number of more than 64 bits";
  EXPECT_EQ(form(key_table + std::string("\x80\x80\x80\x80\x80\x01\x00", 7)), Form::broken) << "a field of 33 bits";
  for (const auto index : {std::uint64_t{1}, ~std::uint64_t{0}}) {
    EXPECT_EQ(form(key_table + kpl_bytes(3, kpl_number(1, index) + kpl_bytes(3, "x"))), Form::broken);
    EXPECT_EQ(
        form(key_table + kpl_bytes(2, "1") + kpl_bytes(3, kpl_number(1, 0) + kpl_number(2, index) + kpl_bytes(3, "x"))),
        Form::broken);
  }
  for (const auto* hash_key : {"", "x", "-1", "1x", "340282366920938463463374607431768211456"}) {
    EXPECT_EQ(form(key_table + kpl_bytes(2, hash_key) + record), Form::broken) << hash_key;
  }
  EXPECT_EQ(form(key_table + kpl_bytes(2, "340282366920938463463374607431768211455") + record), Form::aggregated);
  EXPECT_EQ(form(kpl_bytes(1, "\xff\xfe") + record), Form::broken) << "no UTF-8";
  EXPECT_EQ(form(kpl_bytes(1, std::string(user_key_bytes_max, 'k')) + record), Form::aggregated);
  EXPECT_EQ(form(kpl_bytes(1, std::string(user_key_bytes_max + 1, 'k')) + record), Form::broken);
}

// Each user record may become a dead letter larger than itself; a limit keeps 10 MiB from becoming gigabytes.
TEST(Unpack, HasALimitOfUserRecords) {
  const auto record = kpl_bytes(3, kpl_number(1, 0) + kpl_bytes(3, ""));
  std::string message = key_table;
  for (std::size_t i = 0; i < user_records_max; ++i) {
    message += record;
  }
  EXPECT_EQ(form_of(kpl_envelope(message)), Form::aggregated);
  EXPECT_EQ(form_of(kpl_envelope(message + record)), Form::broken);
  std::string keys;
  for (std::size_t i = 0; i < user_records_max; ++i) {
    keys += key_table;
  }
  EXPECT_EQ(form_of(kpl_envelope(keys + record)), Form::aggregated);
  EXPECT_EQ(form_of(kpl_envelope(keys + key_table + record)), Form::broken);
}

// Protobuf's rule for a field that is there twice; both readings must agree on it.
TEST(Unpack, TakesTheLastOfAFieldThatIsThereTwice) {
  Unpacker unpacker;
  const auto message = key_table + kpl_bytes(1, "l") +
                       kpl_bytes(3, kpl_number(1, 7) + kpl_bytes(3, "old") + kpl_number(1, 1) + kpl_bytes(3, "new"));
  EXPECT_THAT(unpack(unpacker, kpl_envelope(message)).lines, ElementsAre("l 6e6577 0"));
}

// Data is handed on where it lies: a copy for each user record would cost more than its folding.
TEST(Unpack, PointsIntoTheRecord) {
  const auto whole = kpl_aggregate({{"first", "a", {}}, {"second", "b", {}}});
  Unpacker unpacker;
  ASSERT_EQ(unpacker.open(whole, {}), Form::aggregated);
  for (UserRecord user; unpacker.next(user);) {
    for (const auto view : {user.data, user.partition_key}) {
      EXPECT_GE(view.data(), whole.data());
      EXPECT_LE(view.data() + view.size(), whole.data() + whole.size());
    }
  }
}

// After a record that was left half read, or one that is none, nothing of it may come out again.
TEST(Unpack, ForgetsTheRecordBefore) {
  const auto whole = kpl_aggregate({{"first", "a", {}}, {"second", "b", {}}});
  Unpacker unpacker;
  UserRecord user;
  ASSERT_EQ(unpacker.open(whole, {}), Form::aggregated);
  ASSERT_TRUE(unpacker.next(user));
  ASSERT_EQ(unpacker.open("plain", {}), Form::plain);
  EXPECT_FALSE(unpacker.next(user));
  EXPECT_EQ(unpacker.open(kpl_envelope(kpl_bytes(3, "")), {}), Form::broken);
  EXPECT_FALSE(unpacker.next(user));
}

// Where the range is not known, dropping by guess would lose records for ever.
TEST(Unpack, LeavesNothingOutWithoutARange) {
  Unpacker unpacker;
  const auto unpacked = unpack(unpacker, vector_file("range-mixed-full.bin"));
  EXPECT_EQ(unpacked.lines.size(), 3U);
  EXPECT_EQ(unpacked.misplaced, 0U);
}

// The producer sends what is misplaced again, to the other shard: there it is inside. Whatever the cut, the two
// halves have each user record once.
RC_GTEST_PROP(Unpack, TwoHalvesHaveEachUserRecordOnce,
              (std::vector<std::pair<std::string, std::uint8_t>> users, std::uint64_t cut)) {
  std::vector<KplRecord> records;
  for (std::size_t i = 0; i < users.size(); ++i) {
    auto key = "k" + std::to_string(users[i].second);
    std::optional<std::string> hash_key;
    if (users[i].second % 3 == 0) {
      hash_key = std::to_string(users[i].second) + std::string(users[i].second % 37, '0');
      RC_PRE(parse_hash_key(*hash_key).has_value());
    }
    records.push_back({users[i].first, std::move(key), hash_key});
  }
  const auto whole = kpl_aggregate(records);
  const auto middle = static_cast<HashKey>(cut) << 64U;
  Unpacker unpacker;
  const auto lower = unpack(unpacker, whole, HashRange{0, middle});
  const auto upper = unpack(unpacker, whole, HashRange{middle + 1, ~HashKey{0}});
  const auto all = unpack(unpacker, whole);
  RC_ASSERT(lower.form == (users.empty() ? Form::plain : Form::aggregated));
  RC_ASSERT(all.lines.size() == users.size());
  RC_ASSERT(lower.lines.size() + lower.misplaced == all.lines.size());
  RC_ASSERT(upper.misplaced == lower.lines.size());
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto hash_key =
        records[i].explicit_hash_key ? parse_hash_key(*records[i].explicit_hash_key) : std::optional<HashKey>();
    expected.push_back(line(records[i].partition_key, hex(records[i].data), i, hash_key));
    const auto at = hash_key ? *hash_key : hash_key_of(records[i].partition_key);
    const auto& half = at <= middle ? lower.lines : upper.lines;
    RC_ASSERT(std::find(half.begin(), half.end(), expected.back()) != half.end());
  }
  RC_ASSERT(all.lines == expected);
}

// 128 bits from digits: an overflow would place a record in a shard at random.
TEST(HashRange, ReadsWhatTheServiceSays) {
  EXPECT_TRUE(parse_hash_key("340282366920938463463374607431768211455") == ~HashKey{0});
  EXPECT_TRUE(parse_hash_key("170141183460469231731687303715884105728") == HashKey{1} << 127U);
  for (const auto* text : {"", "-1", " 1", "1 ", "340282366920938463463374607431768211456",
                           "999999999999999999999999999999999999999", "0000000000000000000000000000000000000001"}) {
    EXPECT_FALSE(parse_hash_key(text)) << text;
  }
  EXPECT_FALSE(parse_hash_range("2", "1"));
  EXPECT_FALSE(parse_hash_range("", "1"));
  EXPECT_TRUE(parse_hash_range("0", "340282366920938463463374607431768211455")->is_all());
}

}  // namespace
}  // namespace weir::stream
