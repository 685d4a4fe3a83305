#include "simulation/store_link.hpp"

namespace weir::simulation {

Task<void> StoreLink::wait(Duration besides) {
  const Duration time = std::chrono::microseconds(random_.below(3'000));
  co_return co_await clock_.sleep(time + besides, cut_off_.get_token());
}

template <class T>
Task<T> StoreLink::after_a_while(Task<T> call) {
  WEIR_CO_CHECK(co_await wait());
  auto done = co_await std::move(call);
  WEIR_CO_CHECK(co_await wait());
  co_return done;
}

// The call has its effect when it is awaited, not before.
template <class T>
Task<T> StoreLink::with_faults(Task<T> call) {
  StoreFault fault;
  if (!faults.empty()) {
    fault = faults.front();
    faults.pop_front();
    met_fault = true;
  }
  WEIR_CO_CHECK(co_await wait(fault.takes));
  if (fault.kind == StoreFault::Kind::fails) {
    co_return Error(Next::retry, "StoreAway", "the store does not answer");
  }
  if (fault.kind == StoreFault::Kind::refuses) {
    co_return refused("StoreBroken", "the store takes nothing more");
  }
  auto done = co_await std::move(call);
  WEIR_CO_CHECK(co_await wait());
  if (fault.kind == StoreFault::Kind::loses_its_answer) {
    co_return Error(Next::retry, "AnswerLost", "the store's answer was lost");
  }
  co_return done;
}

Task<void> StoreLink::commit(const state::Commit& commit) { return with_faults(store_.commit(commit)); }
Task<std::vector<state::Claim>> StoreLink::claim(std::string_view pipeline, std::string_view stream,
                                                 const stream::ShardId& shard,
                                                 std::span<const state::ShardEvent> events) {
  return with_faults(deduper_.claim(pipeline, stream, shard, events));
}
Task<void> StoreLink::confirm(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                              std::span<const state::ShardEvent> events) {
  return with_faults(confirm_and_tell(pipeline, stream, shard, events));
}
Task<void> StoreLink::confirm_and_tell(std::string_view pipeline, std::string_view stream, const stream::ShardId& shard,
                                       std::span<const state::ShardEvent> events) {
  WEIR_CO_CHECK(co_await deduper_.confirm(pipeline, stream, shard, events));
  on_confirmed(pipeline, shard, events);
  co_return Result<void>();
}

Task<std::vector<state::Contents>> StoreLink::contents() { return after_a_while(store_.contents()); }
Task<stream::Positions> StoreLink::positions(std::string_view pipeline, std::string_view stream) {
  return after_a_while(store_.positions(pipeline, stream));
}
Task<std::optional<std::string>> StoreLink::definition(std::string_view pipeline) {
  return after_a_while(store_.definition(pipeline));
}
Task<void> StoreLink::put_definition(std::string_view pipeline, std::string_view definition) {
  return after_a_while(store_.put_definition(pipeline, definition));
}
Task<std::vector<std::optional<std::string>>> StoreLink::get_many(std::string_view pipeline,
                                                                  std::span<const std::string> keys) {
  return after_a_while(store_.get_many(pipeline, keys));
}
Task<std::vector<state::Row>> StoreLink::scan(std::string_view pipeline, std::string_view prefix,
                                              std::string_view after, std::size_t rows_max) {
  return after_a_while(store_.scan(pipeline, prefix, after, rows_max));
}
Task<std::vector<state::DeadLetter>> StoreLink::dead_letters(std::string_view pipeline, std::string_view stream,
                                                             const state::DeadLetter* after, std::size_t letters_max) {
  return after_a_while(store_.dead_letters(pipeline, stream, after, letters_max));
}
Task<std::optional<state::DeadLetter>> StoreLink::dead_letter(std::string_view pipeline, std::string_view stream,
                                                              const state::LetterId& id) {
  return after_a_while(store_.dead_letter(pipeline, stream, id));
}
Task<state::LetterSum> StoreLink::dead_letter_sum(std::string_view pipeline) {
  return after_a_while(store_.dead_letter_sum(pipeline));
}
Task<void> StoreLink::forget(std::string_view pipeline) { return after_a_while(store_.forget(pipeline)); }
Task<void> StoreLink::copy_to(const std::string& directory) { return after_a_while(store_.copy_to(directory)); }
Task<void> StoreLink::sync() { return after_a_while(store_.sync()); }

}  // namespace weir::simulation
