#pragma once

#include <deque>
#include <functional>
#include <stop_token>

#include "weir/base/clock.hpp"
#include "weir/base/random.hpp"
#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"

namespace weir::simulation {

/// What goes wrong with a commit, a claim or a confirmation, and how long it takes besides.
struct StoreFault {
  enum class Kind : std::uint8_t { none, fails, loses_its_answer, refuses };
  Kind kind = Kind::none;
  Duration takes{};
};

/// The store as one process sees it: each call takes a while, before and after its effect, so that a crash
/// may fall on either side. Once cut off, nothing gets through.
class StoreLink final : public state::Store, public state::Deduper {
 public:
  StoreLink(state::Store& store, state::Deduper& deduper, Clock& clock, std::uint64_t seed)
      : store_(store), deduper_(deduper), clock_(clock), random_(seed) {}

  /// Of the next commits, claims and confirmations, one each.
  std::deque<StoreFault> faults;
  bool met_fault = false;
  /// Hears of each confirmation that had its effect.
  std::function<void(std::string_view pipeline, const stream::ShardId& shard, std::span<const state::ShardEvent>)>
      on_confirmed;
  void cut_off() { cut_off_.request_stop(); }
  std::stop_token is_cut_off() const { return cut_off_.get_token(); }

  Task<std::vector<state::Claim>> claim(std::string_view pipeline, std::string_view stream,
                                        const stream::ShardId& shard,
                                        std::span<const state::ShardEvent> events) override;
  Task<void> confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                     std::span<const state::ShardEvent> events) override;

  state::Strength strength() const noexcept override { return store_.strength(); }
  Task<void> commit(const state::Commit& commit) override;
  Task<std::vector<state::Contents>> contents() override;
  Task<stream::Positions> positions(std::string_view pipeline, std::string_view stream) override;
  Task<std::optional<std::string>> definition(std::string_view pipeline) override;
  Task<void> put_definition(std::string_view pipeline, std::string_view definition) override;
  Task<std::vector<std::optional<std::string>>> get_many(std::string_view pipeline,
                                                         std::span<const std::string> keys) override;
  Task<std::vector<state::Row>> scan(std::string_view pipeline, std::string_view prefix, std::string_view after,
                                     std::size_t rows_max) override;
  Task<std::vector<state::DeadLetter>> dead_letters(std::string_view pipeline, std::string_view stream,
                                                    const state::DeadLetter* after, std::size_t letters_max) override;
  Task<std::optional<state::DeadLetter>> dead_letter(std::string_view pipeline, std::string_view stream,
                                                     const state::LetterId& id) override;
  Task<state::LetterSum> dead_letter_sum(std::string_view pipeline) override;
  Task<void> forget(std::string_view pipeline) override;
  Task<void> copy_to(const std::string& directory) override;
  Task<void> sync() override;

 private:
  Task<void> wait(Duration besides = Duration(0));
  template <class T>
  Task<T> after_a_while(Task<T> call);
  template <class T>
  Task<T> with_faults(Task<T> call);
  Task<void> confirm_and_tell(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                              std::span<const state::ShardEvent> events);

  state::Store& store_;
  state::Deduper& deduper_;
  Clock& clock_;
  Random random_;
  std::stop_source cut_off_;
};

}  // namespace weir::simulation
