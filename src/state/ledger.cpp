#include "ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
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

const stream::ShardPosition* position_of(const stream::Positions& stored, const CommitChanges& changes,
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
  position.read_up_to = position.after.empty() ? advance.read_up_to : std::max(position.read_up_to, advance.read_up_to);
  position.after = advance.to;
  position.ended = advance.ended;
  if (advance.from != advance.to) {
    position.arrival = advance.arrival;
  }
  return position;
}

void put(CommitChanges& changes, const stream::ShardId& shard, stream::ShardPosition position) {
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

// Of each letter a commit says one thing: with two, its repetition could not be told from its first time.
Result<void> check_letters(const Commit& commit) {
  std::set<LetterId> named;
  for (const auto* letters : {&commit.dead_letters, &commit.rewritten}) {
    for (const auto& letter : *letters) {
      auto id = letter.id();
      if (!is_well_formed(id)) {
        return bad_commit(fmt::format("a dead letter of shard {} has no sequence number", letter.shard.substr(0, 128)));
      }
      if (!named.insert(std::move(id)).second && letters == &commit.rewritten) {
        return bad_commit(fmt::format("a dead letter of shard {} comes twice", letter.shard));
      }
    }
  }
  for (const auto& id : commit.released) {
    if (!is_well_formed(id)) {
      return bad_commit(fmt::format("a dead letter of shard {} has no sequence number", id.shard.substr(0, 128)));
    }
    if (!named.insert(id).second) {
      return bad_commit(fmt::format("a dead letter of shard {} is released and comes again", id.shard.substr(0, 128)));
    }
  }
  if (!commit.released.empty() && !commit.advances.empty()) {
    return bad_commit("dead letters are released apart from any step of a shard");
  }
  return {};
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
  return check_letters(commit);
}

using Sizes = std::map<LetterId, std::uint64_t>;

void take(LetterSum& sum, std::uint64_t payload_bytes) {
  sum.letters -= std::min<std::uint64_t>(sum.letters, 1);
  sum.bytes -= std::min(sum.bytes, payload_bytes);
}

// Puts `letter` in the place of one with its name, if there is one, whose payload has `before` bytes.
void put(CommitChanges& changes, const DeadLetter& letter, const std::optional<std::uint64_t>& before) {
  if (before) {
    take(changes.letter_sum, *before);
  }
  ++changes.letter_sum.letters;
  changes.letter_sum.bytes += letter.payload.size();
  changes.letters.push_back(&letter);
}

Result<void> change_letters(const StoredLetters& stored, const Sizes& released, const Commit& commit,
                            CommitChanges& changes) {
  changes.letter_sum = stored.sum;
  for (const auto& [id, payload_bytes] : released) {
    take(changes.letter_sum, payload_bytes);
  }
  Sizes in_commit;  // one event may come twice
  for (const auto& letter : commit.dead_letters) {
    auto id = letter.id();
    std::optional<std::uint64_t> before;
    if (const auto at = in_commit.find(id); at != in_commit.end()) {
      before = at->second;
    } else {
      WEIR_TRY(before, stored.payload_bytes(id));
    }
    put(changes, letter, before);
    in_commit.insert_or_assign(std::move(id), letter.payload.size());
  }
  for (const auto& letter : commit.rewritten) {
    WEIR_TRY(const std::optional<std::uint64_t> before, stored.payload_bytes(letter.id()));
    if (before) {
      put(changes, letter, before);
    }
  }
  // What does not grow passes, though the bound was lowered: or a full pipeline could not be emptied.
  const auto grows_beyond = [](std::uint64_t before, std::uint64_t after, std::uint64_t bound) {
    return after > bound && after > before;
  };
  const auto& max = commit.dead_letters_max;
  if (max && (grows_beyond(stored.sum.letters, changes.letter_sum.letters, max->letters) ||
              grows_beyond(stored.sum.bytes, changes.letter_sum.bytes, max->bytes))) {
    return refused("DeadLettersFull",
                   fmt::format("{} keeps {} dead letters of {} bytes, and this commit would make it {} of {} bytes, "
                               "beyond its bound of {} of {} bytes; replay or drop some, or raise the bound",
                               commit.pipeline, stored.sum.letters, stored.sum.bytes, changes.letter_sum.letters,
                               changes.letter_sum.bytes, max->letters, max->bytes));
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

Result<const stream::ShardPosition*> claimed_at(const stream::Positions* stored, const stream::ShardId& shard,
                                                std::span<const ShardEvent> events) {
  const ShardEvent* before = nullptr;
  for (const auto& event : events) {
    if (!stream::is_sequence_number(event.sequence_number.text()) || (before != nullptr && !(*before < event))) {
      return refused("BadClaim", fmt::format("events of shard {} are claimed out of order", shard.substr(0, 128)));
    }
    before = &event;
  }
  if (stored != nullptr) {
    if (const auto at = stored->shards.find(shard); at != stored->shards.end()) {
      return &at->second;
    }
  }
  return Error(Next::conflict, "PositionConflict",
               fmt::format("shard {} is not known, so nothing of it can be claimed", shard.substr(0, 128)));
}

bool is_well_formed(const LetterId& id) {
  return id.shard.size() <= key_bytes_max && is_well_formed(id.sequence_number);
}

Result<std::optional<CommitChanges>> judge(const stream::Positions& stored, const StoredLetters& letters,
                                           const Commit& commit) {
  WEIR_CHECK(check_shape(commit));
  if (stored.stream && commit.identity && *stored.stream != *commit.identity) {
    return conflict(commit, fmt::format("the positions belong to {} as created {}", stored.stream->arn,
                                        to_string(stored.stream->created)));
  }
  if (stored.stream && commit.identity && stored.start != commit.start) {
    return conflict(commit, "another start is stored already");
  }

  Sizes released;
  for (const auto& id : commit.released) {
    WEIR_TRY(const std::optional<std::uint64_t> payload_bytes, letters.payload_bytes(id));
    if (payload_bytes) {
      released.emplace(id, *payload_bytes);
    }
  }
  if (released.empty() && !commit.released.empty()) {
    return std::optional<CommitChanges>();
  }
  if (released.size() < commit.released.size()) {
    return conflict(commit, fmt::format("{} of the {} dead letters that it releases are there", released.size(),
                                        commit.released.size()));
  }

  CommitChanges changes;
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
    return std::optional<CommitChanges>();
  }
  if (!some_continue && released.empty() && !(commit.rows.empty() && commit.dead_letters.empty())) {
    return bad_commit("rows and dead letters need the position they bring, or the dead letters they come from");
  }
  WEIR_CHECK(change_letters(letters, released, commit, changes));
  for (const auto& [shard, read_up_to] : commit.observed) {
    const auto* at = position_of(stored, changes, shard);
    if (at != nullptr && at->read_up_to < read_up_to) {
      auto newer = *at;
      newer.read_up_to = read_up_to;
      put(changes, shard, std::move(newer));
    }
  }
  auto gaps = stored.gaps;
  for (auto gap : commit.gaps) {
    gap.lost_before = Timestamp();
    // Where it ends is no part of its name: retention goes on taking.
    const auto at = std::ranges::find_if(
        gaps, [&gap](const auto& other) { return other.shard == gap.shard && other.from == gap.from; });
    const auto place = static_cast<std::size_t>(at - gaps.begin());
    if (at == gaps.end()) {
      gaps.push_back(std::move(gap));
    } else if (gap.noticed > at->noticed) {
      *at = std::move(gap);
    } else if (gap.noticed == at->noticed && gap.accepted && !at->accepted) {
      at->accepted = true;
    } else {
      continue;
    }
    changes.gaps.emplace_back(place, gaps[place]);
  }
  return std::optional<CommitChanges>(std::move(changes));
}

void enter(const Commit& commit, CommitChanges&& changes, stream::Positions& positions) {
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
