#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "weir/base/blocking.hpp"
#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"
#include "weir/state/store.hpp"

namespace weir::simulation {

/// A state directory whose files forget, when the power is cut, what was not synced. Removed with this object.
/// One thread.
class Disk {
 public:
  /// `clock` must outlive it.
  explicit Disk(Clock& clock);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  /// The state on it, opened; null where the power was cut meanwhile. Throws where the machine's own disk fails.
  std::unique_ptr<state::Store> open();
  /// From now on nothing reaches the files. Close the store, then let `lose_unsynced` finish the cut.
  void cut_power();
  /// The same, when so many writes and syncs later one is tried, which fails.
  void cut_power_at_write(std::uint64_t writes);
  bool has_power() const;
  /// What was not synced is gone: all of it, or nothing (the process died alone), or what lies behind some byte of each
  /// file.
  void lose_unsynced(Random& random);

 private:
  struct Files;
  class Forgetful;

  Clock& clock_;
  Blocking inline_{0};
  std::filesystem::path path_;
  std::shared_ptr<Files> files_;
  struct Environment;
  std::unique_ptr<Environment> environment_;
};

}  // namespace weir::simulation
