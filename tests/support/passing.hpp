#pragma once

#include <utility>

#include "weir/api/kinesis_api.hpp"
#include "weir/state/store.hpp"
#include "weir/stream/source.hpp"

// Store, service, sink and source that pass everything on: what a broken one changes a little of.
namespace weir::testing {

class PassingStore : public state::Store {
 public:
  explicit PassingStore(state::Store& store) : inner(store) {}
  state::Strength strength() const noexcept override { return inner.strength(); }
  Task<void> commit(const state::Commit& commit) override { return inner.commit(commit); }
  Task<std::vector<state::Contents>> contents() override { return inner.contents(); }
  Task<stream::Positions> positions(std::string_view pipeline, std::string_view stream) override {
    return inner.positions(pipeline, stream);
  }
  Task<std::optional<std::string>> definition(std::string_view pipeline) override { return inner.definition(pipeline); }
  Task<void> put_definition(std::string_view pipeline, std::string_view definition) override {
    return inner.put_definition(pipeline, definition);
  }
  Task<std::vector<std::optional<std::string>>> get_many(std::string_view pipeline,
                                                         std::span<const std::string> keys) override {
    return inner.get_many(pipeline, keys);
  }
  Task<std::vector<state::Row>> scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                                     std::size_t rows_max) override {
    return inner.scan(pipeline, prefix, after, rows_max);
  }
  Task<std::vector<state::DeadLetter>> dead_letters(std::string_view pipeline, std::string_view stream,
                                                    const state::DeadLetter* after, std::size_t letters_max) override {
    return inner.dead_letters(pipeline, stream, after, letters_max);
  }
  Task<std::optional<state::DeadLetter>> dead_letter(std::string_view pipeline, std::string_view stream,
                                                     const state::LetterId& id) override {
    return inner.dead_letter(pipeline, stream, id);
  }
  Task<state::LetterSum> dead_letter_sum(std::string_view pipeline) override { return inner.dead_letter_sum(pipeline); }
  Task<void> forget(std::string_view pipeline) override { return inner.forget(pipeline); }
  Task<void> copy_to(const std::string& directory) override { return inner.copy_to(directory); }
  Task<void> sync() override { return inner.sync(); }

 protected:
  state::Store& inner;
};

class PassingService : public api::KinesisApi {
 public:
  explicit PassingService(api::KinesisApi& service) : inner(service) {}
  Task<void> create_stream(const api::CreateStreamRequest& request, std::stop_token stop) override {
    return inner.create_stream(request, std::move(stop));
  }
  Task<void> delete_stream(const api::StreamRef& stream, std::stop_token stop) override {
    return inner.delete_stream(stream, std::move(stop));
  }
  Task<api::StreamSummary> describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) override {
    return inner.describe_stream_summary(stream, std::move(stop));
  }
  Task<api::ListStreamsReply> list_streams(const api::ListStreamsRequest& request, std::stop_token stop) override {
    return inner.list_streams(request, std::move(stop));
  }
  Task<api::ListShardsReply> list_shards(const api::ListShardsRequest& request, std::stop_token stop) override {
    return inner.list_shards(request, std::move(stop));
  }
  Task<api::PutRecordReply> put_record(const api::PutRecordRequest& request, std::stop_token stop) override {
    return inner.put_record(request, std::move(stop));
  }
  Task<api::PutRecordsReply> put_records(const api::PutRecordsRequest& request, std::stop_token stop) override {
    return inner.put_records(request, std::move(stop));
  }
  Task<std::string> get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) override {
    return inner.get_shard_iterator(request, std::move(stop));
  }
  Task<api::GetRecordsReply> get_records(const api::GetRecordsRequest& request, std::stop_token stop) override {
    return inner.get_records(request, std::move(stop));
  }
  Task<void> split_shard(const api::SplitShardRequest& request, std::stop_token stop) override {
    return inner.split_shard(request, std::move(stop));
  }
  Task<void> merge_shards(const api::MergeShardsRequest& request, std::stop_token stop) override {
    return inner.merge_shards(request, std::move(stop));
  }
  Task<api::UpdateShardCountReply> update_shard_count(const api::UpdateShardCountRequest& request,
                                                      std::stop_token stop) override {
    return inner.update_shard_count(request, std::move(stop));
  }

 protected:
  api::KinesisApi& inner;
};

class PassingSink : public stream::Sink {
 public:
  explicit PassingSink(stream::Sink& sink) : inner(sink) {}
  Task<void> discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> shards) override {
    return inner.discovered(std::move(shards));
  }
  Task<void> accept(stream::Batch batch) override { return inner.accept(std::move(batch)); }
  Task<void> settled(const stream::ShardId& shard) override { return inner.settled(shard); }
  Task<void> gap(stream::Gap gap) override { return inner.gap(std::move(gap)); }
  void report(const stream::ShardStatus& status) override { inner.report(status); }

 protected:
  stream::Sink& inner;
};

class PassingSource : public stream::Source {
 public:
  explicit PassingSource(stream::Source& source) : inner(source) {}
  std::string name() const override { return inner.name(); }
  Task<stream::StreamIdentity> identify(std::stop_token stop) override { return inner.identify(std::move(stop)); }
  Task<stream::Start> resolve_start(std::stop_token stop) override { return inner.resolve_start(std::move(stop)); }
  Task<std::vector<std::pair<stream::ShardId, stream::ShardPosition>>> unseen(const stream::Positions& positions,
                                                                              std::stop_token stop) override {
    return inner.unseen(positions, std::move(stop));
  }
  Task<void> read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                  std::stop_token stop) override {
    return inner.read(share, positions, sink, std::move(stop));
  }

 protected:
  stream::Source& inner;
};

/// A source whose sinks are broken ones.
template <class BrokenSink>
class SourceWithSink final : public PassingSource {
 public:
  using PassingSource::PassingSource;
  Task<void> read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                  std::stop_token stop) override {
    BrokenSink broken(sink);
    co_return co_await inner.read(share, positions, broken, std::move(stop));
  }
};

}  // namespace weir::testing
