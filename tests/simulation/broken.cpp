#include "tests/simulation/broken.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "tests/support/passing.hpp"

namespace weir::simulation {
namespace {

using weir::testing::PassingService;
using weir::testing::PassingSink;
using weir::testing::PassingStore;
using weir::testing::SourceWithSink;

// Rows alone, in a write of their own: under a stream that does not exist, whose one shard only grows.
Task<void> write_rows_apart(state::Store& store, const state::Commit& of) {
  state::Commit apart;
  apart.pipeline = of.pipeline;
  apart.stream = "apart";
  apart.rows = of.rows;
  const auto known = co_await store.positions(apart.pipeline, apart.stream);
  WEIR_CO_CHECK(known);
  const auto at = known->shards.find("rows");
  state::ShardAdvance step;
  step.shard = "rows";
  if (at == known->shards.end()) {
    apart.discovered.emplace_back("rows", stream::ShardPosition());
  } else {
    step.from = at->second.after;
  }
  step.to = stream::SequenceNumber(step.from.empty() ? "1" : std::to_string(std::stoull(step.from.text()) + 1));
  apart.advances.push_back(step);
  co_return co_await store.commit(apart);
}

// Says that all is durable as soon as it was taken in.
class EarlySink final : public PassingSink {
 public:
  using PassingSink::PassingSink;
  Task<void> settled(const stream::ShardId& /*shard*/) override { co_return Result<void>(); }
};

// Lets children be read when the parent's last records are durable, and commits its end when it gets round to it.
class ImpatientSink final : public PassingSink {
 public:
  using PassingSink::PassingSink;
  Task<void> accept(stream::Batch batch) override {
    WEIR_CO_CHECK(co_await catch_up());
    if (batch.end) {
      owed_.emplace();
      owed_->shard = batch.shard;
      owed_->end = std::move(batch.end);
      batch.end.reset();
    }
    co_return co_await inner.accept(std::move(batch));
  }

 private:
  Task<void> catch_up() {
    if (!owed_) {
      co_return Result<void>();
    }
    auto batch = *std::move(owed_);
    owed_.reset();
    co_return co_await inner.accept(std::move(batch));
  }
  std::optional<stream::Batch> owed_;
};

class TwoWritesStore final : public PassingStore {
 public:
  using PassingStore::PassingStore;
  Task<void> commit(const state::Commit& commit) override {
    auto positions = commit;
    positions.rows.clear();
    WEIR_CO_CHECK(co_await inner.commit(positions));
    if (!commit.rows.empty()) {
      co_return co_await write_rows_apart(inner, commit);
    }
    co_return Result<void>();
  }
};

class BlindRetryStore final : public PassingStore {
 public:
  using PassingStore::PassingStore;
  Task<void> commit(const state::Commit& commit) override {
    if (failed_ && !commit.rows.empty() && !commit.advances.empty()) {
      const auto known = co_await inner.positions(commit.pipeline, commit.stream);
      WEIR_CO_CHECK(known);
      const auto at = known->shards.find(commit.advances.front().shard);
      if (at != known->shards.end() && at->second.after == commit.advances.front().to) {
        WEIR_CO_CHECK(co_await write_rows_apart(inner, commit));  // it had landed
      }
    }
    auto done = co_await inner.commit(commit);
    failed_ = !done;
    co_return done;
  }

 private:
  bool failed_ = false;
};

class ForgetfulStore final : public PassingStore {
 public:
  using PassingStore::PassingStore;
  Task<void> commit(const state::Commit& commit) override {
    auto kept = commit;
    if (failed_) {
      kept.dead_letters.clear();
    }
    auto done = co_await inner.commit(kept);
    failed_ = !done;
    co_return done;
  }

 private:
  bool failed_ = false;
};

// Until a shard has a position, every start is a first start.
class NewStartStore final : public PassingStore {
 public:
  using PassingStore::PassingStore;
  Task<stream::Positions> positions(std::string_view pipeline, std::string_view stream) override {
    auto known = co_await inner.positions(pipeline, stream);
    if (known && std::ranges::none_of(known->shards, [](const auto& shard) { return !shard.second.after.empty(); })) {
      co_return stream::Positions();
    }
    co_return known;
  }
  Task<void> commit(const state::Commit& commit) override {
    const auto known = co_await inner.positions(commit.pipeline, commit.stream);
    if (commit.identity && known && known->stream) {
      co_return Result<void>();
    }
    co_return co_await inner.commit(commit);
  }
};

class ChildlessService final : public PassingService {
 public:
  ChildlessService(api::KinesisApi& service, std::shared_ptr<std::set<std::string>> forgotten)
      : PassingService(service), forgotten_(std::move(forgotten)) {}
  Task<api::GetRecordsReply> get_records(const api::GetRecordsRequest& request, std::stop_token stop) override {
    auto reply = co_await inner.get_records(request, std::move(stop));
    if (reply && reply->child_shards.size() == 2) {
      forgotten_->insert(reply->child_shards.back().id);
      reply->child_shards.pop_back();
    }
    co_return reply;
  }
  Task<api::ListShardsReply> list_shards(const api::ListShardsRequest& request, std::stop_token stop) override {
    auto reply = co_await inner.list_shards(request, std::move(stop));
    if (reply) {
      std::erase_if(reply->shards, [this](const api::Shard& shard) { return forgotten_->contains(shard.id); });
    }
    co_return reply;
  }

