#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "cli/command.hpp"
#include "cli/connect.hpp"
#include "weir/pipeline/file.hpp"
#include "weir/worker/query.hpp"
#include "weir/worker/worker.hpp"

namespace weir::cli {

/// Reads a pipeline file; its mistakes are misuses. `state`, where not empty, takes the place of the file's.
Result<pipelines::FileDefinition> load_pipeline(const std::string& path, const std::string& state);

/// Tries again for a moment while another process has the state: a question opens it for milliseconds, and
/// a worker that starts or drains holds it while nobody answers. Blocks; fails with `stopped` on request.
Result<void> while_in_use(const std::function<Result<void>()>& attempt, std::stop_token stop = {});

/// Where the file says its stream is.
FileSettings settings_of(const pipelines::FileSource& source);
/// The name of a stream given by name or ARN.
std::string stream_name_of(std::string_view stream);

/// Answers questions about a pipeline's state: the worker that runs on it, else the store itself, which stays open
/// from one question to the next, but never while a long answer is handed out. Blocks.
class Answers {
 public:
  Answers(const pipelines::FileDefinition& file, Log log) : file_(file), log_(std::move(log)) {}
  ~Answers();

  using EachLine = std::function<Result<void>(std::string_view line)>;
  /// Whether taking a line may take as long as somebody's reading.
  enum class Each : std::uint8_t { may_wait, never_waits };
  /// Hands out each line, without its end. Fails with a sentence when there is no state, another process
  /// that does not answer holds it, or it belongs to another definition or stream.
  Result<void> ask(worker::Query query, const EachLine& each, Each waits = Each::may_wait);
  /// Leaves the state to others until the next question.
  void close();

 private:
  Result<void> ask_worker_or_open(const std::string& directory, const worker::Query& query, const EachLine& each,
                                  bool& answered);
  Result<void> open();
  Result<void> ask_store(const worker::Query& query, const EachLine& each, Each waits);

  const pipelines::FileDefinition& file_;
  const Log log_;
  // Outlives the store, whose threads come back to it.
  boost::asio::io_context loop_{1};
  std::unique_ptr<worker::OpenStore> store_;
  std::size_t handed_out_open_bytes_ = 0;
};

}  // namespace weir::cli
