#include "simulation/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "process/unpacking.hpp"

namespace weir::simulation {
namespace {

using LoggedRecord = emulator::Kinesis::LoggedRecord;

bool after(std::string_view left, std::string_view right) { return stream::compare_sequence_numbers(left, right) > 0; }

bool gone(const LoggedRecord& record, const StreamHistory& history, Timestamp at) {
  return record.arrival + history.retention < at;
}

// Was this record lost, and put on record as lost?
bool is_in_gap(const stream::ShardId& shard, const LoggedRecord& record, const stream::Positions& positions,
               const StreamHistory& history) {
  return std::ranges::any_of(positions.gaps, [&](const stream::Gap& gap) {
    return gap.shard == shard && after(record.sequence_number, gap.from.text()) &&
           (gap.to.empty() ? gone(record, history, gap.noticed) : after(gap.to.text(), record.sequence_number));
  });
}

// Is there a gap in one of its ancestors or descendants? A shard that came and went unseen cannot be named.
bool relative_has_gap(const stream::ShardId& shard, const stream::Positions& positions, const StreamHistory& history) {
  const auto descends = [&history](const stream::ShardId& from, const stream::ShardId& of) {
    std::vector<stream::ShardId> open{from};
    while (!open.empty()) {
      const auto at = open.back();
      open.pop_back();
      if (at == of) {
        return true;
      }
      if (const auto parents = history.parents.find(at); parents != history.parents.end()) {
        open.insert(open.end(), parents->second.begin(), parents->second.end());
      }
    }
    return false;
  };
  return std::ranges::any_of(
      positions.gaps, [&](const stream::Gap& gap) { return descends(gap.shard, shard) || descends(shard, gap.shard); });
}

// The index of the first record that a reader starting here must see.
std::size_t first_wanted(const emulator::Kinesis::LoggedShard& shard, const stream::ShardPosition& position,
                         const stream::Positions& positions, const StreamHistory& history) {
  std::size_t first = 0;
  const auto& records = shard.records;
  if (!position.from_start || !positions.start) {
    return first;
  }
  const auto read = history.first_read.find(shard.id);
  const auto opened = read == history.first_read.end() ? Timestamp::min() : read->second;
  while (first < records.size() && gone(records[first], history, opened)) {
    ++first;
  }
  if (positions.start->type == stream::Start::Type::at_timestamp) {
    while (first < records.size() && records[first].arrival < positions.start->timestamp) {
      ++first;
    }
  }
  return first;
}

}  // namespace

Totals expected_totals(const pipelines::Pipeline& pipeline, const stream::Positions& positions,
                       const StreamHistory& history) {
  Totals totals;
  std::deque<std::string> payloads;
  std::vector<stream::RawRecord> records;
  std::vector<stream::ShardId> shards;
  for (const auto& shard : history.shards) {
    const auto at = positions.shards.find(shard.id);
    if (at == positions.shards.end()) {
      continue;
    }
    for (auto i = first_wanted(shard, at->second, positions, history); i < shard.records.size(); ++i) {
      const auto& record = shard.records[i];
      if (at->second.after.empty() || after(record.sequence_number, at->second.after.text())) {
        break;
      }
      if (is_in_gap(shard.id, record, positions, history)) {
        continue;
      }
      payloads.push_back(record.data + std::string(stream::padding_bytes, '\0'));
      records.push_back({record.sequence_number, std::string_view(payloads.back()).substr(0, record.data.size()),
                         record.partition_key, record.arrival});
      shards.push_back(shard.id);
    }
  }
  const auto folder = pipeline.make_folder();
  const auto deltas = folder->make_deltas();
  std::vector<pipelines::Failure> failures;
  const auto fold = [&](std::span<const stream::RawRecord> folded, const auto& shard_of) {
    failures.clear();
    folder->fold(folded, *deltas, failures);
    for (const auto& failure : failures) {
      totals.dead_letters.emplace(shard_of(failure.index), folded[failure.index].sequence_number);
    }
  };
  if (pipeline.unpacks_kpl()) {
    process::Unpacking unpacking;
    for (std::size_t i = 0; i < records.size(); ++i) {
      unpacking.each_part({&records[i], 1}, positions.shards.at(shards[i]).hash_range,
                          [&](std::span<const stream::RawRecord> users, std::span<const process::Origin>) {
                            fold(users, [&](std::size_t) { return shards[i]; });
                          });
    }
  } else {
    fold(records, [&](std::size_t index) { return shards[index]; });
  }
  std::vector<state::RowChange> changes;
  deltas->encode(changes);
  for (const auto& change : changes) {
    std::string row;
    pipelines::row_combiner().combine(row, change.delta);
    pipeline.print_json(change.key, row, totals.rows[std::string(change.key)]);
  }
  return totals;
}

std::string difference(const Totals& expected, const Totals& found) {
  constexpr int lines_max = 5;
  std::string text;
  int lines = 0;
  const auto say = [&](std::string line) {
    if (lines++ < lines_max) {
      text += (text.empty() ? "" : "; ") + line;
    }
  };
  for (const auto& [key, row] : expected.rows) {
    const auto at = found.rows.find(key);
    if (at == found.rows.end()) {
      say(fmt::format("expected {}, found no such row", row));
    } else if (at->second != row) {
      say(fmt::format("expected {}, found {}", row, at->second));
    }
  }
  for (const auto& [key, row] : found.rows) {
    if (!expected.rows.contains(key)) {
      say(fmt::format("found {}, expected no such row", row));
    }
  }
  for (const auto& [shard, number] : expected.dead_letters) {
    if (!found.dead_letters.contains({shard, number})) {
      say(fmt::format("no dead letter for {}/{}", shard, number));
    }
  }
  for (const auto& [shard, number] : found.dead_letters) {
    if (!expected.dead_letters.contains({shard, number})) {
      say(fmt::format("a dead letter too many: {}/{}", shard, number));
    }
  }
  return text;
}

std::string find_missing(const stream::Positions& positions, const StreamHistory& history) {
  const auto started = positions.start ? positions.start->settled : Timestamp::max();
  for (const auto& shard : history.shards) {
    const auto at = positions.shards.find(shard.id);
    if (at == positions.shards.end()) {
      // Gone before anybody could list it.
      const auto kept =
          std::ranges::find_if(shard.records, [&](const auto& record) { return !gone(record, history, started); });
      if (kept != shard.records.end() && !relative_has_gap(shard.id, positions, history)) {
        return fmt::format("shard {} was never seen; it holds {}", shard.id, kept->sequence_number);
      }
      continue;
    }
    for (auto i = first_wanted(shard, at->second, positions, history); i < shard.records.size(); ++i) {
      const auto& record = shard.records[i];
      const bool reached = !at->second.after.empty() && !after(record.sequence_number, at->second.after.text());
      if (!reached && !is_in_gap(shard.id, record, positions, history)) {
        return fmt::format("{}/{} was not read, and no gap names it; the shard stands at {}{}", shard.id,
                           record.sequence_number, at->second.after.empty() ? "its start" : at->second.after.text(),
                           at->second.ended ? " (ended)" : "");
      }
    }
  }
  return {};
}

}  // namespace weir::simulation
