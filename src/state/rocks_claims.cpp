// The Deduper of the RocksDB store: one key per claimed event, until a commit passes it.

#include "database.hpp"
#include "rocks_core.hpp"

namespace weir::state {

Result<std::vector<Claim>> RocksStore::Core::claim(std::string_view pipeline, std::string_view stream,
                                                   const stream::ShardId& shard, std::span<const ShardEvent> events) {
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  const auto* known = known_.find(pipeline, stream);
  WEIR_TRY(const auto* position, claimed_at(known == nullptr ? nullptr : &known->positions, shard, events));
  const auto owner = known_.find(pipeline)->number;
  std::vector<Claim> claims;
  claims.reserve(events.size());
  rocksdb::WriteBatch batch;
  std::string value;
  for (const auto& event : events) {
    if (event.sequence_number <= position->after) {
      claims.push_back(Claim::confirmed);
      continue;
    }
    const auto key = layout::claim_key(owner, known->number, shard, event);
    const auto status = database_->Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) {
      batch.Put(key, layout::encode_claim(false));
      claims.push_back(Claim::fresh);
      continue;
    }
    if (!status.ok()) {
      return to_error(status, options_.path);
    }
    const auto confirmed = layout::decode_claim(value);
    if (!confirmed) {
      return damaged("a handler's claim");
    }
    claims.push_back(*confirmed ? Claim::confirmed : Claim::unsure);
  }
  WEIR_CHECK(write_claims(pipeline, stream, shard, batch, true));
  return claims;
}

Result<void> RocksStore::Core::confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                                       std::span<const ShardEvent> events) {
  const std::scoped_lock lock(commit_mutex_);
  WEIR_CHECK(mend());
  const auto* known = known_.find(pipeline, stream);
  WEIR_TRY(const auto* position, claimed_at(known == nullptr ? nullptr : &known->positions, shard, events));
  const auto owner = known_.find(pipeline)->number;
  rocksdb::WriteBatch batch;
  for (const auto& event : events) {
    if (event.sequence_number > position->after) {
      batch.Put(layout::claim_key(owner, known->number, shard, event), layout::encode_claim(true));
    }
  }
  return write_claims(pipeline, stream, shard, batch, false);
}

Result<void> RocksStore::Core::write_claims(std::string_view pipeline, std::string_view stream,
                                            const stream::ShardId& shard, rocksdb::WriteBatch& batch, bool sync) {
  if (batch.Count() == 0) {
    return {};
  }
  WEIR_CHECK(write(batch, sync));
  const std::unique_lock state_lock(state_mutex_);
  known_.pipelines.find(pipeline)->second.streams.find(stream)->second.claimed.insert(shard);
  return {};
}

// Of most shards nothing is ever claimed, so nothing is looked for.
Result<void> RocksStore::Core::drop_claims(Number pipeline, const StreamState& stream, const Commit& commit,
                                           rocksdb::WriteBatch& batch) const {
  for (const auto& advance : commit.advances) {
    if (!stream.claimed.contains(advance.shard)) {
      continue;
    }
    // Earlier commits removed what is at or below `from`, and `claim` puts nothing there.
    const auto prefix = layout::claims_prefix(pipeline, stream.number);
    const auto end = layout::after_claims_key(pipeline, stream.number, advance.shard, advance.to).substr(prefix.size());
    auto read = visit(*database_, prefix,
                      layout::after_claims_key(pipeline, stream.number, advance.shard, advance.from), true,
                      [&](auto rest, auto /*value*/) -> Result<bool> {
                        if (rest >= end) {
                          return false;
                        }
                        batch.Delete(prefix + std::string(rest));
                        return true;
                      });
    WEIR_CHECK(std::move(read));
  }
  return {};
}

}  // namespace weir::state
