#include <fmt/format.h>

#include <algorithm>

#include "weir/simulation/simulation.hpp"

namespace weir::simulation {
namespace {

// How often each comes, against the others.
struct Weight {
  Act act;
  std::uint64_t weight;
};
constexpr Weight weights[] = {
    {Act::put, 30}, {Act::reshard, 10}, {Act::service_fault, 14},   {Act::store_fault, 10}, {Act::crash, 14},
    {Act::stop, 6}, {Act::pause, 6},    {Act::expire_iterators, 4}, {Act::recreate, 1},     {Act::answer_trimmed, 4},
};

Act draw_act(Random& random) {
  std::uint64_t sum = 0;
  for (const auto& entry : weights) {
    sum += entry.weight;
  }
  auto at = random.below(sum);
  for (const auto& entry : weights) {
    if (at < entry.weight) {
      return entry.act;
    }
    at -= entry.weight;
  }
  return Act::put;
}

// Many things at once, and quiet times between.
Duration draw_gap(Random& random) {
  using std::chrono::milliseconds;
  switch (random.below(4)) {
    case 0:
      return Duration(0);
    case 1:
      return milliseconds(random.below(30));
    case 2:
      return milliseconds(random.below(1'500));
    default:
      return milliseconds(random.below(20'000));
  }
}

}  // namespace

std::string_view to_string(Act act) noexcept {
  switch (act) {
    case Act::put:
      return "put";
    case Act::reshard:
      return "reshard";
    case Act::service_fault:
      return "service fault";
    case Act::store_fault:
      return "store fault";
    case Act::expire_iterators:
      return "expire iterators";
    case Act::answer_trimmed:
      return "answer trimmed";
    case Act::pause:
      return "pause";
    case Act::crash:
      return "crash";
    case Act::stop:
      return "stop";
    case Act::recreate:
      return "recreate";
  }
  return "put";
}

std::string to_string(const Event& event) {
  return fmt::format("after {:.3f} s: {} (draw {})", std::chrono::duration<double>(event.after).count(),
                     to_string(event.act), event.draw);
}

std::vector<Event> make_schedule(const Options& options) {
  Random random(options.seed);
  std::vector<Event> schedule(random.below(options.events_max) + 1);
  for (auto& event : schedule) {
    event.after = draw_gap(random);
    event.act = draw_act(random);
    event.draw = random();
  }
  return schedule;
}

std::vector<Event> shrink(const Options& options, std::vector<Event> schedule) {
  for (auto length = schedule.size(); length > 0; length /= 2) {
    for (std::size_t at = 0; at + length <= schedule.size();) {
      auto shorter = schedule;
      shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at),
                    shorter.begin() + static_cast<std::ptrdiff_t>(at + length));
      if (run(options, shorter).problems.empty()) {
        at += length;
      } else {
        schedule = std::move(shorter);
      }
    }
  }
  return schedule;
}

}  // namespace weir::simulation
