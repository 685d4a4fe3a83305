#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/pipeline/extract.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/stream/record.hpp"

namespace weir::pipelines {

/// Payloads as a batch holds them.
class Records {
 public:
  explicit Records(const std::vector<std::string>& payloads, Timestamp arrival = {}) {
    for (const auto& payload : payloads) {
      texts_.push_back(std::make_unique<std::string>(payload + std::string(stream::padding_bytes, '7')));
      stream::RawRecord record;
      record.data = std::string_view(*texts_.back()).substr(0, payload.size());
      record.sequence_number = "1";
      record.partition_key = "p";
      record.arrival = arrival;
      records_.push_back(record);
    }
  }
  std::span<const stream::RawRecord> span() const { return records_; }

 private:
  std::vector<std::unique_ptr<std::string>> texts_;
  std::vector<stream::RawRecord> records_;
};

/// What a pipeline makes of payloads: rows by key, printed, and the failures.
struct Folded {
  std::map<std::string, std::string> rows;
  std::vector<Failure> failures;

  std::vector<std::string> printed(const Pipeline& pipeline) const {
    std::vector<std::string> lines;
    for (const auto& [key, row] : rows) {
      pipeline.print_json(key, row, lines.emplace_back());
    }
    return lines;
  }
};

/// `per_round` records are folded and encoded at a time; the rounds are combined as a store does.
inline Folded fold(const Pipeline& pipeline, const std::vector<std::string>& payloads, std::size_t per_round = 1000,
                   Timestamp arrival = {}) {
  Folded folded;
  const auto folder = pipeline.make_folder();
  const auto deltas = folder->make_deltas();
  for (std::size_t from = 0; from < payloads.size(); from += per_round) {
    const auto to = std::min(payloads.size(), from + per_round);
    const Records records(
        {payloads.begin() + static_cast<std::ptrdiff_t>(from), payloads.begin() + static_cast<std::ptrdiff_t>(to)},
        arrival);
    std::vector<Failure> failures;
    folder->fold(records.span(), *deltas, failures);
    for (auto& failure : failures) {
      failure.index += from;
      folded.failures.push_back(std::move(failure));
    }
    std::vector<state::RowChange> changes;
    deltas->encode(changes);
    EXPECT_EQ(changes.size(), deltas->keys());
    for (const auto& change : changes) {
      row_combiner().combine(folded.rows[std::string(change.key)], change.delta);
    }
    deltas->clear();
    EXPECT_EQ(deltas->keys(), 0U);
  }
  return folded;
}

using Lines = std::vector<std::string>;

}  // namespace weir::pipelines
