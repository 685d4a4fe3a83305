#include "weir/pipeline/typed.hpp"

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include "folding.hpp"
#include "tests/support/compressed.hpp"
#include "weir/pipeline/file.hpp"

namespace weir::pipelines {
namespace {

enum class Cabin { economy, business };
BOOST_DESCRIBE_ENUM(Cabin, economy, business)

struct Flight {
  std::string_view origin;
  std::optional<std::string> destination;
  std::optional<int> delay;
  Cabin cabin = Cabin::economy;
  std::string date;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (origin, destination, delay, cabin, date))

struct Plain {
  int value = 0;
};

PipelinePtr built(Result<PipelinePtr> pipeline) {
  EXPECT_TRUE(pipeline.ok()) << (pipeline.ok() ? "" : pipeline.error().message);
  return pipeline.ok() ? *pipeline : nullptr;
}
std::string flight(const std::string& origin, const std::string& delay, const std::string& destination = "null") {
  return R"({"origin":")" + origin + R"(","destination":)" + destination + R"(,"delay":)" + delay +
         R"(,"cabin":"business","date":"2001/01/10 18:20"})";
}

TEST(TypedPipeline, KeepsTotalsByKey) {
  const auto departures =
      weir::pipeline<Flight>("departures")
          .key(&Flight::origin)
          .keep("flights", weir::count())
          .keep("delay", weir::mean(&Flight::delay))
          .keep("late", weir::sum([](const Flight& f) { return f.delay.value_or(0) > 15 ? 1 : 0; }));
  const auto p = built(departures);
  const auto folded = fold(*p, {flight("JFK", "20"), flight("JFK", "null"), flight("LAX", "-5"), flight("JFK", "1")});
  EXPECT_EQ(folded.printed(*p), (Lines{R"({"key":"JFK","flights":3,"delay":10.5,"late":1})",
                                       R"({"key":"LAX","flights":1,"delay":-5,"late":0})"}));
}

TEST(TypedPipeline, KeysMayBeCompoundOptionalNamedOrComputed) {
  const auto p = built(weir::pipeline<Flight>("p")
                           .key(&Flight::origin, &Flight::destination)
                           .key(&Flight::cabin)
                           .key([](const Flight& f) { return f.delay; })
                           .key([](const Flight& f) { return std::string(f.origin) + "!"; })
                           .key([](const Flight& f) { return f.delay > 0; })
                           .keep("n", weir::count()));
  const auto folded = fold(*p, {flight("JFK", "3", "\"LAX\"")});
  EXPECT_EQ(folded.printed(*p),
            (Lines{R"j({"key":["JFK","LAX"],"by":["origin","destination"],"n":1})j",
                   R"j({"key":"business","by":"cabin","n":1})j", R"j({"key":3,"by":"(code)","n":1})j",
                   R"j({"key":"JFK!","by":"(code)","n":1})j", R"j({"key":true,"by":"(code)","n":1})j"}));
  const auto missing = fold(*p, {flight("JFK", "3")});
  EXPECT_TRUE(missing.rows.empty());
  ASSERT_EQ(missing.failures.size(), 1U);
  EXPECT_EQ(missing.failures[0].code, "MissingKey");
  EXPECT_EQ(missing.failures[0].reason, "the key destination is missing or null");
}

// The state of a pipeline written in C++ can be read and continued by a file that says the same.
TEST(TypedPipeline, HasTheDefinitionOfTheFileThatSaysTheSame) {
  const auto p = built(weir::pipeline<Flight>("departures")
                           .event_time(&Flight::date)
                           .key(&Flight::origin, &Flight::destination)
                           .keep("flights", weir::count())
                           .keep("delay", weir::mean(&Flight::delay)));
  EXPECT_EQ(p->definition(),
            "decode json\ntime \"date\"\nkey \"origin\" \"destination\"\nkeep \"flights\" count\n"
            "keep \"delay\" mean \"delay\"\n");
  EXPECT_EQ(p->aggregates().size(), 2U);
}

// User code may throw: the host must learn at which record, and no part of that record may have been applied.
TEST(TypedPipeline, ThrowingUserCodeLeavesTheRecordUntouched) {
  const auto p = built(weir::pipeline<Flight>("p")
                           .key(&Flight::origin)
                           .keep("n", weir::count())
                           .keep("d", weir::sum([](const Flight& f) -> int {
                                   if (f.delay == 13) {
                                     throw std::runtime_error("unlucky");
                                   }
                                   return *f.delay;
                                 })));
  const Records records({flight("JFK", "1"), flight("JFK", "13"), flight("JFK", "2")});
  const auto folder = p->make_folder();
  const auto deltas = folder->make_deltas();
  std::vector<Failure> failures;
  EXPECT_THROW(folder->fold(records.span(), *deltas, failures), std::runtime_error);
  EXPECT_EQ(folder->next(), 1U);
  folder->fold(records.span().subspan(2), *deltas, failures);
  std::vector<state::RowChange> changes;
  deltas->encode(changes);
  ASSERT_EQ(changes.size(), 1U);
  std::string out;
  p->print_json(changes[0].key, changes[0].delta, out);
  EXPECT_EQ(out, R"({"key":"JFK","n":2,"d":3})");
}

// Code can make what JSON cannot: a NaN would poison a total for ever.
TEST(TypedPipeline, RefusesNumbersThatAreNone) {
  const auto p =
      built(weir::pipeline<Flight>("p").key(&Flight::origin).keep("d", weir::sum([](const Flight& f) {
                                                                    return f.delay == 1
                                                                               ? std::numeric_limits<double>::infinity()
                                                                               : std::nan("");
                                                                  })));
  const auto folded = fold(*p, {flight("JFK", "1"), flight("JFK", "2")});
  EXPECT_TRUE(folded.rows.empty());
  ASSERT_EQ(folded.failures.size(), 2U);
  EXPECT_EQ(folded.failures[0].code, "OutOfRange");
}

TEST(TypedPipeline, TakesAnyDecoder) {
  const auto p = built(weir::pipeline<Plain>("p")
                           .decode([](std::string_view bytes) -> Result<Plain> {
                             if (bytes.empty()) {
                               return corrupt("Empty", "nothing there");
                             }
                             return Plain{static_cast<int>(bytes.size())};
                           })
                           .key(&Plain::value)
                           .keep("n", weir::count()));
  const auto folded = fold(*p, {"ab", "", "cd"});
  EXPECT_EQ(folded.printed(*p), (Lines{R"({"key":2,"n":2})"}));
  ASSERT_EQ(folded.failures.size(), 1U);
  EXPECT_EQ(folded.failures[0].code, "Empty");
  const auto text = built(
      weir::pipeline<decode::Text>("t").decode(weir::text_decoder()).key(&decode::Text::text).keep("n", weir::count()));
  EXPECT_EQ(text->definition(), "decode text\ntime arrival\nkey \"text\"\nkeep \"n\" count\n");
}

// What a member points at lives no longer than its record: the key must be taken before the next is decompressed.
TEST(TypedPipeline, UnpacksAndDecompresses) {
  const auto p = built(weir::pipeline<decode::Text>("t")
                           .unpack_kpl()
                           .decompress(weir::Compression::gzip)
                           .decode(weir::text_decoder())
                           .key(&decode::Text::text)
                           .keep("n", weir::count()));
  EXPECT_TRUE(p->unpacks_kpl());
  EXPECT_EQ(p->definition(),
            "decode text\nunpack kpl\ndecompress gzip\ntime arrival\nkey \"text\"\nkeep \"n\" count\n");
  const std::string long_text(100'000, 'x');
  const auto folded = fold(*p, {weir::testing::gzip("a"), weir::testing::gzip(long_text), weir::testing::gzip("b")});
  EXPECT_EQ(folded.rows.size(), 2U);
  ASSERT_EQ(folded.failures.size(), 1U);
  EXPECT_EQ(folded.failures[0].code, "KeyTooLong");
}

// The README shows one pipeline twice, as a file and as a program, and says that the file reads the program's totals:
// a state belongs to one definition, so they must agree on it.
TEST(TypedPipeline, TheReadmesFileAndProgramAreOnePipeline) {
  std::ifstream in(WEIR_SOURCE_DIR "/README.md");
  const std::string readme{std::istreambuf_iterator<char>(in), {}};
  const std::string mark = "```yaml\n";
  const auto begin = readme.find(mark) + mark.size();
  const auto file = parse_file(readme.substr(begin, readme.find("```", begin) - begin), "README.md");
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto program = built(weir::pipeline<Flight>("departures")
                                 .key(&Flight::origin)
                                 .keep("flights", weir::count())
                                 .keep("delay", weir::mean(&Flight::delay))
                                 .keep("worst", weir::max(&Flight::delay)));
  EXPECT_EQ(file->pipeline->name(), program->name());
  EXPECT_EQ(file->pipeline->definition(), program->definition());
  // Who follows the README has run this one first, on the same state.
  const auto example = load_file(WEIR_SOURCE_DIR "/examples/flights.yaml");
  ASSERT_TRUE(example.ok()) << example.error().message;
  EXPECT_EQ(example->pipeline->name(), program->name());
  EXPECT_EQ(example->pipeline->definition(), program->definition());
}

TEST(TypedPipeline, RefusesWhatMakesNone) {
  const auto code = [](Result<PipelinePtr> pipeline) { return pipeline.ok() ? "ok" : pipeline.error().code; };
  EXPECT_EQ(code(weir::pipeline<Flight>("a b").key(&Flight::origin).keep("n", weir::count())), "BadName");
  EXPECT_EQ(code(weir::pipeline<Flight>("").key(&Flight::origin).keep("n", weir::count())), "BadName");
  EXPECT_EQ(code(weir::pipeline<Flight>("..").key(&Flight::origin).keep("n", weir::count())), "BadName");
  EXPECT_EQ(code(weir::pipeline<Flight>("p").keep("n", weir::count())), "NoKey");
  EXPECT_EQ(code(weir::pipeline<Flight>("p").key(&Flight::origin)), "NoAggregates");
  EXPECT_EQ(code(weir::pipeline<Flight>("p").key(&Flight::origin).keep("key", weir::count())), "BadName");
  EXPECT_EQ(code(weir::pipeline<Flight>("p").key(&Flight::origin).keep("n", weir::count()).keep("n", weir::count())),
            "BadName");
  EXPECT_EQ(code(weir::pipeline<Plain>("p").key(&Plain::value).keep("n", weir::count())), "NoDecoder");
  const auto nothing = [](HandlerBatch<Flight>& /*batch*/) -> Task<void> { co_return Result<void>(); };
  EXPECT_EQ(code(weir::pipeline<Flight>("p").handler(nothing)), "ok");
  EXPECT_EQ(code(weir::pipeline<Flight>("p q").handler(nothing)), "BadName");
  EXPECT_EQ(code(weir::pipeline<Flight>("p").handler(nothing).key(&Flight::origin)), "HandlerWithTotals");
  EXPECT_EQ(code(weir::pipeline<Flight>("p").handler(nothing).keep("n", weir::count())), "HandlerWithTotals");
}

// Under its name there may be the state of a pipeline that keeps totals: positions of the one must not become the
// other's.
TEST(TypedPipeline, AHandlerHasADefinitionOfItsOwn) {
  const auto nothing = [](HandlerBatch<Flight>& /*batch*/) -> Task<void> { co_return Result<void>(); };
  const auto handler = built(weir::pipeline<Flight>("p").handler(nothing).unpack_kpl());
  EXPECT_EQ(handler->definition(), "decode json\nunpack kpl\ntime arrival\nhandler\n");
  EXPECT_NE(handler->handler(), nullptr);
  const auto totals = built(weir::pipeline<Flight>("p").key(&Flight::origin).keep("n", weir::count()).unpack_kpl());
  EXPECT_EQ(totals->handler(), nullptr);
  const auto continued = continue_definition(totals->definition(), handler->definition(), Timestamp());
  ASSERT_FALSE(continued);
  EXPECT_EQ(continued.error().code, "DefinitionChanged");
}

}  // namespace
}  // namespace weir::pipelines
