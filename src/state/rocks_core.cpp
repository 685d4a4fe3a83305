// Opening, and the reading half of the RocksDB store.

#include "rocks_core.hpp"

#include <fmt/format.h>

#include "database.hpp"

namespace weir::state {
namespace {

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace

const RocksStore::Core::PipelineState* RocksStore::Core::Known::find(std::string_view pipeline) const {
  const auto at = pipelines.find(pipeline);
  return at == pipelines.end() ? nullptr : &at->second;
}

const RocksStore::Core::StreamState* RocksStore::Core::Known::find(std::string_view pipeline,
                                                                   std::string_view stream) const {
  const auto* owner = find(pipeline);
  if (owner == nullptr) {
    return nullptr;
  }
  const auto at = owner->streams.find(stream);
  return at == owner->streams.end() ? nullptr : &at->second;
}

RocksStore::Core::Core(Options options, Directory directory, rocksdb::Env* env)
    : options_(std::move(options)),
      directory_(std::move(directory)),
      env_(env),
      synced_at_(options_.clock->elapsed()),
      pending_(*options_.combiner) {}

RocksStore::Core::~Core() {
  if (database_ != nullptr && unsynced_ && !broken_) {
    // Failure leaves what a crash here would have left, which the next start reads.
    (void)database_->SyncWAL().ok();
  }
}

Result<std::unique_ptr<RocksStore::Core>> RocksStore::Core::open(Options options, rocksdb::Env* env) {
  WEIR_TRY(auto directory, Directory::claim(options.path));
  auto core = std::make_unique<Core>(std::move(options), std::move(directory), env);
  auto opened = core->open_database_and_load();
  if (!opened) {
    return std::move(opened).error();
  }
  return core;
}

Result<void> RocksStore::Core::open_database_and_load() {
  WEIR_CHECK(directory_.check_place());
  WEIR_TRY(const bool exists, directory_.has_database());
  WEIR_TRY(auto database, open_database(options_, exists, env_));
  WEIR_TRY(writes_, load_writes(*database));
  WEIR_TRY(auto known, load(*database));
  WEIR_CHECK(load_journal(*database));
  known_ = std::move(known);
  database_ = std::move(database);
  return {};
}

// Between mending and the reader's own lock another thread may have found the database broken again.
Result<void> RocksStore::Core::check_open() const {
  if (database_ == nullptr) {
    return Error(Next::retry, "StateUnavailable", fmt::format("the state in {} is being opened again", options_.path));
  }
  return {};
}

Error RocksStore::Core::damaged(std::string_view what) const {
  return state_corrupt(options_.path, fmt::format("{} cannot be read", what));
}

Result<RocksStore::Core::Known> RocksStore::Core::load(rocksdb::DB& database) const {
  Known known;
  auto read = visit(database, layout::pipelines_prefix(), {}, true, [&](auto name, auto bytes) -> Result<bool> {
    auto value = layout::decode_pipeline(bytes);
    if (!value) {
      return damaged("a pipeline's record");
    }
    PipelineState state;
    state.number = value->number;
    state.definition = std::move(value->definition);
    known.next_pipeline = std::max(known.next_pipeline, value->number + 1);
    known.pipelines.emplace(name, std::move(state));
    return true;
  });
  WEIR_CHECK(std::move(read));
  for (auto& [name, pipeline] : known.pipelines) {
    std::string bytes;
    const auto status = database.Get(rocksdb::ReadOptions(), layout::letter_sum_key(pipeline.number), &bytes);
    if (status.ok()) {
      const auto sum = layout::decode_letter_sum(bytes);
      if (!sum) {
        return damaged("a count of dead letters");
      }
      pipeline.dead_letters = *sum;
    } else if (!status.IsNotFound()) {
      return to_error(status, options_.path);
    }
    WEIR_CHECK(load_streams(database, pipeline));
  }
  return known;
}

Result<std::uint64_t> RocksStore::Core::load_writes(rocksdb::DB& database) const {
  std::uint64_t numbers[2] = {};
  const std::string keys[2] = {layout::writes_key(), layout::writes_added_key()};
  for (int i = 0; i < 2; ++i) {
    std::string bytes;
    const auto status = database.Get(rocksdb::ReadOptions(), keys[i], &bytes);
    if (status.IsNotFound()) {
      continue;
    }
    if (!status.ok()) {
      return to_error(status, options_.path);
    }
    const auto number = layout::decode_writes(bytes);
    if (!number) {
      return damaged("the count of writes");
    }
    numbers[i] = *number;
  }
  if (numbers[0] != numbers[1]) {
    return state_corrupt(options_.path, fmt::format("of {} writes, {} are there: a file is missing or was cut short",
                                                    numbers[0], numbers[1]));
  }
  return numbers[0];
}

Result<void> RocksStore::Core::load_journal(rocksdb::DB& database) {
  pending_.clear();
  journal_entries_ = 0;
  journal_bytes_ = 0;
  return visit(database, layout::journal_prefix(), {}, false, [this](auto index, auto entry) -> Result<bool> {
    const auto add = [this](auto key, auto delta) { pending_.add(key, delta); };
    if (layout::journal_key(journal_entries_).substr(1) != index || !layout::read_journal_entry(entry, add)) {
      return damaged("the journal of changes");
    }
    ++journal_entries_;
    journal_bytes_ += entry.size();
    return true;
  });
}

Result<void> RocksStore::Core::load_streams(rocksdb::DB& database, PipelineState& pipeline) const {
  auto read =
      visit(database, layout::streams_prefix(pipeline.number), {}, true, [&](auto name, auto bytes) -> Result<bool> {
        auto value = layout::decode_stream(bytes);
        if (!value) {
          return damaged("a stream's record");
        }
        auto& stream = pipeline.streams[std::string(name)];
        stream.number = value->number;
        stream.positions.stream = std::move(value->identity);
        stream.positions.start = std::move(value->start);
        pipeline.next_stream = std::max(pipeline.next_stream, value->number + 1);
        return true;
      });
  WEIR_CHECK(std::move(read));
  for (auto& [name, stream] : pipeline.streams) {
    auto& positions = stream.positions;
    const auto shards = layout::shards_prefix(pipeline.number, stream.number);
    auto read_shards = visit(database, shards, {}, true, [&](auto shard, auto bytes) -> Result<bool> {
      auto value = layout::decode_shard(bytes);
      if (!value) {
        return damaged("a shard's position");
      }
      positions.shards.emplace(shard, *std::move(value));
      return true;
    });
    WEIR_CHECK(std::move(read_shards));
    const auto gaps = layout::gaps_prefix(pipeline.number, stream.number);
    auto read_gaps = visit(database, gaps, {}, true, [&](auto, auto bytes) -> Result<bool> {
      auto value = layout::decode_gap(bytes);
      if (!value) {
        return damaged("a gap");
      }
      positions.gaps.push_back(*std::move(value));
      return true;
    });
    WEIR_CHECK(std::move(read_gaps));
    const auto claims = layout::claims_prefix(pipeline.number, stream.number);
    auto read_claims = visit(database, claims, {}, true, [&](auto key, auto /*value*/) -> Result<bool> {
      auto shard = layout::decode_claim_key(key);
      if (!shard) {
        return damaged("a handler's claim");
      }
      stream.claimed.insert(*std::move(shard));
      return true;
    });
    WEIR_CHECK(std::move(read_claims));
  }
  return {};
}

Result<void> RocksStore::Core::visit(
    rocksdb::DB& database, const std::string& prefix, const std::string& from, bool cache,
    const std::function<Result<bool>(std::string_view, std::string_view)>& each) const {
  const auto end = layout::after_prefix(prefix);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions how;
  how.iterate_upper_bound = &upper;
  how.fill_cache = cache;
  const std::unique_ptr<rocksdb::Iterator> at(database.NewIterator(how));
  for (at->Seek(from.empty() ? prefix : from); at->Valid(); at->Next()) {
    WEIR_TRY(const bool more, each(view(at->key()).substr(prefix.size()), view(at->value())));
    if (!more) {
      return {};
    }
  }
  if (!at->status().ok()) {
    return to_error(at->status(), options_.path);
  }
  return {};
}

Result<std::vector<Contents>> RocksStore::Core::contents() {
  WEIR_CHECK(mend_if_broken());
  const std::shared_lock lock(state_mutex_);
  std::vector<Contents> all;
  for (const auto& [name, pipeline] : known_.pipelines) {
    auto& one = all.emplace_back(Contents{name, {}});
    for (const auto& [stream, state] : pipeline.streams) {
      one.streams.push_back(stream);
    }
  }
  return all;
}

Result<stream::Positions> RocksStore::Core::positions(std::string_view pipeline, std::string_view stream) {
  WEIR_CHECK(mend_if_broken());
  const std::shared_lock lock(state_mutex_);
  const auto* known = known_.find(pipeline, stream);
  return known == nullptr ? stream::Positions() : known->positions;
}

Result<std::optional<std::string>> RocksStore::Core::definition(std::string_view pipeline) {
  WEIR_CHECK(mend_if_broken());
  const std::shared_lock lock(state_mutex_);
  const auto* known = known_.find(pipeline);
  return known == nullptr ? std::optional<std::string>() : known->definition;
}

Result<LetterSum> RocksStore::Core::dead_letter_sum(std::string_view pipeline) {
  WEIR_CHECK(mend_if_broken());
  const std::shared_lock lock(state_mutex_);
  const auto* known = known_.find(pipeline);
  return known == nullptr ? LetterSum() : known->dead_letters;
}

Result<std::optional<DeadLetter>> RocksStore::Core::dead_letter(std::string_view pipeline, std::string_view stream,
                                                                const LetterId& id) {
  WEIR_CHECK(mend_if_broken());
  const std::shared_lock lock(state_mutex_);
  const auto* known = known_.find(pipeline, stream);
  if (known == nullptr || !is_well_formed(id)) {
    return std::optional<DeadLetter>();
  }
  WEIR_CHECK(check_open());
  return read_letter(known_.find(pipeline)->number, known->number, id);
}

// With a lock that keeps the database open.
Result<std::optional<DeadLetter>> RocksStore::Core::read_letter(Number pipeline, Number stream,
                                                                const LetterId& id) const {
  const auto key = layout::dead_letter_key(pipeline, stream, id);
  rocksdb::PinnableSlice value;
  const auto status = database_->Get(rocksdb::ReadOptions(), database_->DefaultColumnFamily(), key, &value);
  if (status.IsNotFound()) {
    return std::optional<DeadLetter>();
  }
  if (!status.ok()) {
    return to_error(status, options_.path);
  }
  const auto place = std::string_view(key).substr(layout::dead_letters_prefix(pipeline, stream).size());
  auto letter = layout::decode_dead_letter(place, view(value));
  if (!letter) {
    return damaged("a dead letter");
  }
  return letter;
}

// A row is what is stored of it and what is pending. Rows are read while nobody commits: one call sees one
// moment, a commit is in all of its rows or in none.
Result<std::vector<std::optional<std::string>>> RocksStore::Core::get_many(std::string_view pipeline,
                                                                           std::span<const std::string> keys) {
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  std::vector<std::optional<std::string>> values(keys.size());
  const auto* known = known_.find(pipeline);
  if (known == nullptr || keys.empty()) {
    return values;
  }
  const auto prefix = layout::rows_prefix(known->number);
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (const auto& key : keys) {
    names.push_back(prefix + key);
  }
  const std::vector<rocksdb::Slice> slices(names.begin(), names.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  database_->MultiGet(rocksdb::ReadOptions(), database_->DefaultColumnFamily(), slices.size(), slices.data(),
                      found.data(), statuses.data());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      values[i] = found[i].ToString();
    } else if (!statuses[i].IsNotFound()) {
      return to_error(statuses[i], options_.path);
    }
    if (const auto* change = pending_.find(names[i]); change != nullptr) {
      options_.combiner->combine(values[i] ? *values[i] : values[i].emplace(), *change);
    }
  }
  return values;
}

// Pages are read from the table alone, so what is pending goes there first.
Result<std::vector<Row>> RocksStore::Core::scan(std::string_view pipeline, std::string_view prefix,
                                                std::string_view after, std::size_t rows_max) {
  {
    const std::scoped_lock lock(commit_mutex_);
    WEIR_CHECK(mend());
    WEIR_CHECK(checkpoint());
  }
  const std::shared_lock lock(state_mutex_);
  std::vector<Row> rows;
  const auto* known = known_.find(pipeline);
  if (known == nullptr || rows_max == 0) {
    return rows;
  }
  WEIR_CHECK(check_open());
  const auto from = layout::rows_prefix(known->number);
  // What comes next after a key is that key with a zero byte.
  const auto start = after.empty() || after < prefix ? std::string() : from + std::string(after) + '\0';
  const auto within = from + std::string(prefix);
  auto read = visit(*database_, within, start, false, [&](auto rest, auto value) -> Result<bool> {
    rows.push_back(Row{std::string(prefix).append(rest), std::string(value)});
    return rows.size() < rows_max;
  });
  WEIR_CHECK(std::move(read));
  return rows;
}

Result<std::vector<DeadLetter>> RocksStore::Core::dead_letters(std::string_view pipeline, std::string_view stream,
                                                               const DeadLetter* after, std::size_t letters_max) {
  WEIR_CHECK(mend_if_broken());
  const std::shared_lock lock(state_mutex_);
  std::vector<DeadLetter> letters;
  const auto* known = known_.find(pipeline, stream);
  if (known == nullptr || letters_max == 0) {
    return letters;
  }
  WEIR_CHECK(check_open());
  const auto owner = known_.find(pipeline)->number;
  const auto start =
      after == nullptr ? std::string() : layout::dead_letter_key(owner, known->number, after->id()) + '\0';
  const auto within = layout::dead_letters_prefix(owner, known->number);
  std::size_t bytes = 0;
  auto read = visit(*database_, within, start, false, [&](auto key, auto value) -> Result<bool> {
    auto letter = layout::decode_dead_letter(key, value);
    if (!letter) {
      return damaged("a dead letter");
    }
    bytes += letter->payload.size();
    letters.push_back(*std::move(letter));
    return letters.size() < letters_max && bytes < letter_page_bytes;
  });
  WEIR_CHECK(std::move(read));
  return letters;
}

}  // namespace weir::state
