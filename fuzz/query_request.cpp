// Whoever may open the state directory can write to the worker's socket, and what answers there may be anything: a line
// is understood or refused, and what is understood survives being written again.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/pipeline/pipeline.hpp"
#include "weir/pipeline/typed.hpp"
#include "worker/query_protocol.hpp"

namespace {

using namespace weir;

pipelines::PipelinePtr make_pipeline() {
  pipelines::PipelineBuilder<decode::Text> words("words");
  words.key(&decode::Text::text).keep("n", count());
  return *words.build();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto pipeline = make_pipeline();
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto query = worker::protocol::parse_request(line, *pipeline)) {
    const auto again = worker::protocol::parse_request(worker::protocol::make_request(*pipeline, *query), *pipeline);
    if (!again || again->type != query->type || again->keys != query->keys || again->events != query->events ||
        again->source != query->source || again->directory != query->directory) {
      std::abort();
    }
  }
  const auto error = worker::protocol::parse_error(line);
  if (error.code.empty()) {
    std::abort();
  }
  return 0;
}
