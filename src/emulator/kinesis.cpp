#include "weir/emulator/kinesis.hpp"

#include <utility>

#include "emulator/core.hpp"
#include "emulator/errors.hpp"

namespace weir::emulator {
namespace {

/// One call: counted, delayed and struck as scripted, then answered by `answer`. What it borrows lives in
/// the coroutine that awaits it.
template <class T, class Answer>
Task<T> call(Core& core, Operation operation, const Target& target, std::stop_token stop, Answer answer) {
  if (stop.stop_requested()) {
    co_return stopped();
  }
  const Faults::Strike strike = core.begin(operation, target);
  if (strike.delay.count() > 0) {
    const Duration delay = strike.delay;
    auto slept = co_await core.clock().sleep(delay, stop);
    WEIR_CO_CHECK(std::move(slept));
  }
  if (strike.fault) {
    WEIR_CO_CHECK(core.before(*strike.fault, operation, target));
  }
  Result<T> reply = answer(strike.fault);
  if (strike.fault && reply) {
    WEIR_CO_CHECK(core.after(*strike.fault));
  }
  co_return reply;
}

bool is(const std::optional<Fault>& fault, Fault::Kind kind) { return fault && fault->kind == kind; }

api::PutRecordsResult result_of(const Placed& placed) {
  api::PutRecordsResult result;
  if (placed.error_code != nullptr) {
    result.error_code = placed.error_code;
    result.error_message = placed.error_message;
    return result;
  }
  result.shard_id = shard_id_of(placed.shard_index);
  result.sequence_number = view(placed.sequence_number);
  return result;
}

}  // namespace

Kinesis::Kinesis(Options options) : Kinesis(system_clock(), std::move(options)) {}
Kinesis::Kinesis(Clock& clock, Options options) : core_(std::make_unique<Core>(clock, std::move(options))) {}
Kinesis::~Kinesis() = default;

Task<void> Kinesis::create_stream(const api::CreateStreamRequest& request, std::stop_token stop) {
  Target target;
  target.stream = request.name;
  auto reply = co_await call<void>(*core_, Operation::create_stream, target, stop, [&](const auto&) {
    return core_->create_stream(request.name, request.shard_count);
  });
  co_return reply;
}

Task<void> Kinesis::delete_stream(const api::StreamRef& stream, std::stop_token stop) {
  const Target target = core_->target_of(stream);
  auto reply = co_await call<void>(*core_, Operation::delete_stream, target, stop,
                                   [&](const auto&) { return core_->delete_stream(stream); });
  co_return reply;
}

Task<api::StreamSummary> Kinesis::describe_stream_summary(const api::StreamRef& stream, std::stop_token stop) {
  const Target target = core_->target_of(stream);
  auto reply = co_await call<api::StreamSummary>(*core_, Operation::describe_stream_summary, target, stop,
                                                 [&](const auto&) { return core_->describe(stream); });
  co_return reply;
}

Task<api::ListStreamsReply> Kinesis::list_streams(const api::ListStreamsRequest& request, std::stop_token stop) {
  const Target target;
  auto reply = co_await call<api::ListStreamsReply>(*core_, Operation::list_streams, target, stop,
                                                    [&](const auto&) { return core_->list_streams(request); });
  co_return reply;
}

Task<api::ListShardsReply> Kinesis::list_shards(const api::ListShardsRequest& request, std::stop_token stop) {
  const Target target = core_->target_of(request.stream);
  auto reply = co_await call<api::ListShardsReply>(*core_, Operation::list_shards, target, stop,
                                                   [&](const auto&) { return core_->list_shards(request); });
  co_return reply;
}

Task<api::PutRecordReply> Kinesis::put_record(const api::PutRecordRequest& request, std::stop_token stop) {
  const Target target = core_->target_of(request.stream);
  auto reply = co_await call<api::PutRecordReply>(*core_, Operation::put_record, target, stop,
                                                  [&](const auto&) -> Result<api::PutRecordReply> {
                                                    WEIR_TRY(const Placed placed, core_->put_record(request));
                                                    api::PutRecordReply stored;
                                                    stored.shard_id = shard_id_of(placed.shard_index);
                                                    stored.sequence_number = view(placed.sequence_number);
                                                    return stored;
                                                  });
  co_return reply;
}

Task<api::PutRecordsReply> Kinesis::put_records(const api::PutRecordsRequest& request, std::stop_token stop) {
  const Target target = core_->target_of(request.stream);
  auto reply = co_await call<api::PutRecordsReply>(
      *core_, Operation::put_records, target, stop,
      [&](const std::optional<Fault>& fault) -> Result<api::PutRecordsReply> {
        const Fault* const partial = is(fault, Fault::Kind::failed_entries) ? &*fault : nullptr;
        WEIR_TRY(const std::vector<Placed> placed, core_->put_records(request.stream, request.records, partial));
        api::PutRecordsReply stored;
        stored.results.reserve(placed.size());
        for (const Placed& each : placed) {
          stored.results.push_back(result_of(each));
          stored.failed_count += each.error_code != nullptr ? 1 : 0;
        }
        return stored;
      });
  co_return reply;
}

Task<std::string> Kinesis::get_shard_iterator(const api::GetShardIteratorRequest& request, std::stop_token stop) {
  const Target target = core_->target_of(request.stream, request.shard_id);
  auto reply = co_await call<std::string>(*core_, Operation::get_shard_iterator, target, stop,
                                          [&](const auto&) { return core_->get_shard_iterator(request); });
  co_return reply;
}

Task<api::GetRecordsReply> Kinesis::get_records(const api::GetRecordsRequest& request, std::stop_token stop) {
  const Target target = core_->target_of_iterator(request.shard_iterator);
  auto reply = co_await call<api::GetRecordsReply>(
      *core_, Operation::get_records, target, stop,
      [&](const std::optional<Fault>& fault) -> Result<api::GetRecordsReply> {
        WEIR_TRY(RecordsPage page, core_->get_records(request, is(fault, Fault::Kind::empty_reply)));
        api::GetRecordsReply answer;
        answer.records.reserve(page.page.records);
        for_each_record(page.page, [&](const stream::RawRecord& record) { answer.records.push_back(record); });
        answer.buffer = std::make_shared<std::vector<std::shared_ptr<const void>>>(std::move(page.page.chunks));
        answer.wire_bytes = page.page.wire_bytes;
        answer.next_shard_iterator = std::move(page.next_iterator);
        answer.behind = page.behind;
        answer.child_shards = std::move(page.children);
        return answer;
      });
  co_return reply;
}

Task<void> Kinesis::split_shard(const api::SplitShardRequest& request, std::stop_token stop) {
  const Target target = core_->target_of(request.stream, request.shard);
  auto reply = co_await call<void>(*core_, Operation::split_shard, target, stop,
                                   [&](const auto&) { return core_->split_shard(request); });
  co_return reply;
}

Task<void> Kinesis::merge_shards(const api::MergeShardsRequest& request, std::stop_token stop) {
  const Target target = core_->target_of(request.stream, request.shard);
  auto reply = co_await call<void>(*core_, Operation::merge_shards, target, stop,
                                   [&](const auto&) { return core_->merge_shards(request); });
  co_return reply;
}

Task<api::UpdateShardCountReply> Kinesis::update_shard_count(const api::UpdateShardCountRequest& request,
                                                             std::stop_token stop) {
  const Target target = core_->target_of(request.stream);
  auto reply =
      co_await call<api::UpdateShardCountReply>(*core_, Operation::update_shard_count, target, stop,
                                                [&](const auto&) { return core_->update_shard_count(request); });
  co_return reply;
}

Result<void> Kinesis::create(std::string_view stream, std::uint32_t shards) {
  return core_->create_stream(stream, shards);
}

Result<std::vector<std::string>> Kinesis::put(std::string_view stream, const std::vector<std::string>& texts,
                                              std::string_view partition_key) {
  std::vector<std::string> numbers;
  api::PutRecordRequest request;
  request.stream.name = stream;
  for (const std::string& text : texts) {
    request.record.data = text;
    request.record.partition_key = !partition_key.empty() ? partition_key : text.empty() ? "-" : std::string_view(text);
    WEIR_TRY(const Placed placed, core_->put_record(request));
    numbers.emplace_back(view(placed.sequence_number));
  }
  return numbers;
}

Result<std::vector<std::string>> Kinesis::split(std::string_view stream, std::string_view shard) {
  api::SplitShardRequest request;
  request.stream.name = stream;
  request.shard = shard;
  WEIR_CHECK(core_->look(stream, [&](const StreamState& state) {
    if (const ShardState* const found = state.find(shard)) {
      request.new_starting_hash_key = to_decimal(found->start + (found->end - found->start) / 2 + 1);
    }
  }));
  if (request.new_starting_hash_key.empty()) {
    return not_found("Could not find shard " + std::string(shard) + " in stream " + std::string(stream) + ".");
  }
  WEIR_CHECK(core_->split_shard(request, true));
  std::vector<std::string> children;
  WEIR_CHECK(core_->look(stream, [&](const StreamState& state) {
    for (const std::uint32_t child : state.find(shard)->children) {
      children.push_back(state.shards[child]->id);
    }
  }));
  return children;
}

Result<std::string> Kinesis::merge(std::string_view stream, std::string_view shard, std::string_view adjacent) {
  api::MergeShardsRequest request;
  request.stream.name = stream;
  request.shard = shard;
  request.adjacent_shard = adjacent;
  WEIR_CHECK(core_->merge_shards(request, true));
  std::string child;
  WEIR_CHECK(core_->look(
      stream, [&](const StreamState& state) { child = state.shards[state.find(shard)->children.front()]->id; }));
  return child;
}

void Kinesis::expire_iterators() { core_->expire_iterators(); }

Result<void> Kinesis::trim(std::string_view stream, std::string_view shard, std::string_view up_to) {
  return core_->trim(stream, shard, up_to);
}

Result<void> Kinesis::answer_trimmed(std::string_view stream, std::string_view shard, TrimmedAnswer answer) {
  return core_->answer_trimmed(stream, shard, answer);
}

Result<void> Kinesis::recreate(std::string_view stream) { return core_->recreate(stream); }

Result<std::vector<Kinesis::LoggedShard>> Kinesis::log(std::string_view stream) const {
  std::vector<LoggedShard> logged;
  WEIR_CHECK(core_->look(stream, [&](const StreamState& state) {
    for (const auto& shard : state.shards) {
      LoggedShard& each = logged.emplace_back();
      each.id = shard->id;
      const std::unique_lock lock(shard->mutex);
      for_each_record(shard->log.everything(), [&](const stream::RawRecord& record) {
        each.records.push_back({.sequence_number = std::string(record.sequence_number),
                                .data = std::string(record.data),
                                .partition_key = std::string(record.partition_key),
                                .arrival = record.arrival});
      });
    }
  }));
  return logged;
}

std::uint64_t Kinesis::calls(Operation operation) const noexcept { return core_->calls(operation); }
Faults& Kinesis::faults() noexcept { return core_->faults(); }
std::size_t Kinesis::bytes_held() const noexcept { return core_->bytes_held(); }

}  // namespace weir::emulator
