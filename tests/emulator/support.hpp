#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "weir/api/kinesis_api.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/stream/sequence_number.hpp"

namespace weir::emulator {

using Texts = std::vector<std::string>;

/// A clock that a test moves. Sleeping moves it by the time slept.
class ManualClock : public Clock {
 public:
  Timestamp now() const override { return now_; }
  Duration elapsed() const override { return now_.time_since_epoch(); }
  Task<void> sleep(Duration time, std::stop_token stop) override {
    if (stop.stop_requested()) {
      co_return stopped();
    }
    advance(std::chrono::ceil<std::chrono::milliseconds>(time));
    co_return Result<void>();
  }
  void advance(std::chrono::milliseconds time) { now_ += time; }

 private:
  Timestamp now_{std::chrono::milliseconds(1'795'485'969'342)};
};

template <class T>
Result<T> run(Task<T> task) {
  boost::asio::io_context loop;
  std::optional<Result<T>> result;
  boost::asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr& failed, Result<T> value) {
    if (failed) {
      std::rethrow_exception(failed);
    }
    result = std::move(value);
  });
  loop.run();
  return std::move(*result);
}

/// The value; ends the test with the error where there is none.
template <class T>
T must(Result<T> result) {
  if (!result) {
    throw std::runtime_error(to_string(result.error()));
  }
  if constexpr (!std::is_void_v<T>) {
    return *std::move(result);
  }
}

/// The error's code; empty when there was none.
template <class T>
std::string code(const Result<T>& result) {
  return result ? std::string() : result.error().code;
}

inline api::StreamRef named(std::string name) {
  api::StreamRef ref;
  ref.name = std::move(name);
  return ref;
}

/// The calls, each run to its end.
class Caller {
 public:
  explicit Caller(api::KinesisApi& api) : api_(api) {}

  Result<void> create(const std::string& name, std::uint32_t shards) {
    api::CreateStreamRequest request;
    request.name = name;
    request.shard_count = shards;
    return run(api_.create_stream(request, {}));
  }
  Result<api::StreamSummary> describe(const std::string& name) {
    const auto ref = named(name);
    return run(api_.describe_stream_summary(ref, {}));
  }
  Result<api::ListShardsReply> list_shards(const api::ListShardsRequest& request) {
    return run(api_.list_shards(request, {}));
  }
  Result<std::vector<api::Shard>> shards(const std::string& name) {
    api::ListShardsRequest request;
    request.stream = named(name);
    WEIR_TRY(auto reply, list_shards(request));
    return reply.shards;
  }
  Result<std::string> iterator(const std::string& stream, const std::string& shard,
                               api::IteratorType type = api::IteratorType::trim_horizon, const std::string& number = {},
                               Timestamp time = {}) {
    api::GetShardIteratorRequest request;
    request.stream = named(stream);
    request.shard_id = shard;
    request.type = type;
    request.starting_sequence_number = number;
    request.timestamp = time;
    return run(api_.get_shard_iterator(request, {}));
  }
  Result<api::GetRecordsReply> get(const std::string& iterator, std::uint32_t limit = 10'000) {
    api::GetRecordsRequest request;
    request.shard_iterator = iterator;
    request.limit = limit;
    return run(api_.get_records(request, {}));
  }
  /// The first page from there.
  Result<api::GetRecordsReply> read(const std::string& stream, const std::string& shard,
                                    api::IteratorType type = api::IteratorType::trim_horizon,
                                    const std::string& number = {}, Timestamp time = {}) {
    WEIR_TRY(const std::string iterator, this->iterator(stream, shard, type, number, time));
    return get(iterator);
  }
  Result<api::PutRecordsReply> put_records(const std::string& stream,
                                           const std::vector<api::PutRecordsEntry>& entries) {
    api::PutRecordsRequest request;
    request.stream = named(stream);
    request.records = entries;
    return run(api_.put_records(request, {}));
  }
  Result<api::PutRecordReply> put(const std::string& stream, std::string_view data, std::string_view key = "k",
                                  std::string_view hash_key = {}) {
    api::PutRecordRequest request;
    request.stream = named(stream);
    request.record.data = data;
    request.record.partition_key = key;
    request.record.explicit_hash_key = hash_key;
    return run(api_.put_record(request, {}));
  }
  Result<void> split(const std::string& stream, const std::string& shard, const std::string& key) {
    api::SplitShardRequest request;
    request.stream = named(stream);
    request.shard = shard;
    request.new_starting_hash_key = key;
    return run(api_.split_shard(request, {}));
  }
  Result<void> merge(const std::string& stream, const std::string& shard, const std::string& adjacent) {
    api::MergeShardsRequest request;
    request.stream = named(stream);
    request.shard = shard;
    request.adjacent_shard = adjacent;
    return run(api_.merge_shards(request, {}));
  }
  Result<api::UpdateShardCountReply> scale(const std::string& stream, std::uint32_t target) {
    api::UpdateShardCountRequest request;
    request.stream = named(stream);
    request.target = target;
    return run(api_.update_shard_count(request, {}));
  }

 private:
  api::KinesisApi& api_;
};

inline Texts texts(const api::GetRecordsReply& reply) {
  Texts all;
  for (const auto& record : reply.records) {
    all.emplace_back(record.data);
  }
  return all;
}

inline const std::string shard_0 = "shardId-000000000000";
inline const std::string shard_1 = "shardId-000000000001";
inline const std::string shard_2 = "shardId-000000000002";

}  // namespace weir::emulator
