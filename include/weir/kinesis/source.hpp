#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "weir/decode/decoder.hpp"
#include "weir/decode/json.hpp"
#include "weir/kinesis/config.hpp"
#include "weir/stream/source.hpp"

namespace weir::kinesis {

/// Reads one Kinesis stream: lists its shards, reads each in order from its position, follows splits and
/// merges, and says what every shard does. Each loop reads its share; which shard is whose is settled
/// here, evenly. Does not own its client. One `read` per loop at a time; the rest from any thread.
class StreamSource : public stream::Source {
 public:
  static Result<std::unique_ptr<StreamSource>> make(ReaderConfig config);
  ~StreamSource() override;

  std::string name() const override;
  Task<stream::StreamIdentity> identify(std::stop_token stop) override;
  Task<stream::Start> resolve_start(std::stop_token stop) override;
  /// Not while it is being read.
  Task<std::vector<std::pair<stream::ShardId, stream::ShardPosition>>> unseen(const stream::Positions& positions,
                                                                              std::stop_token stop) override;
  Task<void> read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                  std::stop_token stop) override;

 protected:
  struct Shared;
  /// `config` must be valid.
  explicit StreamSource(ReaderConfig config);

 private:
  std::unique_ptr<Shared> shared_;
};

namespace detail {
using RawHandler = std::function<Task<void>(const stream::EventId&, const stream::RawRecord&, decode::Scratch&)>;

/// Reads everything from the configured start and hands each raw record, in order within its shard, to
/// `each` with its event id and a scratch that lives as long as the record's batch.
Task<void> read_records(StreamSource& source, RawHandler each, std::stop_token stop);
}  // namespace detail

/// The typed face of the same reader, with its decoder inside: for pipelines, which take the decoder from
/// it, and for code that wants records without a pipeline.
template <class T>
class Source final : public StreamSource {
 public:
  /// Fails with `refused` and the field's name when the configuration is wrong.
  static Result<std::unique_ptr<Source>> make(Config<T> config) {
    if (!config.decode) {
      return refused("BadConfig", "decode: must be set (json_decoder<T>() is the ready one)");
    }
    WEIR_CHECK(validate(config));
    return std::unique_ptr<Source>(new Source(std::move(config)));
  }

  const Config<T>& config() const noexcept { return config_; }

  /// Hands each record to `handler`, in order within its shard, from the configured start until asked to
  /// stop. Keeps no positions: a second call starts over. A record that does not decode goes to
  /// `on_decode_error` and is skipped. Fails with the handler's error. What the handler, the decoder or
  /// `on_decode_error` throws ends the reading too, and is thrown on once nothing runs any more.
  Task<void> each(std::function<Task<void>(const stream::Record<T>&)> handler, std::stop_token stop) {
    detail::RawHandler raw = [this, handler = std::move(handler)](const stream::EventId& id,
                                                                  const stream::RawRecord& record,
                                                                  decode::Scratch& scratch) -> Task<void> {
      return deliver(handler, id, record, scratch);
    };
    return detail::read_records(*this, std::move(raw), std::move(stop));
  }

 private:
  explicit Source(Config<T> config) : StreamSource(config), config_(std::move(config)) {}

  Task<void> deliver(const std::function<Task<void>(const stream::Record<T>&)>& handler, stream::EventId id,
                     stream::RawRecord raw, decode::Scratch& scratch) {
    // A handler may wait while another shard's records are decoded: what was unescaped for this one must not
    // be in a scratch that they share.
    const auto* json = config_.decode.template target<decode::JsonDecoder<T>>();
    auto value = json != nullptr ? decode::decode_padded<T>(*json, raw.data, scratch) : config_.decode(raw.data);
    if (!value) {
      if (config_.on_decode_error) {
        config_.on_decode_error(raw.data, id.shard, id.sequence_number, value.error());
      }
      co_return Result<void>();
    }
    stream::Record<T> record;
    record.event_id = id;
    record.event_time = raw.arrival;
    record.partition_key = raw.partition_key;
    record.value = *std::move(value);
    auto handled = co_await handler(record);
    co_return handled;
  }

  Config<T> config_;
};

}  // namespace weir::kinesis
