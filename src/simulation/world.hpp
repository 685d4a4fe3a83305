#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/disk.hpp"
#include "simulation/effects.hpp"
#include "simulation/faulty_service.hpp"
#include "simulation/oracle.hpp"
#include "simulation/store_link.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/simulation/simulation.hpp"
#include "weir/simulation/virtual_time.hpp"
#include "worker/host.hpp"

namespace weir::simulation {

inline constexpr std::string_view stream_name = "s";
inline constexpr std::string_view source_name = "kinesis:s";

/// The stream, the store, and the process that dies and comes back: one run of the simulation. Used once.
class World {
 public:
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome run(const std::vector<Event>& schedule);

 private:
  struct Life;  // of the process, from a start to a crash or an end
  // A pipeline, by its definitions so far.
  struct Counted {
    std::vector<Definition> definitions;
    std::unique_ptr<Effects> effects;  // where it is a handler
    std::vector<stream::Gap> gaps;     // on record when the present life began
    const pipelines::PipelinePtr& pipeline() const { return definitions.back().pipeline; }
    const std::string& name() const { return pipeline()->name(); }
  };

  void begin();
  void happen(const Event& event);
  void put(Random& random);
  void reshard(Random& random);
  void add_service_fault(Random& random);
  void add_store_fault(Random& random);
  void recreate();
  void finish();

  void start_life(bool last);
  void forget_first_reads();
  void choose_pipelines(bool last);
  void choose_definition(bool last);
  pipelines::PipelinePtr strict_one(const pipelines::PipelinePtr& pipeline);
  Task<std::vector<worker::Report>> live(Life& life);
  void advance(Duration time);
  bool step(Duration until);
  void crash();
  void end_life();
  void judge_end(const Life& life);
  void judge_error(const Life& life, const Error& error);
  void check_halt(const Life& life, const Error& error);
  bool run_to_end(Life& life);

  void check_totals();
  void check_totals_of(const Counted& counted);
  void check_gaps(const Counted& counted, const stream::Positions& positions);
  void check_handled(const Counted& counted, const Totals& expected, Totals& found);
  void check_complete();
  void check_complete(const Counted& counted);
  void tell_positions(const stream::Positions& positions, const StreamHistory& history);
  void heard_read(const std::string& shard);
  void new_store();
  void reopen_store();
  void heard_confirmed(std::string_view pipeline, const stream::ShardId& shard,
                       std::span<const state::ShardEvent> events);
  void note_history();
  StreamHistory* history_of(const std::optional<stream::StreamIdentity>& identity);
  template <class T>
  T now(Task<T> task) {
    return *time_.run(std::move(task));
  }

  void say(std::string line);
  void problem(std::string what);

  const Options& options_;
  Random random_;
  VirtualTime time_;
  emulator::Kinesis kinesis_;
  std::unique_ptr<Disk> disk_;  // below a RocksDB store
  std::unique_ptr<state::Store> store_;
  std::list<StreamHistory> histories_;  // the last one is the present
  std::vector<Counted> counted_;
  std::unique_ptr<Life> life_;
  std::optional<Duration> restart_at_;
  std::uint64_t steps_to_crash_ = 0;  // 0: none is coming
  bool go_on_after_gaps_ = false;
  bool accept_losses_ = false;  // in the next life
  bool may_accept_ = false;     // the present life, or the last one, was told to go on after some gap
  bool faults_may_end_it_ = false;
  Outcome outcome_;
};

struct World::Life {
  Life(World& world, Random& random)
      : service(world.kinesis_, world.time_, random(), [&world](const std::string& shard) { world.heard_read(shard); }),
        link(*world.store_, dynamic_cast<state::Deduper&>(*world.store_), world.time_, random()) {}

  FaultyService service;
  std::unique_ptr<api::KinesisApi> wrapped_service;
  StoreLink link;
  std::unique_ptr<state::Store> wrapped_store;
  std::unique_ptr<state::Deduper> wrapped_deduper;
  std::unique_ptr<kinesis::StreamSource> source;
  std::unique_ptr<stream::Source> wrapped_source;
  worker::Options options;
  std::unique_ptr<worker::Host> host;
  std::vector<std::size_t> running;  // of the pipelines
  bool changed = false;              // the first by a definition that is not the stored one
  std::map<std::size_t, pipelines::PipelinePtr> strict;  // those among them that may halt at a record that fails
  std::optional<Result<std::vector<worker::Report>>> outcome;
  bool stop_asked = false;
};

}  // namespace weir::simulation
