#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/state/store.hpp"

namespace weir::worker {

/// A question about a pipeline's stored state, or an order on it. Answered with one JSON object a line.
struct Query {
  enum class Type : std::uint8_t {
    keys,          ///< the rows of `keys`, in their order; absent ones are not answered
    all,           ///< every row, in key order
    dead_letters,  ///< dead letters: `payload`, or `payload_base64` where it is no UTF-8
    count,         ///< {"keys":N}
    since,         ///< {"<aggregate>":"<time>", ...}: those added after the pipeline's first run
    gaps,          ///< what is known to be lost: {"shard":"<id>","after":"<number>",
                   ///< "before":"<number>","noticed":"<time>","accepted":false,"reason":"<sentence>"} each
    state,         ///< the stream, the start, each shard's position, gaps, dead letters in numbers
    replay,        ///< {"done":N,"failed":N,"absent":N}, now and then as it goes, the last line at the end
    drop,          ///< likewise, of dead letters that are forgotten
    copy,          ///< writes a copy of the whole state into `directory`, an absolute path; answers {}
  };
  Type type = Type::all;
  std::string source;               ///< of which stream's totals, by the source's name; empty: of whichever they are
  std::vector<std::string> keys;    ///< as a person types them (see Pipeline::row_key)
  std::vector<std::string> events;  ///< the dead letters meant, by event id; empty: all
  std::string directory;
};

/// Takes complete lines. Fails to end the answer early.
using Lines = std::function<Task<void>(std::string_view)>;

/// Answers from a store; reads only what is committed. `stream` is the source's name. Orders are done by the store's
/// own commits, beside whatever else commits to it; `stop` ends what a handler that they run waits for.
Task<void> answer(state::Store& store, const pipelines::Pipeline& pipeline, std::string stream, Query query,
                  Lines lines, std::stop_token stop = std::stop_token());

/// How many rows a pipeline has; reads them all.
Task<std::uint64_t> count_keys(state::Store& store, std::string pipeline);

/// Asks the worker that runs on `directory`. Blocks. Fails with code "NoWorker" when none answers there,
/// "WorkerSilent" when nothing comes for `patience`, with the worker's own error, or as `lines` does.
Result<void> ask(const std::string& directory, const pipelines::Pipeline& pipeline, const Query& query,
                 const std::function<Result<void>(std::string_view)>& lines,
                 std::chrono::milliseconds patience = std::chrono::seconds(15));

}  // namespace weir::worker
