#pragma once

#include <atomic>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "kinesis/shard_map.hpp"
#include "kinesis/shard_reader.hpp"
#include "weir/base/task_group.hpp"
#include "weir/kinesis/source.hpp"

namespace weir::kinesis {

void say_starting(stream::Sink& sink, const stream::ShardId& shard);

// What the loops of one source have in common.
struct StreamSource::Shared {
  explicit Shared(ReaderConfig valid)
      : config(std::move(valid)),
        clock(config.clock != nullptr ? *config.clock : system_clock()),
        stream_name(name_of(config)),
        budget(config.buffer_bytes_max),
        random(config.seed != 0 ? Random(config.seed) : Random::from_machine()) {
    stream.name = stream_name;
    stream.arn = config.stream_arn;
  }

  static std::string name_of(const ReaderConfig& config) {
    return config.stream_name.empty() ? config.stream_arn.substr(config.stream_arn.rfind('/') + 1) : config.stream_name;
  }

  const ReaderConfig config;
  Clock& clock;
  const std::string stream_name;
  api::StreamRef stream;
  ByteBudget budget;
  ShardMap shards;
  std::atomic<std::int64_t> retention_ms{std::chrono::milliseconds(std::chrono::hours(24)).count()};

  std::mutex mutex;
  Random random;                // guarded by mutex
  std::uint32_t readers = 0;    // guarded by mutex
  std::stop_source list_soon;   // ends the wait for the next listing; guarded by mutex
  std::uint64_t checks_started = 0;   // of the identity; guarded by mutex
  std::uint64_t checks_finished = 0;  // the last that succeeded; guarded by mutex
  bool checking = false;              // guarded by mutex
  Signal checked;
  std::atomic<bool> listed = false;  // the shards were listed once since reading began
  Timestamp listed_at{};             // the last listing, by the loop that lists

  std::uint64_t seed() {
    const std::scoped_lock lock(mutex);
    return random();
  }

  // Which stream this is, and which shards it has (stream_watch.cpp).
  Task<api::StreamSummary> describe(std::stop_token stop);
  Task<std::vector<stream::Shard>> list(std::stop_token stop);
  Task<void> check_identity(stream::StreamIdentity expected, std::stop_token stop);
  struct Turn;
  Task<void> check_identity_anew(stream::StreamIdentity expected, std::stop_token stop);
  Task<std::vector<stream::Shard>> children_of(const stream::ShardId& parent, std::stop_token stop);
  Timestamp born_after(const stream::Shard& shard, const stream::Positions& positions) const;
  std::vector<ShardMap::Entry> new_shards(std::vector<stream::Shard> listed_shards, const stream::Positions& positions);
  Task<void> discover(std::vector<stream::Shard> listed_shards, std::uint64_t listing,
                      const stream::Positions& positions, stream::Sink& sink);
  /// Whether the service takes a start by sequence number.
  Task<void> try_start(const stream::Start& start, std::stop_token stop);
  Task<void> wait_to_list(Duration time, std::stop_token stop);
  void list_now();
  Task<void> list_anew(std::stop_token stop);
  Task<void> follow(const stream::Positions& positions, stream::Sink& sink, std::stop_token stop);

  // Reading a share of the shards (stream_reading.cpp).
  Task<void> read_shard(const ShardReader::Context& context, ShardMap::Entry shard, stream::Sink& sink,
                        std::stop_token stop);
  Task<void> hand_on(const stream::ShardId& id, ShardReader& reader, std::optional<Result<stream::Batch>>& page,
                     TaskGroup& ahead, stream::Sink& sink);
  Task<void> read(stream::Share share, const stream::Positions& positions, stream::Sink& sink, std::stop_token stop);
  Task<void> read_share(stream::Share share, const ShardReader::Context& context, const stream::Positions& positions,
                        stream::Sink& sink, TaskGroup& group);
};

}  // namespace weir::kinesis
