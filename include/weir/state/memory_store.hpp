#pragma once

#include <memory>

#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"

namespace weir::state {

/// A store in this process's memory: for tests, and for pipelines that say `state: memory`. Nothing
/// survives it. Any thread may call it; each call is short and completes at once. `combiner` must outlive
/// the store.
class MemoryStore final : public Store, public Deduper {
 public:
  explicit MemoryStore(const Combiner& combiner);
  ~MemoryStore() override;

  Strength strength() const noexcept override { return Strength::atomic; }
  Task<void> commit(const Commit& commit) override;
  Task<std::vector<Contents>> contents() override;
  Task<stream::Positions> positions(std::string_view pipeline, std::string_view stream) override;
  Task<std::optional<std::string>> definition(std::string_view pipeline) override;
  Task<void> put_definition(std::string_view pipeline, std::string_view definition) override;
  Task<std::vector<std::optional<std::string>>> get_many(std::string_view pipeline,
                                                         std::span<const std::string> keys) override;
  Task<std::vector<Row>> scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                              std::size_t rows_max) override;
  Task<std::vector<DeadLetter>> dead_letters(std::string_view pipeline, std::string_view stream,
                                             const DeadLetter* after, std::size_t letters_max) override;
  Task<std::optional<DeadLetter>> dead_letter(std::string_view pipeline, std::string_view stream,
                                              const LetterId& id) override;
  Task<LetterSum> dead_letter_sum(std::string_view pipeline) override;
  Task<void> forget(std::string_view pipeline) override;
  Task<void> copy_to(const std::string& directory) override;
  Task<void> sync() override;

  Task<std::vector<Claim>> claim(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                                 std::span<const ShardEvent> events) override;
  Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                     std::span<const ShardEvent> events) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::state
