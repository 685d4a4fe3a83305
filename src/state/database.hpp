#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>

#include "weir/state/rocks_store.hpp"

namespace weir::state {

/// Opens RocksDB as this store wants it: one column family (so that a table file never holds a position
/// without its rows), the log on, rows merged by `combiner`. `env` null: the machine's.
Result<std::unique_ptr<rocksdb::DB>> open_database(const RocksStore::Options& options, bool exists, rocksdb::Env* env);

/// That the files the database is made of are all there; `corrupt` where one was taken from under it.
Result<void> check_files(rocksdb::DB& database, const std::string& path);

/// What to tell, and what to do, about a status that is not ok.
Error to_error(const rocksdb::Status& status, const std::string& path);

}  // namespace weir::state
