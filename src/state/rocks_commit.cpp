// The writing half of the RocksDB store.

#include <fmt/format.h>

#include "database.hpp"
#include "rocks_core.hpp"

namespace weir::state {
namespace {

// Small commits add up to little; this bounds what opening reads and a checkpoint deletes.
constexpr std::uint32_t journal_entries_max = 256;

}  // namespace

Result<void> RocksStore::Core::commit(const Commit& commit) {
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  static const stream::Positions nothing;
  const auto* pipeline = known_.find(commit.pipeline);
  const auto* stream = known_.find(commit.pipeline, commit.stream);
  StoredLetters letters;
  if (pipeline != nullptr) {
    letters.sum = pipeline->dead_letters;
  }
  // Within its shard a record comes once, so this reads almost always nothing (the filter).
  letters.payload_bytes = [&](const LetterId& id) -> Result<std::optional<std::uint64_t>> {
    if (stream == nullptr) {
      return std::optional<std::uint64_t>();
    }
    WEIR_TRY(const auto letter, read_letter(pipeline->number, stream->number, id));
    return letter ? std::optional<std::uint64_t>(letter->payload.size()) : std::nullopt;
  };
  WEIR_TRY(auto changes, judge(stream == nullptr ? nothing : stream->positions, letters, commit));
  if (!changes) {
    return commit.sync ? sync_log() : Result<void>();
  }

  const auto pipeline_number = pipeline == nullptr ? known_.next_pipeline : pipeline->number;
  const auto stream_number = stream != nullptr ? stream->number : pipeline == nullptr ? 0 : pipeline->next_stream;
  rocksdb::WriteBatch batch;
  if (stream != nullptr) {
    WEIR_CHECK(drop_claims(pipeline_number, *stream, commit, batch));
  }
  add_rows(pipeline_number, commit, batch);
  for (const auto& id : commit.released) {
    batch.Delete(layout::dead_letter_key(pipeline_number, stream_number, id));
  }
  for (const auto* letter : changes->letters) {
    batch.Put(layout::dead_letter_key(pipeline_number, stream_number, letter->id()), layout::encode(*letter));
  }
  if (changes->letter_sum != letters.sum) {
    batch.Put(layout::letter_sum_key(pipeline_number), layout::encode(changes->letter_sum));
  }
  for (const auto& [shard, position] : changes->shards) {
    batch.Put(layout::shard_key(pipeline_number, stream_number, shard), layout::encode(position));
  }
  for (const auto& [place, gap] : changes->gaps) {
    batch.Put(layout::gap_key(pipeline_number, stream_number, static_cast<std::uint32_t>(place)), layout::encode(gap));
  }
  if (pipeline == nullptr) {
    batch.Put(layout::pipeline_key(commit.pipeline), layout::encode(layout::PipelineValue{pipeline_number, {}}));
  }
  if (stream == nullptr || changes->stream) {
    const layout::StreamValue value{stream_number, changes->stream ? commit.identity : std::nullopt,
                                    changes->stream ? commit.start : std::nullopt};
    batch.Put(layout::stream_key(pipeline_number, commit.stream), layout::encode(value));
  }

  const bool first_said = stream == nullptr || changes->stream || !changes->gaps.empty() || !commit.discovered.empty();
  WEIR_CHECK(write(batch, commit.sync || first_said));

  const std::unique_lock state_lock(state_mutex_);
  auto& known_pipeline = known_.pipelines[commit.pipeline];
  if (pipeline == nullptr) {
    known_pipeline.number = known_.next_pipeline++;
  }
  known_pipeline.dead_letters = changes->letter_sum;
  auto& known_stream = known_pipeline.streams[commit.stream];
  if (stream == nullptr) {
    known_stream.number = known_pipeline.next_stream++;
  }
  enter(commit, *std::move(changes), known_stream.positions);
  return {};
}

// The rows are pending before the batch is written: should that fail, they are read back with all else.
void RocksStore::Core::add_rows(Number pipeline, const Commit& commit, rocksdb::WriteBatch& batch) {
  if (commit.rows.empty()) {
    return;
  }
  auto entry = layout::begin_journal_entry();
  auto key = layout::rows_prefix(pipeline);
  const auto prefix_bytes = key.size();
  std::size_t entry_bytes = 0;
  for (const auto& change : commit.rows) {
    entry_bytes += prefix_bytes + change.key.size() + change.delta.size() + 4;
  }
  entry.reserve(entry_bytes);
  for (const auto& change : commit.rows) {
    key.resize(prefix_bytes);
    key.append(change.key);
    pending_.add(key, change.delta);
    layout::append_change(entry, key, change.delta);
  }
  journal_bytes_ += entry.size();
  if (pending_.bytes() > options_.pending_bytes_max || journal_bytes_ > options_.journal_bytes_max ||
      journal_entries_ == journal_entries_max) {
    add_checkpoint(batch);
    return;
  }
  batch.Put(layout::journal_key(journal_entries_), entry);
  ++journal_entries_;
}

void RocksStore::Core::add_checkpoint(rocksdb::WriteBatch& batch) {
  // In the order of the keys: the write buffer is filled from left to right, which halves an insertion's cost.
  for (const auto* row : pending_.sorted()) {
    batch.Merge(row->first, row->second);
  }
  for (std::uint32_t i = 0; i < journal_entries_; ++i) {
    batch.Delete(layout::journal_key(i));
  }
  pending_.clear();
  journal_entries_ = 0;
  journal_bytes_ = 0;
}

Result<void> RocksStore::Core::checkpoint() {
  if (pending_.empty()) {
    return {};
  }
  rocksdb::WriteBatch batch;
  add_checkpoint(batch);
  return write(batch, false);
}

Result<void> RocksStore::Core::put_definition(std::string_view pipeline, std::string_view definition) {
  WEIR_CHECK(check_name(pipeline));
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  const auto* known = known_.find(pipeline);
  const auto number = known == nullptr ? known_.next_pipeline : known->number;
  rocksdb::WriteBatch batch;
  batch.Put(layout::pipeline_key(pipeline), layout::encode(layout::PipelineValue{number, std::string(definition)}));
  WEIR_CHECK(write(batch, true));
  const std::unique_lock state_lock(state_mutex_);
  auto& entered = known_.pipelines[std::string(pipeline)];
  if (known == nullptr) {
    entered.number = known_.next_pipeline++;
  }
  entered.definition = std::string(definition);
  return {};
}

// One batch. What is pending goes first: later entries of a batch undo earlier ones, so of the pipeline nothing
// remains, neither in its rows nor in the journal, from where it would come back.
Result<void> RocksStore::Core::forget(std::string_view pipeline) {
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  const auto* known = known_.find(pipeline);
  if (known == nullptr) {
    return sync_log();
  }
  rocksdb::WriteBatch batch;
  add_checkpoint(batch);
  batch.Delete(layout::pipeline_key(pipeline));
  for (const auto& prefix : layout::prefixes_of(known->number)) {
    batch.DeleteRange(prefix, layout::after_prefix(prefix));
  }
  WEIR_CHECK(write(batch, true));
  const std::unique_lock state_lock(state_mutex_);
  known_.pipelines.erase(known_.pipelines.find(pipeline));
  return {};
}

Result<void> RocksStore::Core::sync() {
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  WEIR_CHECK(sync_log());
  auto whole = check_files(*database_, options_.path);
  broken_ = !whole.ok();
  return whole;
}

Result<void> RocksStore::Core::sync_log() {
  if (!unsynced_) {
    return settle({}, true);
  }
  WEIR_CHECK(settle(database_->SyncWAL(), true));
  unsynced_ = false;
  synced_at_ = options_.clock->elapsed();
  return {};
}

// A directory that is gone explains a failure; and it is none to RocksDB, for a file that was unlinked takes writes and
// syncs as well as any other.
Result<void> RocksStore::Core::settle(const rocksdb::Status& status, bool synced) {
  auto done = status.ok() && !synced ? Result<void>() : directory_.check_place();
  if (done && !status.ok()) {
    done = to_error(status, options_.path);
  }
  broken_ = !done.ok();
  return done;
}

Result<void> RocksStore::Core::write(rocksdb::WriteBatch& batch, bool sync) {
  const auto now = options_.clock->elapsed();
  rocksdb::WriteOptions how;
  how.sync = sync || now - synced_at_ >= options_.sync_interval;
  // Positions are put and rows added to. Should the database come back without a batch, but with a later one (its list
  // of files was cut short, say), the positions would be right and the rows wrong; these two then differ.
  batch.Put(layout::writes_key(), layout::encode_writes(writes_ + 1));
  batch.Merge(layout::writes_added_key(), layout::encode_writes(1));
  WEIR_CHECK(settle(database_->Write(how, &batch), how.sync));
  ++writes_;
  unsynced_ = !how.sync;
  if (how.sync) {
    synced_at_ = now;
  }
  return {};
}

Result<void> RocksStore::Core::mend_if_broken() {
  if (!broken_) {
    return {};
  }
  const std::scoped_lock lock(commit_mutex_);
  return mend();
}

Result<void> RocksStore::Core::mend() {
  if (!broken_) {
    return {};
  }
  const std::unique_lock copy_lock(copy_mutex_);
  const std::unique_lock state_lock(state_mutex_);
  database_.reset();
  WEIR_CHECK(open_database_and_load());
  broken_ = false;
  return {};
}

}  // namespace weir::state
