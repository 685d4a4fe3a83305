#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "folding.hpp"
#include "weir/pipeline/file.hpp"
#include "weir/pipeline/typed.hpp"

// The same pipeline in C++ and as a file, on real records: 500 flights of examples/data/flights.jsonl.gz.
namespace weir::pipelines {
namespace {

struct Flight {
  std::string_view date;
  std::optional<int> delay;
  std::string_view origin;
  std::string destination;
};
BOOST_DESCRIBE_STRUCT(Flight, (), (date, delay, origin, destination))

std::vector<std::string> flights() {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/vectors/pipeline/flights.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  EXPECT_EQ(lines.size(), 500U);
  return lines;
}

TEST(Flights, TypedAndFilePipelinesMakeTheSameRows) {
  Result<PipelinePtr> typed = weir::pipeline<Flight>("departures")
                                  .event_time(&Flight::date)
                                  .key(&Flight::origin)
                                  .keep("flights", weir::count())
                                  .keep("delay", weir::mean(&Flight::delay))
                                  .keep("worst", weir::max(&Flight::delay));
  ASSERT_TRUE(typed.ok());
  std::ifstream example(WEIR_SOURCE_DIR "/examples/flights.yaml");
  std::string text{std::istreambuf_iterator<char>(example), {}};
  text.append("event_time: date\n");
  const auto file = parse_file(text, "flights.yaml");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*typed)->definition(), file->pipeline->definition());

  auto payloads = flights();
  payloads.push_back("{}");
  payloads.push_back("no json");
  payloads.push_back(R"({"date":"2001/01/10 18:20","delay":"x","origin":"JFK","destination":"LAX"})");
  const auto from_code = fold(**typed, payloads);
  const auto from_file = fold(*file->pipeline, payloads);
  EXPECT_EQ(from_code.rows, from_file.rows);
  EXPECT_EQ(from_code.failures.size(), 3U);
  EXPECT_EQ(from_file.failures.size(), 3U);

  // However the records fall into commits, the rows are the same bytes.
  for (const std::size_t per_round : {1U, 7U, 100U}) {
    EXPECT_EQ(fold(*file->pipeline, payloads, per_round).rows, from_file.rows) << per_round;
  }
}

// Against a count that knows nothing of Weir: the lines with this origin in the text.
TEST(Flights, CountsEqualTheText) {
  const auto file = load_file(WEIR_SOURCE_DIR "/examples/flights.yaml");
  ASSERT_TRUE(file.ok());
  const auto payloads = flights();
  std::size_t atlanta = 0;
  for (const auto& payload : payloads) {
    atlanta += payload.find(R"("origin":"ATL")") != std::string::npos ? 1 : 0;
  }
  const auto folded = fold(*file->pipeline, payloads, 64);
  const auto key = file->pipeline->row_keys("ATL").value().front();
  std::string out;
  file->pipeline->print_json(key, folded.rows.at(key), out);
  EXPECT_EQ(out.find(R"({"key":"ATL","flights":)" + std::to_string(atlanta) + ","), 0U) << out;
}

}  // namespace
}  // namespace weir::pipelines
