#include "ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace weir::state {
namespace {

enum class Step : std::uint8_t { silent, continues, stored, elsewhere };

Error bad_commit(std::string_view what) {
  return refused("BadCommit", fmt::format("a commit was not written: {}", what));
}

Error conflict(const Commit& commit, std::string_view what) {
  return {Next::conflict, "PositionConflict", fmt::format("{} / {}: {}", commit.pipeline, commit.stream, what)};
}

bool is_well_formed(const stream::SequenceNumber& number) {
  return number.empty() || stream::is_sequence_number(number.text());
}

const stream::ShardPosition* position_of(const stream::Positions& stored, const PositionChanges& changes,
                                         const stream::ShardId& shard) {
  for (const auto& [id, position] : changes.shards) {
    if (id == shard) {
      return &position;
    }
  }
  const auto at = stored.shards.find(shard);
  return at != stored.shards.end() ? &at->second : nullptr;
}

stream::ShardPosition moved(stream::ShardPosition position, const ShardAdvance& advance) {
  position.after = advance.to;
  position.ended = advance.ended;
  if (advance.from != advance.to) {
    position.arrival = advance.arrival;
  }
  position.read_up_to = std::max(position.read_up_to, advance.read_up_to);
  return position;
}

void put(PositionChanges& changes, const stream::ShardId& shard, stream::ShardPosition position) {
  for (auto& [id, at] : changes.shards) {
    if (id == shard) {  // discovered by this very commit
      at = std::move(position);
      return;
    }
  }
  changes.shards.emplace_back(shard, std::move(position));
}

Step step_of(const stream::ShardPosition& at, const ShardAdvance& advance) {
  const bool moves = advance.from != advance.to;
  if (at.after == advance.to && (at.ended || !advance.ended)) {
    return moves || advance.ended ? Step::stored : Step::silent;
  }
  return at.after == advance.from && !at.ended ? Step::continues : Step::elsewhere;
}

Result<void> check_shape(const Commit& commit) {
  WEIR_CHECK(check_name(commit.pipeline));
  WEIR_CHECK(check_name(commit.stream));
  if (commit.start && !is_well_formed(commit.start->sequence_number)) {
    return bad_commit("the start has no sequence number");
  }
  for (const auto& [shard, position] : commit.discovered) {
    if (shard.size() > key_bytes_max || position.parents.size() > parents_max || !is_well_formed(position.after)) {
      return bad_commit(fmt::format("shard {} cannot be described so", shard.substr(0, 128)));
    }
  }
  std::unordered_set<std::string_view> shards;
  for (const auto& advance : commit.advances) {
    if (!shards.insert(advance.shard).second) {
      return bad_commit(fmt::format("shard {} advances twice", advance.shard));
    }
    if (!is_well_formed(advance.from) || !is_well_formed(advance.to) || advance.to < advance.from) {
      return bad_commit(fmt::format("shard {} cannot go from \"{}\" to \"{}\"", advance.shard, advance.from.text(),
                                    advance.to.text()));
    }
  }
  for (const auto& gap : commit.gaps) {
    if (gap.shard.size() > key_bytes_max || !is_well_formed(gap.from) || !is_well_formed(gap.to)) {
      return bad_commit(fmt::format("a gap of shard {} has no bounds", gap.shard.substr(0, 128)));
    }
  }
  for (const auto& row : commit.rows) {
    if (row.key.size() > key_bytes_max) {
      return bad_commit(fmt::format("a row's key has {} bytes; {} are allowed", row.key.size(), key_bytes_max));
    }
  }
  for (const auto& letter : commit.dead_letters) {
    if (letter.shard.size() > key_bytes_max || !is_well_formed(letter.sequence_number)) {
      return bad_commit(fmt::format("a dead letter of shard {} has no sequence number", letter.shard));
    }
  }
  return {};
}

}  // namespace

Result<void> check_name(std::string_view name) {
  if (name.empty() || name.size() > key_bytes_max) {
    return bad_commit("the names of pipeline and stream take 1 to 2048 bytes");
  }
  return {};
}

Result<std::optional<PositionChanges>> judge(const stream::Positions& stored, const Commit& commit) {
  WEIR_CHECK(check_shape(commit));
  if (stored.stream && commit.identity && *stored.stream != *commit.identity) {
    return conflict(commit, fmt::format("the positions belong to {} as created {}", stored.stream->arn,
                                        to_string(stored.stream->created)));
  }
  if (stored.stream && commit.identity && stored.start != commit.start) {
    return conflict(commit, "another start is stored already");
  }

  PositionChanges changes;
  changes.stream = commit.identity && !stored.stream;
  for (const auto& shard : commit.discovered) {
    const auto same = [&shard](const auto& other) { return other.first == shard.first; };
    if (!stored.shards.contains(shard.first) && std::ranges::none_of(changes.shards, same)) {
      changes.shards.push_back(shard);
    }
  }
  bool some_continue = false;
  bool some_stored = false;
  for (const auto& advance : commit.advances) {
    const auto* at = position_of(stored, changes, advance.shard);
    if (at == nullptr) {
      return conflict(commit, fmt::format("shard {} is not known", advance.shard));
    }
    switch (step_of(*at, advance)) {
      case Step::silent:
        break;
      case Step::continues:
        some_continue = true;
        put(changes, advance.shard, moved(*at, advance));
        break;
      case Step::stored:
        some_stored = true;
        break;
      case Step::elsewhere:
        return conflict(commit, fmt::format("shard {} stands at \"{}\"{}, not at \"{}\"", advance.shard,
                                            at->after.text(), at->ended ? " (ended)" : "", advance.from.text()));
    }
  }
  if (some_continue && some_stored) {
    return conflict(commit, "some of its steps are stored already, others are not");
  }
  if (some_stored) {
    return std::optional<PositionChanges>();
  }
  if (!some_continue && !(commit.rows.empty() && commit.dead_letters.empty())) {
    return bad_commit("rows and dead letters need the position they bring");
  }
  for (const auto& [shard, read_up_to] : commit.observed) {
    const auto* at = position_of(stored, changes, shard);
    if (at != nullptr && at->read_up_to < read_up_to) {
      auto newer = *at;
      newer.read_up_to = read_up_to;
      put(changes, shard, std::move(newer));
    }
  }
  auto gaps = stored.gaps;
  for (const auto& gap : commit.gaps) {
    const auto at = std::ranges::find_if(gaps, [&gap](const auto& other) {
      return other.shard == gap.shard && other.from == gap.from && other.to == gap.to;
    });
    const auto place = static_cast<std::size_t>(at - gaps.begin());
    if (at == gaps.end()) {
      gaps.push_back(gap);
    } else if ((gap.accepted && !at->accepted) || gap.noticed > at->noticed) {
      at->accepted = at->accepted || gap.accepted;
      at->noticed = std::max(at->noticed, gap.noticed);
    } else {
      continue;
    }
    changes.gaps.emplace_back(place, gaps[place]);
  }
  return std::optional<PositionChanges>(std::move(changes));
}

void enter(const Commit& commit, PositionChanges&& changes, stream::Positions& positions) {
  for (auto& [shard, position] : changes.shards) {
    positions.shards.insert_or_assign(std::move(shard), std::move(position));
  }
  for (auto& [place, gap] : changes.gaps) {
    positions.gaps.resize(std::max(positions.gaps.size(), place + 1));
    positions.gaps[place] = std::move(gap);
  }
  if (changes.stream) {
    positions.stream = commit.identity;
    positions.start = commit.start;
  }
}

}  // namespace weir::state
