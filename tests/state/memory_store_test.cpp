#include "weir/state/memory_store.hpp"

#include "conformance.hpp"

namespace weir::state {
namespace {

class InMemory {
 public:
  Store& store() { return store_; }

 private:
  MemoryStore store_{decimal_sum()};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreConformance, InMemory);

}  // namespace weir::state
