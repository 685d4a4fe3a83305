#include "pipeline/row.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "folding.hpp"
#include "weir/pipeline/file.hpp"

namespace weir::pipelines {
namespace {

std::string combine(std::string row, std::string_view delta) {
  row_combiner().combine(row, delta);
  return row;
}

PipelinePtr pipeline_of(const std::string& aggregates) {
  auto file = parse_file("name: p\nsource: {stream: s}\nkey: k\naggregates: {" + aggregates + "}\n", "p.yaml");
  EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
  return file->pipeline;
}
const std::string all = "n: count, s: {sum: v}, a: {mean: v}, lo: {min: v}, hi: {max: v}";

std::string row_of(const Pipeline& pipeline, const std::vector<std::string>& values) {
  std::vector<std::string> payloads;
  for (const auto& value : values) {
    payloads.push_back(R"({"k":1,"v":)" + value + "}");
  }
  const auto folded = fold(pipeline, payloads);
  return folded.rows.empty() ? std::string() : folded.rows.begin()->second;
}
std::string printed(const Pipeline& pipeline, const std::string& row) {
  std::string out;
  pipeline.print_json(pipeline.row_keys("1").value().back(), row, out);
  return out;
}

TEST(Rows, AnEmptyRowIsNoneYet) {
  const auto pipeline = pipeline_of(all);
  const auto row = row_of(*pipeline, {"1", "2.5"});
  EXPECT_EQ(combine("", row), row);
  EXPECT_EQ(combine(row, ""), row);
  EXPECT_EQ(combine("", ""), "");
}

TEST(Rows, CombineAsIfFoldedTogether) {
  const auto pipeline = pipeline_of(all);
  EXPECT_EQ(combine(row_of(*pipeline, {"1", "null"}), row_of(*pipeline, {"2.5", "-7"})),
            row_of(*pipeline, {"1", "null", "2.5", "-7"}));
}

// An aggregate added to a running pipeline starts with the next record; old rows must not spoil it, nor it
// them, wherever in the file it was added.
TEST(Rows, OfAnOlderPipelineCombineWithNewOnes) {
  const auto older = pipeline_of("n: count, hi: {max: v}");
  const auto newer = pipeline_of("lo: {min: v}, n: count, s: {sum: v}, hi: {max: v}");
  const auto both = combine(row_of(*older, {"5", "1"}), row_of(*newer, {"2"}));
  EXPECT_EQ(printed(*newer, both), R"({"key":1,"lo":2,"n":3,"s":2,"hi":5})");
  EXPECT_EQ(both, combine(row_of(*newer, {"2"}), row_of(*older, {"5", "1"})));
  EXPECT_EQ(printed(*newer, row_of(*older, {"5"})), R"({"key":1,"lo":null,"n":1,"s":null,"hi":5})");
}

// A compaction cannot ask anybody and must not take the store down: garbage becomes a mark that is seen.
TEST(Rows, GarbageBecomesAMarkThatStays) {
  const auto pipeline = pipeline_of(all);
  const auto row = row_of(*pipeline, {"1"});
  for (const std::string garbage : {"x", "\x01", "\x01zzzzzzzzzz", "\x02"}) {
    if (garbage == "\x01") {
      continue;  // a row of nothing: well formed
    }
    EXPECT_EQ(combine(row, garbage), corrupt_row);
    EXPECT_EQ(combine(garbage, row), corrupt_row);
    EXPECT_EQ(combine("", garbage), corrupt_row);
    EXPECT_EQ(combine(combine(row, garbage), row), corrupt_row);
  }
  EXPECT_EQ(printed(*pipeline, std::string(corrupt_row)),
            R"({"key":1,"n":"corrupt","s":"corrupt","a":"corrupt","lo":"corrupt","hi":"corrupt"})");
  EXPECT_EQ(combine(row_of(*pipeline_of("x: {sum: v}"), {"1"}), row_of(*pipeline_of("x: {max: v}"), {"1"})),
            corrupt_row)
      << "one name, two kinds";
}

// Cut at any byte a row is never taken for another one: it is refused, or an earlier row of fewer entries.
TEST(Rows, TruncationAtAnyByteIsNoticed) {
  const auto pipeline = pipeline_of(all);
  const auto row = row_of(*pipeline, {"1", "2.5", "300"});
  std::vector<std::size_t> entry_ends{1};
  RowReader reader(row);
  for (RowEntry entry; reader.next(entry);) {
    entry_ends.push_back(static_cast<std::size_t>(entry.payload.data() + entry.payload.size() - row.data()));
  }
  ASSERT_EQ(entry_ends.size(), 6U);
  for (std::size_t size = 1; size < row.size(); ++size) {
    const bool at_an_end = std::find(entry_ends.begin(), entry_ends.end(), size) != entry_ends.end();
    const auto cut = row.substr(0, size);
    EXPECT_EQ(combine("", cut) == corrupt_row, !at_an_end) << size;
    EXPECT_EQ(combine(cut, row) == corrupt_row, !at_an_end) << size;
  }
}

RC_GTEST_PROP(Rows, CombiningIsTotal, (std::string left, const std::string& right)) {
  if (*rc::gen::arbitrary<bool>()) {
    left.insert(left.begin(), '\x01');
  }
  const auto once = combine(left, right);
  RC_ASSERT(left.empty() || right.empty() || combine(left, right) == combine(right, left) || once == corrupt_row);
  RC_ASSERT(combine(once, corrupt_row) == corrupt_row);
}

// Bytes flipped in a real row: whatever comes out combines again without trouble.
RC_GTEST_PROP(Rows, CombiningSurvivesFlippedBytes, ()) {
  static const auto pipeline = pipeline_of(all);
  static const auto row = row_of(*pipeline, {"1", "2.5", "-300000000000"});
  auto broken = row;
  broken[*rc::gen::inRange<std::size_t>(0, row.size())] = *rc::gen::arbitrary<char>();
  const auto combined = combine(broken, row);
  const auto again = combine(combined, combined);
  std::string out;
  pipeline->print_json("", combined, out);
  pipeline->print_json("", again, out);
  RC_ASSERT(!out.empty());
}

std::vector<std::string> any_values() {
  return *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "1", "-2", "0.5", "null", "9223372036854775807", "-1.25", "170141183460469231731687303715"));
}
RC_GTEST_PROP(Rows, CombiningIsAssociativeAndCommutative, ()) {
  static const auto pipeline = pipeline_of(all);
  const auto a = row_of(*pipeline, any_values());
  const auto b = row_of(*pipeline, any_values());
  const auto c = row_of(*pipeline, any_values());
  RC_ASSERT(combine(combine(a, b), c) == combine(a, combine(b, c)));
  RC_ASSERT(combine(a, b) == combine(b, a));
}

}  // namespace
}  // namespace weir::pipelines
