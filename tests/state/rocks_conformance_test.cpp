#include "conformance.hpp"
#include "deduper_conformance.hpp"
#include "letter_conformance.hpp"
#include "weir/state/rocks_store.hpp"

namespace weir::state {
namespace {

template <bool journal>
class InRocks {
 public:
  InRocks() {
    RocksStore::Options options((scratch_ / "state").native(), decimal_sum(), blocking_);
    if (!journal) {  // every commit is a checkpoint: rows go straight to their place
      options.journal_bytes_max = 0;
    }
    auto opened = RocksStore::open(std::move(options));
    if (!opened) {
      throw std::runtime_error(to_string(opened.error()));
    }
    store_ = *std::move(opened);
  }
  Store& store() { return *store_; }
  Deduper& deduper() { return *store_; }

 private:
  Scratch scratch_;
  Blocking blocking_{2};
  std::unique_ptr<RocksStore> store_;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, StoreConformance, InRocks<true>);
INSTANTIATE_TYPED_TEST_SUITE_P(RocksWithoutJournal, StoreConformance, InRocks<false>);
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, LetterConformance, InRocks<true>);
INSTANTIATE_TYPED_TEST_SUITE_P(RocksWithoutJournal, LetterConformance, InRocks<false>);
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, DeduperConformance, InRocks<true>);

}  // namespace weir::state
