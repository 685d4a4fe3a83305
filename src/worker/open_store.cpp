#include <fmt/format.h>

#include <algorithm>

#include "weir/state/memory_store.hpp"
#include "weir/state/rocks_store.hpp"
#include "weir/worker/worker.hpp"

namespace weir::worker {
namespace {

constexpr std::string_view memory = "memory";

// `Store` is a state::Store and its own Deduper.
template <class Store>
class Open final : public OpenStore {
 public:
  state::Store& store() override { return *store_; }
  state::Deduper& deduper() override { return *store_; }

  Blocking blocking_{1};
  std::unique_ptr<Store> store_;
};

}  // namespace

std::string state_directory(const std::string& state, const pipelines::Pipeline& pipeline) {
  if (state == memory) {
    return {};
  }
  return state.empty() ? "weir-state/" + pipeline.name() : state;
}

Result<std::unique_ptr<OpenStore>> open_store(const std::string& state, const pipelines::Pipeline& pipeline,
                                              const Log& log) {
  const auto directory = state_directory(state, pipeline);
  if (directory.empty()) {
    auto open = std::make_unique<Open<state::MemoryStore>>();
    open->store_ = std::make_unique<state::MemoryStore>(pipelines::row_combiner());
    return std::unique_ptr<OpenStore>(std::move(open));
  }
  auto open = std::make_unique<Open<state::RocksStore>>();
  state::RocksStore::Options options(directory, pipelines::row_combiner(), open->blocking_);
  options.log = log;
  WEIR_TRY(open->store_, state::RocksStore::open(std::move(options)));
  return std::unique_ptr<OpenStore>(std::move(open));
}

// A directory belongs to the pipelines it was made for, and a pipeline's totals in it to one stream: a wrong
// path must not add up what does not belong together.
Result<void> check_contents(const std::vector<state::Contents>& contents, const std::string& directory,
                            const std::string& pipeline, const std::string& stream) {
  if (contents.empty()) {
    return {};
  }
  for (const auto& held : contents) {
    if (held.pipeline != pipeline) {
      continue;
    }
    if (!held.streams.empty() && std::find(held.streams.begin(), held.streams.end(), stream) == held.streams.end()) {
      return refused("StateOfAnotherStream",
                     fmt::format("the totals of pipeline {} in {} are of {}, not of {}; use another state directory",
                                 pipeline, directory, held.streams.front(), stream));
    }
    return {};
  }
  return refused("StateOfAnotherPipeline",
                 fmt::format("the state directory {} is that of pipeline {}, not of {}; use another directory",
                             directory, contents.front().pipeline, pipeline));
}

}  // namespace weir::worker
