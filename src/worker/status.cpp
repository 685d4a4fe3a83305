#include "worker/status.hpp"

#include <string_view>

#include "weir/wire/json_writer.hpp"

namespace weir::worker {
namespace {

using process::Board;

void add_totals(metrics::Registry& registry, const Board& board) {
  const auto totals = board.totals();
  const auto count = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    registry.counter(name, help, {{"pipeline", board.pipeline()}}).add(value);
  };
  count("weir_records_total", "Records whose effects are durable.", totals.records);
  count("weir_bytes_total", "Data of these records, in bytes.", totals.bytes);
  count("weir_dead_letters_total", "Records kept as dead letters.", totals.dead_letters);
  count("weir_skipped_records_total", "Failing records passed over, where the policy is to skip.", totals.skipped);
  count("weir_user_records_total", "User records out of aggregated ones.", totals.user_records);
  count("weir_misplaced_user_records_total", "User records left out: they belong to another shard.", totals.misplaced);
  count("weir_broken_aggregates_total", "Aggregated records that could not be unpacked.", totals.broken_aggregates);
  count("weir_commits_total", "Commits to the state.", totals.commits);
  count("weir_commit_retries_total", "Commits that failed for now and were tried again.", totals.commit_retries);
  count("weir_throttles_total", "Reads that the service throttled.", totals.throttles);
  count("weir_retries_total", "Reads that failed and were tried again.", totals.retries);
}

void add_shards(metrics::Registry& registry, const Board& board) {
  for (const auto& [id, shard] : board.shards()) {
    const metrics::Labels labels{{"pipeline", board.pipeline()}, {"shard", id}};
    if (shard.status.behind && shard.status.state != stream::ShardState::ended) {
      registry
          .gauge("weir_shard_lag_milliseconds", "How far the last records read are behind the stream's newest.", labels)
          .set(static_cast<double>(shard.status.behind->count()));
    }
    auto with_state = labels;
    with_state.emplace_back("state", to_string(shard.status.state));
    registry.gauge("weir_shard_state", "1 for the state that the shard is in.", with_state).set(1);
  }
}

Verdict verdict_of(const Status& status, std::string_view word, std::string_view without) {
  Verdict verdict;
  verdict.ok = without.empty();
  wire::JsonWriter json(verdict.json);
  for (const auto* board : status.boards) {
    verdict.ok = verdict.ok && board->complaints().empty();
  }
  json.begin_map();
  json.boolean(word, verdict.ok);
  if (!without.empty()) {
    json.text("reason", without);
  }
  json.key("pipelines");
  json.begin_map();
  for (const auto* board : status.boards) {
    json.key(board->pipeline());
    json.begin_array();
    for (const auto& complaint : board->complaints()) {
      json.text(complaint);
    }
    json.end_array();
  }
  json.end_map();
  json.end_map();
  verdict.json.push_back('\n');
  return verdict;
}

}  // namespace

std::string metrics_text(const Status& status) {
  // Made anew each time: a shard that is gone leaves nothing behind.
  metrics::Registry registry;
  for (const auto* board : status.boards) {
    add_totals(registry, *board);
    if (!board->is_halted()) {  // the last that was heard of them would look like life
      add_shards(registry, *board);
    }
    registry.gauge("weir_healthy", "1 while nothing is wrong with the pipeline.", {{"pipeline", board->pipeline()}})
        .set(board->complaints().empty() ? 1 : 0);
    registry.gauge("weir_halted", "1 once the pipeline goes no further.", {{"pipeline", board->pipeline()}})
        .set(board->is_halted() ? 1 : 0);
  }
  return registry.text() + (status.metrics != nullptr ? status.metrics->text() : std::string());
}

Verdict health(const Status& status) { return verdict_of(status, "healthy", ""); }

Verdict readiness(const Status& status) {
  if (status.is_draining) {
    return verdict_of(status, "ready", "it was asked to stop");
  }
  for (const auto* board : status.boards) {
    if (board->shards().empty()) {
      return verdict_of(status, "ready", "no shard has been looked at yet");
    }
  }
  return verdict_of(status, "ready", "");
}

}  // namespace weir::worker
