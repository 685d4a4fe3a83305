// What happens to the stream and to the process, as an event's draw decides.
#include <fmt/format.h>

#include "simulation/world.hpp"

namespace weir::simulation {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void World::happen(const Event& event) {
  Random random(event.draw);
  switch (event.act) {
    case Act::put:
      put(random);
      break;
    case Act::reshard:
      reshard(random);
      break;
    case Act::service_fault:
      add_service_fault(random);
      break;
    case Act::store_fault:
      add_store_fault(random);
      break;
    case Act::expire_iterators:
      say("every iterator expires");
      kinesis_.expire_iterators();
      break;
    case Act::answer_trimmed: {
      const auto answer = static_cast<emulator::TrimmedAnswer>(random.below(3));
      const auto log = kinesis_.log(stream_name).value();
      for (const auto& shard : log) {
        static_cast<void>(kinesis_.answer_trimmed(stream_name, shard.id, answer).ok());
      }
      say(fmt::format("trimmed positions are answered in way {}", static_cast<int>(answer)));
      break;
    }
    case Act::pause: {
      constexpr Duration lengths[] = {seconds(5), minutes(6), hours(2), hours(20), hours(30), hours(80)};
      const auto length = lengths[random.below(std::size(lengths))];
      say(fmt::format("{:.0f} s pass", std::chrono::duration<double>(length).count()));
      time_.pass(length);
      break;
    }
    case Act::crash:
      if (disk_ != nullptr && life_ != nullptr && random.below(2) == 0) {
        disk_->cut_power_at_write(1 + random.below(60));
      } else if (life_ != nullptr && steps_to_crash_ == 0) {
        steps_to_crash_ = 1 + random.below(random.below(2) == 0 ? 40 : 400);
      }
      break;
    case Act::stop:
      if (life_ != nullptr) {
        say("asked to stop");
        life_->stop_asked = true;
        life_->host->request_stop();
      }
      break;
    case Act::recreate:
      recreate();
      break;
  }
}

void World::put(Random& random) {
  std::vector<std::string> payloads(1 + random.below(random.below(4) == 0 ? 60 : 6));
  for (auto& payload : payloads) {
    payload = options_.payload(random);
  }
  std::size_t put = 0;
  for (const auto& payload : payloads) {
    const auto key = fmt::format("{:x}", random());
    put += kinesis_.put(stream_name, {payload}, key) ? 1 : 0;
  }
  outcome_.records += put;
  say(fmt::format("{} records are put", put));
}

void World::reshard(Random& random) {
  // Only open shards can be split or merged; the service says which are not.
  const auto log = kinesis_.log(stream_name).value();
  auto& parents = histories_.back().parents;
  auto& closed = histories_.back().closed;
  const auto first = random.below(log.size());
  const bool split = random.below(2) == 0;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const auto& shard = log[(first + i) % log.size()].id;
    if (split) {
      if (auto children = kinesis_.split(stream_name, shard)) {
        for (const auto& child : *children) {
          parents[child] = {shard};
        }
        closed[shard] = time_.now();
        say(fmt::format("{} is split into {}", shard, fmt::join(*children, " and ")));
        return;
      }
      continue;
    }
    for (const auto& other : log) {
      if (auto child = kinesis_.merge(stream_name, shard, other.id)) {
        parents[*child] = {shard, other.id};
        closed[shard] = closed[other.id] = time_.now();
        say(fmt::format("{} and {} are merged into {}", shard, other.id, *child));
        return;
      }
    }
  }
}

void World::add_service_fault(Random& random) {
  using Kind = emulator::Fault::Kind;
  constexpr Kind kinds[] = {Kind::throttle, Kind::internal_failure, Kind::unavailable,
                            Kind::cut,      Kind::lost_reply,       Kind::truncated,
                            Kind::slow,     Kind::expired_iterator, Kind::empty_reply};
  emulator::Fault fault;
  fault.kind = kinds[random.below(std::size(kinds))];
  fault.after = random.below(4);
  fault.times = 1 + random.below(random.below(3) == 0 ? 30 : 3);
  fault.delay = milliseconds(random.below(4'000));
  if (random.below(2) == 0) {
    fault.calls = {emulator::Operation::get_records};
  }
  say(fmt::format("{} calls will meet {}", *fault.times, to_string(fault.kind)));
  kinesis_.faults().add(std::move(fault));
  faults_may_end_it_ = true;
}

void World::add_store_fault(Random& random) {
  if (life_ == nullptr) {
    return;
  }
  const auto count = 1 + random.below(random.below(4) == 0 ? 12 : 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    StoreFault fault;
    const auto kind = random.below(12);
    fault.kind = kind < 5    ? StoreFault::Kind::fails
                 : kind < 9  ? StoreFault::Kind::loses_its_answer
                 : kind < 11 ? StoreFault::Kind::none
                             : StoreFault::Kind::refuses;
    fault.takes = milliseconds(random.below(2) == 0 ? 0 : random.below(30'000));
    life_->link.faults.push_back(fault);
  }
  say(fmt::format("{} commits will meet a fault", count));
}

void World::recreate() {
  auto& history = histories_.back();
  history.shards = kinesis_.log(stream_name).value();
  // Two makings within one millisecond could not be told apart, by anybody.
  time_.pass(milliseconds(1));
  if (kinesis_.recreate(stream_name)) {
    note_history();
    if (life_ != nullptr) {
      life_->service.forget_iterators();
    }
    say("the stream is made again");
  }
}

}  // namespace weir::simulation
