#include "weir/kinesis/source.hpp"

#include <fmt/format.h>

#include <exception>

#include "kinesis/stream_shared.hpp"

namespace weir::kinesis {

Result<std::unique_ptr<StreamSource>> StreamSource::make(ReaderConfig config) {
  WEIR_CHECK(validate(config));
  return std::unique_ptr<StreamSource>(new StreamSource(std::move(config)));
}

StreamSource::StreamSource(ReaderConfig config) : shared_(std::make_unique<Shared>(std::move(config))) {}
StreamSource::~StreamSource() = default;

std::string StreamSource::name() const { return "kinesis:" + shared_->stream_name; }

Task<stream::StreamIdentity> StreamSource::identify(std::stop_token stop) {
  WEIR_CO_TRY(auto summary, co_await shared_->describe(stop));
  stream::StreamIdentity identity;
  identity.name = summary.name;
  identity.arn = summary.arn;
  identity.created = summary.created;
  co_return identity;
}

Task<stream::Start> StreamSource::resolve_start(std::stop_token stop) {
  const auto& config = shared_->config;
  stream::Start start;
  switch (config.starting_position) {
    case StartingPosition::trim_horizon:
      break;
    case StartingPosition::latest: {
      WEIR_CO_TRY(auto summary, co_await shared_->describe(stop));
      start.type = stream::Start::Type::at_timestamp;
      start.timestamp = summary.service_time;
      break;
    }
    case StartingPosition::at_timestamp: {
      // What the service will not take must not be stored: it would be refused at every start from then on.
      WEIR_CO_TRY(auto summary, co_await shared_->describe(stop));
      if (*config.start_timestamp > summary.service_time + std::chrono::seconds(1)) {
        co_return refused("BadStart", fmt::format("the start, {}, is in the future: the service's clock says {}",
                                                  to_string(*config.start_timestamp), to_string(summary.service_time)));
      }
      start.type = stream::Start::Type::at_timestamp;
      start.timestamp = *config.start_timestamp;
      break;
    }
    case StartingPosition::at_sequence_number:
    case StartingPosition::after_sequence_number:
      start.type = config.starting_position == StartingPosition::at_sequence_number
                       ? stream::Start::Type::at_sequence_number
                       : stream::Start::Type::after_sequence_number;
      start.shard = config.starting_shard;
      start.sequence_number = stream::SequenceNumber(config.starting_sequence_number);
      WEIR_CO_CHECK(co_await shared_->try_start(start, stop));
      break;
  }
  co_return start;
}

Task<std::vector<std::pair<stream::ShardId, stream::ShardPosition>>> StreamSource::unseen(
    const stream::Positions& positions, std::stop_token stop) {
  shared_->shards.reset(1);
  shared_->shards.add({positions.shards.begin(), positions.shards.end()});
  WEIR_CO_TRY(auto listed_shards, co_await shared_->list(std::move(stop)));
  co_return shared_->new_shards(std::move(listed_shards), positions);
}

Task<void> StreamSource::read(stream::Share share, const stream::Positions& positions, stream::Sink& sink,
                              std::stop_token stop) {
  auto& shared = *shared_;
  {
    const std::scoped_lock lock(shared.mutex);
    ++shared.readers;
  }
  Result<void> done;
  std::exception_ptr thrown;
  try {
    done = co_await shared.read(share, positions, sink, stop);
  } catch (...) {
    thrown = std::current_exception();  // whatever the sink throws is thrown on, once the reader is counted out
  }
  {
    const std::scoped_lock lock(shared.mutex);
    if (--shared.readers == 0) {
      shared.listed = false;
    }
  }
  if (thrown != nullptr) {
    std::rethrow_exception(thrown);
  }
  co_return done;
}

namespace detail {
namespace {

// Hands every record on and keeps nothing.
class Passing final : public stream::Sink {
 public:
  Passing(std::string stream, RawHandler each) : stream_(std::move(stream)), each_(std::move(each)) {}

  Task<void> discovered(std::vector<std::pair<stream::ShardId, stream::ShardPosition>> /*shards*/) override {
    co_return Result<void>();
  }
  Task<void> accept(stream::Batch batch) override {
    decode::Scratch scratch;
    stream::EventId id;
    id.stream = stream_;
    id.shard = batch.shard;
    for (const auto& record : batch.records) {
      id.sequence_number = record.sequence_number;
      WEIR_CO_CHECK(co_await each_(id, record, scratch));
    }
    co_return Result<void>();
  }
  Task<void> settled(const stream::ShardId& /*shard*/) override { co_return Result<void>(); }
  Task<void> gap(stream::Gap gap) override { co_return refused("Gap", gap.reason); }
  void report(const stream::ShardStatus& /*status*/) override {}

 private:
  std::string stream_;
  RawHandler each_;
};

}  // namespace

Task<void> read_records(StreamSource& source, RawHandler each, std::stop_token stop) {
  stream::Positions positions;
  WEIR_CO_TRY(positions.stream, co_await source.identify(stop));
  WEIR_CO_TRY(positions.start, co_await source.resolve_start(stop));
  const stream::Share all;
  Passing sink(source.name().substr(std::string_view("kinesis:").size()), std::move(each));
  co_return co_await source.read(all, positions, sink, stop);
}

}  // namespace detail
}  // namespace weir::kinesis
