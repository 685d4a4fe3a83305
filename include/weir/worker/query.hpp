#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/state/store.hpp"

namespace weir::worker {

/// A question about a pipeline's stored state. Answered with one JSON object a line.
struct Query {
  enum class Type : std::uint8_t {
    keys,          ///< the rows of `keys`, in their order; absent ones are not answered
    all,           ///< every row, in key order
    dead_letters,  ///< every dead letter: `payload`, or `payload_base64` where it is no UTF-8
    count,         ///< {"keys":N}
    since,         ///< {"<aggregate>":"<time>", ...}: those added after the pipeline's first run
    gaps,          ///< what is known to be lost: {"shard":"<id>","after":"<number>",
                   ///< "before":"<number>","noticed":"<time>","accepted":false,"reason":"<sentence>"} each
  };
  Type type = Type::all;
  std::vector<std::string> keys;  ///< as a person types them (see Pipeline::row_key)
};

/// Takes complete lines. Fails to end the answer early.
using Lines = std::function<Task<void>(std::string_view)>;

/// Answers from a store; reads only what is committed. `stream` is the source's name.
Task<void> answer(state::Store& store, const pipelines::Pipeline& pipeline, std::string stream, Query query,
                  Lines lines);

/// Asks the worker that runs on `directory`. Blocks. Fails with code "NoWorker" when none answers there,
/// "WorkerSilent" when nothing comes for `patience`, with the worker's own error, or as `lines` does.
Result<void> ask(const std::string& directory, const pipelines::Pipeline& pipeline, const Query& query,
                 const std::function<Result<void>(std::string_view)>& lines,
                 std::chrono::milliseconds patience = std::chrono::seconds(15));

}  // namespace weir::worker
