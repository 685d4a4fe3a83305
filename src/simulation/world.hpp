#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/disk.hpp"
#include "simulation/faulty_service.hpp"
#include "simulation/oracle.hpp"
#include "simulation/store_link.hpp"
#include "weir/emulator/kinesis.hpp"
#include "weir/kinesis/source.hpp"
#include "weir/simulation/simulation.hpp"
#include "weir/simulation/virtual_time.hpp"
#include "worker/host.hpp"

namespace weir::simulation {

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
  Task<worker::Report> live(Life& life);
  void advance(Duration time);
  bool step(Duration until);
  void crash();
  void end_life();
  void judge_end(const Life& life);
  bool run_to_end(Life& life);

  void check_totals();
  void check_complete();
  void tell_positions(const stream::Positions& positions, const StreamHistory& history);
  void heard_read(const std::string& shard);
  void new_store();
  void note_history();
  StreamHistory* history_of(const std::optional<stream::StreamIdentity>& identity);
  template <class T>
  T now(Task<T> task);

  void say(std::string line);
  void problem(std::string what);

  const Options& options_;
  Random random_;
  VirtualTime time_;
  emulator::Kinesis kinesis_;
  std::unique_ptr<Disk> disk_;  // below a RocksDB store
  std::unique_ptr<state::Store> store_;
  std::list<StreamHistory> histories_;  // the last one is the present
  std::unique_ptr<Life> life_;
  std::optional<Duration> restart_at_;
  std::uint64_t steps_to_crash_ = 0;  // 0: none is coming
  bool go_on_after_gaps_ = false;
  bool faults_may_end_it_ = false;
  Outcome outcome_;
};

}  // namespace weir::simulation
