#include "weir/state/memory_store.hpp"

#include "conformance.hpp"
#include "deduper_conformance.hpp"
#include "letter_conformance.hpp"

namespace weir::state {
namespace {

class InMemory {
 public:
  Store& store() { return store_; }
  Deduper& deduper() { return store_; }

 private:
  MemoryStore store_{decimal_sum()};
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreConformance, InMemory);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, LetterConformance, InMemory);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, DeduperConformance, InMemory);

// Somebody who asks for a copy relies on it; an empty directory or a silent success would be found out too late.
TEST(MemoryStore, SaysThatItHasNoFilesToCopy) {
  MemoryStore store(decimal_sum());
  const Scratch scratch;
  const auto target = scratch / "copy";
  const auto done = run<void>(store.copy_to(target.native()));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().next, Next::refused);
  EXPECT_EQ(done.error().code, "StateNotOnDisk");
  EXPECT_FALSE(std::filesystem::exists(target));
}

}  // namespace weir::state
