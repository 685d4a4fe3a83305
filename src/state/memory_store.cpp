#include "weir/state/memory_store.hpp"

#include <map>
#include <mutex>

#include "ledger.hpp"

namespace weir::state {
namespace {

struct StreamState {
  stream::Positions positions;
  std::map<LetterId, DeadLetter> dead_letters;
  std::map<stream::ShardId, std::map<ShardEvent, bool>> claims;  // whether confirmed
};

struct PipelineState {
  LetterSum dead_letters;
  std::optional<std::string> definition;
  std::map<std::string, std::string, std::less<>> rows;
  std::map<std::string, StreamState, std::less<>> streams;
};

}  // namespace

struct MemoryStore::State {
  explicit State(const Combiner& row_combiner) : combiner(row_combiner) {}

  const PipelineState* find(std::string_view pipeline) const {
    const auto at = pipelines.find(pipeline);
    return at == pipelines.end() ? nullptr : &at->second;
  }
  StreamState* find(std::string_view pipeline, std::string_view stream) {
    const auto owner = pipelines.find(pipeline);
    if (owner == pipelines.end()) {
      return nullptr;
    }
    const auto at = owner->second.streams.find(stream);
    return at == owner->second.streams.end() ? nullptr : &at->second;
  }

  const Combiner& combiner;
  std::mutex mutex;
  std::map<std::string, PipelineState, std::less<>> pipelines;
};

MemoryStore::MemoryStore(const Combiner& combiner) : state_(std::make_unique<State>(combiner)) {}
MemoryStore::~MemoryStore() = default;

Task<void> MemoryStore::commit(const Commit& commit) {
  const std::scoped_lock lock(state_->mutex);
  static const stream::Positions nothing;
  const auto* known = state_->find(commit.pipeline, commit.stream);
  StoredLetters letters;
  if (const auto* owner = state_->find(commit.pipeline); owner != nullptr) {
    letters.sum = owner->dead_letters;
  }
  letters.payload_bytes = [known](const LetterId& id) -> Result<std::optional<std::uint64_t>> {
    if (known != nullptr) {
      if (const auto at = known->dead_letters.find(id); at != known->dead_letters.end()) {
        return std::optional<std::uint64_t>(at->second.payload.size());
      }
    }
    return std::optional<std::uint64_t>();
  };
  WEIR_CO_TRY(auto changes, judge(known == nullptr ? nothing : known->positions, letters, commit));
  if (!changes) {
    co_return Result<void>();
  }
  auto& pipeline = state_->pipelines[commit.pipeline];
  auto& stream = pipeline.streams[commit.stream];
  for (const auto& id : commit.released) {
    stream.dead_letters.erase(id);
  }
  for (const auto* letter : changes->letters) {
    stream.dead_letters.insert_or_assign(letter->id(), *letter);
  }
  pipeline.dead_letters = changes->letter_sum;
  enter(commit, *std::move(changes), stream.positions);
  for (const auto& advance : commit.advances) {
    if (const auto at = stream.claims.find(advance.shard); at != stream.claims.end()) {
      std::erase_if(at->second, [&](const auto& claim) { return claim.first.sequence_number <= advance.to; });
    }
  }
  for (const auto& change : commit.rows) {
    auto at = pipeline.rows.lower_bound(change.key);
    if (at == pipeline.rows.end() || at->first != change.key) {
      at = pipeline.rows.emplace_hint(at, change.key, std::string());
    }
    state_->combiner.combine(at->second, change.delta);
  }
  co_return Result<void>();
}

Task<std::vector<Contents>> MemoryStore::contents() {
  const std::scoped_lock lock(state_->mutex);
  std::vector<Contents> all;
  for (const auto& [name, pipeline] : state_->pipelines) {
    auto& one = all.emplace_back(Contents{name, {}});
    for (const auto& [stream, state] : pipeline.streams) {
      one.streams.push_back(stream);
    }
  }
  co_return all;
}

Task<stream::Positions> MemoryStore::positions(std::string_view pipeline, std::string_view stream) {
  const std::scoped_lock lock(state_->mutex);
  const auto* known = state_->find(pipeline, stream);
  co_return known == nullptr ? stream::Positions() : known->positions;
}

Task<std::optional<std::string>> MemoryStore::definition(std::string_view pipeline) {
  const std::scoped_lock lock(state_->mutex);
  const auto* known = state_->find(pipeline);
  co_return known == nullptr ? std::optional<std::string>() : known->definition;
}

Task<void> MemoryStore::put_definition(std::string_view pipeline, std::string_view definition) {
  WEIR_CO_CHECK(check_name(pipeline));
  const std::scoped_lock lock(state_->mutex);
  state_->pipelines[std::string(pipeline)].definition = std::string(definition);
  co_return Result<void>();
}

Task<std::vector<std::optional<std::string>>> MemoryStore::get_many(std::string_view pipeline,
                                                                    std::span<const std::string> keys) {
  const std::scoped_lock lock(state_->mutex);
  std::vector<std::optional<std::string>> values(keys.size());
  if (const auto* known = state_->find(pipeline); known != nullptr) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (const auto at = known->rows.find(keys[i]); at != known->rows.end()) {
        values[i] = at->second;
      }
    }
  }
  co_return values;
}

