#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/api/kinesis_api.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"
#include "weir/stream/source.hpp"

/// Runs a pipeline against a stream that misbehaves in every way it may, and compares its totals with the
/// stream's own log. The reader, the process and the commit code are the real ones; the service is the local
/// endpoint's core; time is virtual and everything runs on one thread, so a seed is a run that can be repeated.
/// A handler's runs are heard of: each record must have been handled before it is acknowledged, in order, none again
/// that was confirmed, and each repeat told.
namespace weir::simulation {

/// What may happen to a running pipeline.
enum class Act : std::uint8_t {
  put,               ///< records arrive
  reshard,           ///< a shard is split, or two are merged
  service_fault,     ///< calls are throttled, fail, lose their replies, are cut, slow, or empty
  store_fault,       ///< commits fail, lose their answers, or take long
  expire_iterators,  ///< every iterator given out is worthless
  answer_trimmed,    ///< how the service answers positions that retention has taken
  pause,             ///< the machine sleeps: time passes, nobody notices
  crash,             ///< the process ends between two steps of it; what was not stored is gone
  stop,              ///< the process is asked to stop, and drains
  recreate,          ///< the stream is deleted and made again
};
std::string_view to_string(Act act) noexcept;

/// One of them, so long after the one before. `draw` decides everything about it.
struct Event {
  Duration after{};
  Act act = Act::put;
  std::uint64_t draw = 0;
};

struct Options {
  std::uint64_t seed = 1;
  pipelines::PipelinePtr pipeline;
  /// Others on the same read, handlers among them. Each joins at some start of the process, and sits some out.
  std::vector<pipelines::PipelinePtr> others;
  /// What `pipeline` becomes at some start, where set: the same with aggregates added.
  pipelines::PipelinePtr grown;
  /// Another definition by the name of `pipeline`, where set: tried at some starts, which must be refused.
  pipelines::PipelinePtr changed;
  /// The same as `pipeline` or one of `others` that keeps totals, but for what becomes of records that fail: to halt,
  /// or a lower bound of dead letters. Tried at some starts. All before the record at which one halts must be counted
  /// then.
  std::vector<pipelines::PipelinePtr> strict;
  /// Makes a record's payload.
  std::function<std::string(Random&)> payload;
  std::size_t events_max = 40;
  /// The store is RocksDB, over files that forget what was not synced when the process crashes; else memory.
  bool rocksdb = false;
  /// Called when a run begins: for what the following hooks share over the starts of one run.
  std::function<void()> begin;
  /// Put between the worker and what it stands on: for showing that the simulation finds what is broken, or
  /// for trying something of one's own. A new one for each start of the process.
  std::function<std::unique_ptr<state::Store>(state::Store& store)> wrap_store;
  std::function<std::unique_ptr<state::Deduper>(state::Deduper& deduper)> wrap_deduper;
  std::function<std::unique_ptr<stream::Source>(stream::Source& source)> wrap_source;
  std::function<std::unique_ptr<api::KinesisApi>(api::KinesisApi& service)> wrap_service;
};

struct Outcome {
  std::vector<std::string> problems;  ///< none: the totals are exact, and everything missing is on record
  std::vector<std::string> history;  ///< what happened, a line each
  std::uint64_t records = 0;  ///< put
  std::uint64_t starts = 0;  ///< of the process
  std::uint64_t crashes = 0;
  std::uint64_t gaps = 0;
  std::uint64_t refusals = 0;
  std::uint64_t steps = 0;
};

/// The events of a seed.
std::vector<Event> make_schedule(const Options& options);
/// One run. The same options and schedule give the same outcome.
Outcome run(const Options& options, const std::vector<Event>& schedule);
/// The shortest schedule found that still fails, by leaving out events.
std::vector<Event> shrink(const Options& options, std::vector<Event> schedule);
/// "after 1.5 s: crash (draw 77)".
std::string to_string(const Event& event);

}  // namespace weir::simulation
