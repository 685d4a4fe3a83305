#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "weir/state/store.hpp"

namespace weir::cli {

/// Why records became dead letters, for a run's last words. Counts from a worker's loops, several at a time. Holds
/// a line for each code, of which there are few.
class DeadLetterReasons {
 public:
  void count(const state::DeadLetter& letter);
  /// "BadJson: not JSON: ...", by the first one's reason; "BadJson, for example: ..." where others of the code have
  /// other reasons; "mostly BadJson: ...; also MissingKey" where there are several codes. Empty: no letter came.
  std::string text() const;

 private:
  struct Code {
    std::uint64_t letters = 0;
    std::string reason;  // of the first
    bool various = false;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Code> codes_;
};

}  // namespace weir::cli