Task<std::vector<Row>> MemoryStore::scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                                         std::size_t rows_max) {
  const std::scoped_lock lock(state_->mutex);
  std::vector<Row> rows;
  if (const auto* known = state_->find(pipeline); known != nullptr) {
    // An empty `after` starts at the first row; a row with an empty key is that first row.
    auto at = after.empty() || after < prefix ? known->rows.lower_bound(prefix) : known->rows.upper_bound(after);
    for (; at != known->rows.end() && rows.size() < rows_max && at->first.starts_with(prefix); ++at) {
      rows.push_back(Row{at->first, at->second});
    }
  }
  co_return rows;
}

Task<std::vector<DeadLetter>> MemoryStore::dead_letters(std::string_view pipeline, std::string_view stream,
                                                        const DeadLetter* after, std::size_t letters_max) {
  const std::scoped_lock lock(state_->mutex);
  std::vector<DeadLetter> letters;
  if (const auto* known = state_->find(pipeline, stream); known != nullptr) {
    auto at = after == nullptr ? known->dead_letters.begin() : known->dead_letters.upper_bound(after->id());
    std::size_t bytes = 0;
    for (; at != known->dead_letters.end() && letters.size() < letters_max && bytes < letter_page_bytes; ++at) {
      letters.push_back(at->second);
      bytes += at->second.payload.size();
    }
  }
  co_return letters;
}

Task<std::optional<DeadLetter>> MemoryStore::dead_letter(std::string_view pipeline, std::string_view stream,
                                                         const LetterId& id) {
  const std::scoped_lock lock(state_->mutex);
  std::optional<DeadLetter> letter;
  if (const auto* known = state_->find(pipeline, stream); known != nullptr) {
    if (const auto at = known->dead_letters.find(id); at != known->dead_letters.end()) {
      letter = at->second;
    }
  }
  co_return letter;
}

Task<LetterSum> MemoryStore::dead_letter_sum(std::string_view pipeline) {
  const std::scoped_lock lock(state_->mutex);
  const auto* known = state_->find(pipeline);
  co_return known == nullptr ? LetterSum() : known->dead_letters;
}

Task<void> MemoryStore::forget(std::string_view pipeline) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto at = state_->pipelines.find(pipeline); at != state_->pipelines.end()) {
    state_->pipelines.erase(at);
  }
  co_return Result<void>();
}

Task<void> MemoryStore::copy_to(const std::string& /*directory*/) {
  co_return refused("StateNotOnDisk",
                    "this state is held in memory only, so there are no files to copy; `state: <directory>` keeps it");
}

Task<void> MemoryStore::sync() { co_return Result<void>(); }

Task<std::vector<Claim>> MemoryStore::claim(std::string_view pipeline, std::string_view stream,
                                            const stream::ShardId& shard, std::span<const ShardEvent> events) {
  const std::scoped_lock lock(state_->mutex);
  auto* known = state_->find(pipeline, stream);
  WEIR_CO_TRY(const auto* position, claimed_at(known == nullptr ? nullptr : &known->positions, shard, events));
  std::vector<Claim> claims;
  for (const auto& event : events) {
    if (event.sequence_number <= position->after) {
      claims.push_back(Claim::confirmed);
      continue;
    }
    const auto [at, is_new] = known->claims[shard].try_emplace(event, false);
    claims.push_back(is_new ? Claim::fresh : at->second ? Claim::confirmed : Claim::unsure);
  }
  co_return claims;
}

Task<void> MemoryStore::confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                                std::span<const ShardEvent> events) {
  const std::scoped_lock lock(state_->mutex);
  auto* known = state_->find(pipeline, stream);
  WEIR_CO_TRY(const auto* position, claimed_at(known == nullptr ? nullptr : &known->positions, shard, events));
  for (const auto& event : events) {
    if (event.sequence_number > position->after) {
      known->claims[shard].insert_or_assign(event, true);
    }
  }
  co_return Result<void>();
}

}  // namespace weir::state
