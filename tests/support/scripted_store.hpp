#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "tests/support/passing.hpp"
#include "weir/base/clock.hpp"
#include "weir/state/memory_store.hpp"

namespace weir::testing {

/// A store in memory whose commits can be made to fail, to lose their answers, or to take long.
class ScriptedStore final : public PassingStore {
 public:
  enum class Answer { applied, fails, loses_its_answer, conflicts, refuses };

  ScriptedStore(const state::Combiner& combiner, Clock& clock)
      : PassingStore(store_), store_(combiner), clock_(clock) {}

  /// How the next commits go; afterwards they are applied.
  std::deque<Answer> script;
  /// Commits that move a shard fail, whatever the script says.
  bool keeps_failing_advances = false;
  /// How long each commit takes.
  Duration takes{0};
  std::size_t commits = 0;
  /// Commits that brought rows or moved a shard.
  std::size_t advances = 0;
  std::size_t synced_commits = 0;  ///< that asked for the disk
  std::size_t syncs = 0;

  Task<void> commit(const state::Commit& commit) override {
    ++commits;
    synced_commits += commit.sync ? 1 : 0;
    auto answer = Answer::applied;
    if (!script.empty()) {
      answer = script.front();
      script.pop_front();
    }
    if (takes > Duration(0)) {
      static_cast<void>(co_await clock_.sleep(takes, std::stop_token()));
    }
    if (answer == Answer::fails || (keeps_failing_advances && !commit.advances.empty())) {
      co_return Error(Next::retry, "Unavailable", "the store is away");
    }
    if (answer == Answer::conflicts) {
      co_return Error(Next::conflict, "Conflict", "somebody else wrote");
    }
    if (answer == Answer::refuses) {
      co_return refused("Refused", "the disk is gone");
    }
    advances += commit.advances.empty() ? 0 : 1;
    auto done = co_await store_.commit(commit);
    if (answer == Answer::loses_its_answer) {
      co_return Error(Next::retry, "Lost", "the answer was lost");
    }
    co_return done;
  }
  state::Deduper& deduper() { return store_; }

  Task<void> sync() override {
    ++syncs;
    return store_.sync();
  }

 private:
  state::MemoryStore store_;
  Clock& clock_;
};

}  // namespace weir::testing
