#include "weir/state/rocks_store.hpp"

#include "rocks_core.hpp"
#include "rocks_store_env.hpp"

namespace weir::state {
namespace {

// Runs what blocks on the pool. `work` lives in the caller's coroutine.
template <class T, class Work>
Task<T> on_pool(Blocking& pool, Work& work) {
  Result<T> result;
  std::function<Result<void>()> job = [&work, &result]() -> Result<void> {
    result = work();
    return {};
  };
  WEIR_CO_CHECK(co_await pool.run(std::move(job)));
  co_return result;
}

}  // namespace

RocksStore::RocksStore(std::unique_ptr<Core> core) : core_(std::move(core)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(Options options) {
  return open_rocks_store(std::move(options), nullptr);
}

Result<std::unique_ptr<RocksStore>> open_rocks_store(RocksStore::Options options, rocksdb::Env* env) {
  WEIR_TRY(auto core, RocksStore::Core::open(std::move(options), env));
  return std::make_unique<RocksStore>(std::move(core));
}

Task<void> RocksStore::commit(const Commit& commit) {
  auto work = [this, &commit] { return core_->commit(commit); };
  co_return co_await on_pool<void>(core_->blocking(), work);
}

Task<std::vector<Contents>> RocksStore::contents() {
  auto work = [this] { return core_->contents(); };
  co_return co_await on_pool<std::vector<Contents>>(core_->blocking(), work);
}

Task<stream::Positions> RocksStore::positions(std::string_view pipeline, std::string_view stream) {
  auto work = [=, this] { return core_->positions(pipeline, stream); };
  co_return co_await on_pool<stream::Positions>(core_->blocking(), work);
}

Task<std::optional<std::string>> RocksStore::definition(std::string_view pipeline) {
  auto work = [=, this] { return core_->definition(pipeline); };
  co_return co_await on_pool<std::optional<std::string>>(core_->blocking(), work);
}

Task<void> RocksStore::put_definition(std::string_view pipeline, std::string_view definition) {
  auto work = [=, this] { return core_->put_definition(pipeline, definition); };
  co_return co_await on_pool<void>(core_->blocking(), work);
}

Task<std::vector<std::optional<std::string>>> RocksStore::get_many(std::string_view pipeline,
                                                                   std::span<const std::string> keys) {
  auto work = [=, this] { return core_->get_many(pipeline, keys); };
  co_return co_await on_pool<std::vector<std::optional<std::string>>>(core_->blocking(), work);
}

Task<std::vector<Row>> RocksStore::scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                                        std::size_t rows_max) {
  auto work = [=, this] { return core_->scan(pipeline, prefix, after, rows_max); };
  co_return co_await on_pool<std::vector<Row>>(core_->blocking(), work);
}

Task<std::vector<DeadLetter>> RocksStore::dead_letters(std::string_view pipeline, std::string_view stream,
                                                       const DeadLetter* after, std::size_t letters_max) {
  auto work = [=, this] { return core_->dead_letters(pipeline, stream, after, letters_max); };
  co_return co_await on_pool<std::vector<DeadLetter>>(core_->blocking(), work);
}

Task<std::optional<DeadLetter>> RocksStore::dead_letter(std::string_view pipeline, std::string_view stream,
                                                        const LetterId& id) {
  auto work = [=, this, &id] { return core_->dead_letter(pipeline, stream, id); };
  co_return co_await on_pool<std::optional<DeadLetter>>(core_->blocking(), work);
}

Task<LetterSum> RocksStore::dead_letter_sum(std::string_view pipeline) {
  auto work = [=, this] { return core_->dead_letter_sum(pipeline); };
  co_return co_await on_pool<LetterSum>(core_->blocking(), work);
}

Task<void> RocksStore::forget(std::string_view pipeline) {
  auto work = [=, this] { return core_->forget(pipeline); };
  co_return co_await on_pool<void>(core_->blocking(), work);
}

Task<void> RocksStore::copy_to(const std::string& directory) {
  auto work = [this, &directory] { return core_->copy_to(directory); };
  co_return co_await on_pool<void>(core_->blocking(), work);
}

Task<void> RocksStore::sync() {
  auto work = [this] { return core_->sync(); };
  co_return co_await on_pool<void>(core_->blocking(), work);
}

Task<std::vector<Claim>> RocksStore::claim(std::string_view pipeline, std::string_view stream,
                                           const stream::ShardId& shard, std::span<const ShardEvent> events) {
  auto work = [=, this, &shard] { return core_->claim(pipeline, stream, shard, events); };
  co_return co_await on_pool<std::vector<Claim>>(core_->blocking(), work);
}

Task<void> RocksStore::confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                               std::span<const ShardEvent> events) {
  auto work = [=, this, &shard] { return core_->confirm(pipeline, stream, shard, events); };
  co_return co_await on_pool<void>(core_->blocking(), work);
}

}  // namespace weir::state
