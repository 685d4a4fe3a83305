#include "weir/stream/source.hpp"

namespace weir::stream {

Task<std::vector<std::pair<ShardId, ShardPosition>>> Source::unseen(const Positions& /*positions*/,
                                                                    std::stop_token /*stop*/) {
  co_return refused("SeparateReads",
                    "this source cannot tell which shards a pipeline lacks that others know: run "
                    "pipelines that did not start together one by one");
}

}  // namespace weir::stream
