#include "simulation/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "process/unpacking.hpp"
#include "weir/pipeline/extract.hpp"

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

// When this pipeline first read any shard; what retention had taken by then was not there for it. Where it never did,
// when its start was settled.
Timestamp first_read(std::string_view pipeline, Timestamp settled, const StreamHistory& history) {
  const auto reads = history.first_read.find(pipeline);
  if (reads == history.first_read.end() || reads->second.empty()) {
    return settled;
  }
  const auto first = std::ranges::min_element(reads->second, {}, [](const auto& read) { return read.second; });
  return std::max(settled, first->second);
}

// The index of the first record that a reader starting here must see.
std::size_t first_wanted(std::string_view pipeline, const emulator::Kinesis::LoggedShard& shard,
                         const stream::ShardPosition& position, const stream::Positions& positions,
                         const StreamHistory& history) {
  std::size_t first = 0;
  const auto& records = shard.records;
  if (!position.from_start || !positions.start) {
    return first;
  }
  auto opened = Timestamp::min();
  if (const auto reads = history.first_read.find(pipeline); reads != history.first_read.end()) {
    const auto read = reads->second.find(shard.id);
    opened = read == reads->second.end() ? opened : read->second;
  }
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

// Records counted by one definition, folded anew.
class Recount {
 public:
  explicit Recount(const pipelines::Pipeline& pipeline)
      : pipeline_(pipeline), folder_(pipeline.make_folder()), deltas_(folder_->make_deltas()) {}

  void add(const stream::ShardId& shard, const LoggedRecord& record, const std::optional<stream::HashRange>& range,
           Totals& totals) {
    const auto padded = record.data + std::string(stream::padding_bytes, '\0');
    const stream::RawRecord raw{record.sequence_number, std::string_view(padded).substr(0, record.data.size()),
                                record.partition_key, record.arrival};
    if (!pipeline_.unpacks_kpl()) {
      const process::Origin as_it_came;
      take(shard, {&raw, 1}, {&as_it_came, 1}, totals);
      return;
    }
    unpacking_.begin({&raw, 1}, range);
    while (unpacking_.next()) {
      take(shard, unpacking_.records(), unpacking_.origins(), totals);
    }
  }

  void combine_into(std::map<std::string, std::string>& rows) {
    std::vector<state::RowChange> changes;
    deltas_->encode(changes);
    for (const auto& change : changes) {
      pipelines::row_combiner().combine(rows[std::string(change.key)], change.delta);
    }
  }

 private:
  void take(const stream::ShardId& shard, std::span<const stream::RawRecord> records,
            std::span<const process::Origin> origins, Totals& totals) {
    if (pipeline_.handler() == nullptr) {
      failures_.clear();
      folder_->fold(records, *deltas_, failures_);
      for (const auto& failure : failures_) {
        totals.dead_letters.emplace(shard, records[failure.index].sequence_number);
      }
      return;
    }
    const auto call = pipeline_.handler()->begin();
    for (std::size_t i = 0; i < records.size(); ++i) {
      stream::EventId id;
      id.shard = shard;
      id.sequence_number = records[i].sequence_number;
      if (call->add(id, records[i])) {
        totals.events.emplace(shard, state::ShardEvent{stream::SequenceNumber(records[i].sequence_number),
                                                       origins[i].unpacked, origins[i].sub});
      } else {
        totals.dead_letters.emplace(shard, records[i].sequence_number);
      }
    }
  }

  const pipelines::Pipeline& pipeline_;
  std::unique_ptr<pipelines::Folder> folder_;
  std::unique_ptr<pipelines::Deltas> deltas_;
  process::Unpacking unpacking_;
  std::vector<pipelines::Failure> failures_;
};

// By which definition a record was counted.
std::size_t definition_of(const std::vector<Definition>& definitions, const stream::ShardId& shard,
                          std::string_view sequence_number) {
  for (std::size_t i = 0; i + 1 < definitions.size(); ++i) {
    const auto at = definitions[i].up_to.shards.find(shard);
    if (at != definitions[i].up_to.shards.end() && !after(sequence_number, at->second.after.text())) {
      return i;
    }
  }
  return definitions.size() - 1;
}

}  // namespace

Totals expected_totals(const std::vector<Definition>& definitions, const stream::Positions& positions,
                       const StreamHistory& history) {
  const auto& pipeline = definitions.back().pipeline->name();
  Totals totals;
  std::vector<Recount> recounts;
  for (const auto& definition : definitions) {
    recounts.emplace_back(*definition.pipeline);
  }
  for (const auto& shard : history.shards) {
    const auto at = positions.shards.find(shard.id);
    if (at == positions.shards.end()) {
      continue;
    }
    for (auto i = first_wanted(pipeline, shard, at->second, positions, history); i < shard.records.size(); ++i) {
      const auto& record = shard.records[i];
      if (at->second.after.empty() || after(record.sequence_number, at->second.after.text())) {
        break;
      }
      if (!is_in_gap(shard.id, record, positions, history)) {
        recounts[definition_of(definitions, shard.id, record.sequence_number)].add(shard.id, record,
                                                                                   at->second.hash_range, totals);
      }
    }
  }
  std::map<std::string, std::string> rows;
  for (auto& recount : recounts) {
    recount.combine_into(rows);
  }
  for (const auto& [key, row] : rows) {
    definitions.back().pipeline->print_json(key, row, totals.rows[key]);
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

std::string find_missing(std::string_view pipeline, const stream::Positions& positions, const StreamHistory& history) {
  const auto settled = positions.start ? positions.start->settled : Timestamp::max();
  const auto read = first_read(pipeline, settled, history);
  for (const auto& shard : history.shards) {
    const auto at = positions.shards.find(shard.id);
    if (at == positions.shards.end()) {
      // Gone before anybody could list it; what came after the start is missing all the same.
      const auto kept = std::ranges::find_if(
          shard.records, [&](const auto& record) { return record.arrival >= settled || !gone(record, history, read); });
      if (kept != shard.records.end() && !relative_has_gap(shard.id, positions, history)) {
        return fmt::format("shard {} was never seen; it holds {}", shard.id, kept->sequence_number);
      }
      continue;
    }
    for (auto i = first_wanted(pipeline, shard, at->second, positions, history); i < shard.records.size(); ++i) {
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
