#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/state/store.hpp"

namespace weir::process {

/// `<stream>/<shard>/<sequence>[/<sub>]`. `source` is the source's name, "kinesis:flights"; event ids name the stream
/// alone.
std::string event_id_text(std::string_view source, const state::LetterId& id);
/// Absent where it is none of this source's.
std::optional<state::LetterId> parse_event_id(std::string_view source, std::string_view text);

/// What became of the dead letters that an order was about.
struct LetterOutcome {
  std::uint64_t done = 0;    ///< replayed and counted, or dropped
  std::uint64_t failed = 0;  ///< failed again: kept, with the new reason
  std::uint64_t absent = 0;  ///< not there: replayed or dropped before
};
/// Hears how far it is, now and then; fails to end it there.
using LetterProgress = std::function<Task<void>(const LetterOutcome&)>;

/// Folds dead letters again and brings them home: each leaves in the commit that adds what it does. So whatever fails
/// and is asked for again, beside a worker or not, each counts exactly once. One that fails again stays, with one
/// attempt more. `ids` empty: all. Fails with the store's error; `conflict` where somebody else replays or drops the
/// same at the same time: ask again. Where the pipeline is a handler it runs for them, at least once; `stop` is what it
/// hears of.
Task<LetterOutcome> replay_letters(state::Store& store, const pipelines::Pipeline& pipeline, std::string source,
                                   std::vector<state::LetterId> ids, LetterProgress progress,
                                   std::stop_token stop = std::stop_token());
/// Forgets dead letters. `ids` empty: all.
Task<LetterOutcome> drop_letters(state::Store& store, const pipelines::Pipeline& pipeline, std::string source,
                                 std::vector<state::LetterId> ids, LetterProgress progress);

}  // namespace weir::process
