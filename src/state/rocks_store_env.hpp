#pragma once

#include "weir/state/rocks_store.hpp"

namespace rocksdb {
class Env;
}

namespace weir::state {

/// RocksStore::open over another file system: one that fails when told to, or forgets what was not synced.
/// The directory and its marker are always the machine's. `env` null: the machine's; it must outlive the store.
Result<std::unique_ptr<RocksStore>> open_rocks_store(RocksStore::Options options, rocksdb::Env* env);

}  // namespace weir::state