 private:
  std::shared_ptr<std::set<std::string>> forgotten_;
};

// Goes on one record after the one that comes after the position.
class AheadService final : public PassingService {
 public:
  using PassingService::PassingService;
  Task<std::string> get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) override {
    auto iterator = co_await inner.get_shard_iterator(request, std::move(stop));
    if (iterator && request.type == api::IteratorType::at_sequence_number) {
      resumed_.insert(*iterator);
    }
    co_return iterator;
  }
  Task<api::GetRecordsReply> get_records(const api::GetRecordsRequest& request, std::stop_token stop) override {
    auto reply = co_await inner.get_records(request, std::move(stop));
    if (reply && resumed_.erase(request.shard_iterator) > 0 && reply->records.size() > 2) {
      reply->records.erase(reply->records.begin() + 1);
    }
    co_return reply;
  }

 private:
  std::set<std::string> resumed_;
};

// For whom a stream is its name.
class NamelessService final : public PassingService {
 public:
  NamelessService(api::KinesisApi& service, std::shared_ptr<std::optional<Timestamp>> created)
      : PassingService(service), created_(std::move(created)) {}
  Task<api::StreamSummary> describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) override {
    auto summary = co_await inner.describe_stream_summary(stream, std::move(stop));
    if (summary) {
      *created_ = created_->value_or(summary->created);
      summary->created = **created_;
    }
    co_return summary;
  }

 private:
  std::shared_ptr<std::optional<Timestamp>> created_;
};

// Knows nothing of what it was told before.
class BlankDeduper final : public state::Deduper {
 public:
  explicit BlankDeduper(state::Deduper& deduper) : inner(deduper) {}
  Task<std::vector<state::Claim>> claim(std::string_view pipeline, std::string_view stream,
                                        const stream::ShardId& shard,
                                        std::span<const state::ShardEvent> events) override {
    WEIR_CO_TRY(auto claims, co_await inner.claim(pipeline, stream, shard, events));
    std::ranges::fill(claims, state::Claim::fresh);
    co_return claims;
  }
  Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                     std::span<const state::ShardEvent> events) override {
    return inner.confirm(pipeline, stream, shard, events);
  }

 private:
  state::Deduper& inner;
};

// Takes what was claimed for done.
class HopefulDeduper final : public state::Deduper {
 public:
  explicit HopefulDeduper(state::Deduper& deduper) : inner(deduper) {}
  Task<std::vector<state::Claim>> claim(std::string_view pipeline, std::string_view stream,
                                        const stream::ShardId& shard,
                                        std::span<const state::ShardEvent> events) override {
    WEIR_CO_TRY(auto claims, co_await inner.claim(pipeline, stream, shard, events));
    std::ranges::replace(claims, state::Claim::unsure, state::Claim::confirmed);
    co_return claims;
  }
  Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                     std::span<const state::ShardEvent> events) override {
    return inner.confirm(pipeline, stream, shard, events);
  }

 private:
  state::Deduper& inner;
};

template <class Broken>
void with_deduper(Options& options) {
  options.wrap_deduper = [](state::Deduper& deduper) { return std::make_unique<Broken>(deduper); };
}
template <class Broken>
void with_store(Options& options) {
  options.wrap_store = [](state::Store& store) { return std::make_unique<Broken>(store); };
}
template <class Broken>
void with_sink(Options& options) {
  options.wrap_source = [](stream::Source& source) { return std::make_unique<SourceWithSink<Broken>>(source); };
}

const std::map<std::string, void (*)(Options&), std::less<>>& variants() {
  static const std::map<std::string, void (*)(Options&), std::less<>> all = {
      {"acknowledge-early", with_sink<EarlySink>},
      {"read-a-child-early", with_sink<ImpatientSink>},
      {"commit-the-position-apart", with_store<TwoWritesStore>},
      {"retry-blindly", with_store<BlindRetryStore>},
      {"drop-a-failing-record", with_store<ForgetfulStore>},
      {"resolve-latest-again", with_store<NewStartStore>},
      {"forget-claims", with_deduper<BlankDeduper>},
      {"take-claimed-for-done", with_deduper<HopefulDeduper>},
      {"forget-a-child",
       [](Options& options) {
         const auto forgotten = std::make_shared<std::set<std::string>>();
         options.begin = [forgotten] { forgotten->clear(); };
         options.wrap_service = [forgotten](api::KinesisApi& service) {
           return std::make_unique<ChildlessService>(service, forgotten);
         };
       }},
      {"start-ahead",
       [](Options& options) {
         options.wrap_service = [](api::KinesisApi& service) { return std::make_unique<AheadService>(service); };
       }},
      {"ignore-the-identity",
       [](Options& options) {
         const auto created = std::make_shared<std::optional<Timestamp>>();
         options.begin = [created] { created->reset(); };
         options.wrap_service = [created](api::KinesisApi& service) {
           return std::make_unique<NamelessService>(service, created);
         };
       }},
  };
  return all;
}

}  // namespace

std::vector<std::string> broken_variants() {
  std::vector<std::string> names;
  for (const auto& [name, apply] : variants()) {
    names.push_back(name);
  }
  return names;
}

void break_it(std::string_view variant, Options& options) {
  if (const auto found = variants().find(variant); found != variants().end()) {
    found->second(options);
  }
}

}  // namespace weir::simulation
