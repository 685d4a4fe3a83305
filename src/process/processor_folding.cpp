// What becomes of the records that are taken in: folded, handled, or kept as what they failed to be. Each way stops
// before the first record whose dead letters have no room, so that all before it can be committed.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "process/folding.hpp"
#include "process/handling.hpp"
#include "process/processor_parts.hpp"
#include "process/unpacking.hpp"
#include "weir/process/letters.hpp"

namespace weir::process {

using pipelines::OnFailure;

// How many were taken; fewer than all, and `no_room_` says why.
std::size_t Processor::take_some(const stream::Batch& batch, std::span<const stream::RawRecord> records,
                                 HandledBatch& handled) {
  if (handling_) {
    return take_handled(batch, records, handled);
  }
  return unpacking_ ? take_unpacked(batch, records) : take_plain(batch, records);
}

std::size_t Processor::take_handled(const stream::Batch& batch, std::span<const stream::RawRecord> records,
                                    HandledBatch& handled) {
  count(std::exchange(handled.counts, UnpackCounts()));
  while (handled.kept < handled.failed.size()) {
    const auto rest = std::span(handled.failed).subspan(handled.kept);
    const auto number = rest.front().record.sequence_number;
    const auto of_one = rest.first(static_cast<std::size_t>(
        std::ranges::find_if(rest, [&](const auto& failed) { return failed.record.sequence_number != number; }) -
        rest.begin()));
    state::LetterSum need;
    for (const auto& failed : of_one) {
      ++need.letters;
      need.bytes += failed.record.data.size();
    }
    if (!fits(batch, need, of_one.front())) {
      const auto at = std::ranges::find(records, number, &stream::RawRecord::sequence_number);
      return static_cast<std::size_t>(at - records.begin());
    }
    for (const auto& failed : of_one) {
      if (!fail(batch, failed)) {
        give_up(*no_room_);
        return 0;
      }
    }
    handled.kept += of_one.size();
  }
  return records.size();
}

std::size_t Processor::take_plain(const stream::Batch& batch, std::span<const stream::RawRecord> records) {
  std::size_t taken = 0;
  while (taken < records.size()) {
    // As many as may fail. At the bound one by one: one that fails leaves nothing behind in the deltas.
    const auto rest = records.subspan(taken);
    const auto left = room();
    std::size_t many = rest.size();
    if (many > left.letters || batch.bytes > left.bytes) {
      std::uint64_t bytes = 0;
      for (many = 0; many < std::min<std::uint64_t>(rest.size(), left.letters); ++many) {
        bytes += rest[many].data.size();
        if (bytes > left.bytes) {
          break;
        }
      }
      many = std::max<std::size_t>(many, 1);
    }
    if (!fold(batch, rest.first(many), {})) {
      if (many > 1) {
        give_up(*no_room_);
      }
      return taken;
    }
    taken += many;
  }
  return taken;
}

std::size_t Processor::take_unpacked(const stream::Batch& batch, std::span<const stream::RawRecord> records) {
  if (room().letters == 0) {
    records = records.first(1);
  }
  unpacking_->begin(records, batch.hash_range);
  UnpackCounts before;
  while (unpacking_->next()) {
    const auto left = room();
    if (!unpacking_->is_piece() && (unpacking_->failures_max() > left.letters || batch.bytes > left.bytes)) {
      const auto taken = unpacking_->part_begins();
      if (taken > 0) {
        count(before);
        return taken;
      }
      return take_unpacked_alone(batch, records.first(1)) ? 1 : 0;
    }
    if (!fold(batch, unpacking_->records(), unpacking_->origins())) {
      give_up(*no_room_);
      return 0;
    }
    before = unpacking_->counts();
  }
  count(unpacking_->counts());
  return records.size();
}

// One record, which is folded for a try first: what comes out of it is taken whole or not at all.
bool Processor::take_unpacked_alone(const stream::Batch& batch, std::span<const stream::RawRecord> record) {
  if (!scratch_) {
    scratch_ = folder_->make_deltas();
  }
  state::LetterSum need;
  std::optional<FailedRecord> first;
  unpacking_->begin(record, batch.hash_range);
  while (unpacking_->next()) {
    const auto failed = [&](std::size_t index, std::string code, std::string reason) {
      const auto& user = unpacking_->records()[index];
      ++need.letters;
      need.bytes += user.data.size();
      if (!first) {
        first = FailedRecord{user, unpacking_->origins()[index], std::move(code), std::move(reason)};
      }
      return true;
    };
    fold_all(*folder_, unpacking_->records(), *scratch_, failures_, failed);
    scratch_->clear();
  }
  if (first && !fits(batch, need, *first)) {
    return false;
  }
  unpacking_->begin(record, batch.hash_range);
  while (unpacking_->next()) {
    if (!fold(batch, unpacking_->records(), unpacking_->origins())) {
      give_up(*no_room_);
      return false;
    }
  }
  count(unpacking_->counts());
  return true;
}

void Processor::count(const UnpackCounts& counts) {
  auto& totals = filling_->totals;
  totals.user_records += counts.user_records;
  totals.misplaced += counts.misplaced;
  totals.unfiltered += counts.unfiltered;
  totals.broken_aggregates += counts.broken;
}

// Whether there was room for all that failed. Where not, what lies behind is not folded, but what lies before is:
// whoever gives several must have seen that there is room, and another loop can only have taken it in that very moment.
bool Processor::fold(const stream::Batch& batch, std::span<const stream::RawRecord> records,
                     std::span<const Origin> origins) {
  bool all = true;
  fold_all(*folder_, records, *filling_->deltas, failures_,
           [&](std::size_t index, std::string code, std::string reason) {
             const FailedRecord failed{records[index], origins.empty() ? Origin() : origins[index], std::move(code),
                                       std::move(reason)};
             all = fail(batch, failed);
             return all;
           });
  return all;
}

// What may fail without halting the pipeline.
state::LetterSum Processor::room() const {
  switch (policy_.on_failure) {
    case OnFailure::dead_letter:
      return context_.board->letter_room().left({policy_.letters_max, policy_.letter_bytes_max});
    case OnFailure::halt:
      return {};
    case OnFailure::skip:
      break;
  }
  constexpr auto any = std::numeric_limits<std::uint64_t>::max();
  return {any, any};
}

bool Processor::fits(const stream::Batch& batch, const state::LetterSum& need, const FailedRecord& first) {
  const auto left = room();
  if (need.letters <= left.letters && need.bytes <= left.bytes) {
    return true;
  }
  no_room_ = no_room_for(letter_of(batch, first));
  return false;
}

// False, and why in `no_room_`, where the pipeline halts instead.
bool Processor::fail(const stream::Batch& batch, const FailedRecord& failed) {
  if (policy_.on_failure == OnFailure::skip) {
    ++filling_->totals.skipped;
    return true;
  }
  auto letter = letter_of(batch, failed);
  const state::LetterSum bound{policy_.letters_max, policy_.letter_bytes_max};
  if (policy_.on_failure == OnFailure::halt || !context_.board->letter_room().take(bound, failed.record.data.size())) {
    no_room_ = no_room_for(letter);
    return false;
  }
  letter.payload = failed.record.data;
  tell(letter);
  filling_->dead_letter_bytes += letter.payload.size() + sizeof(letter);
  filling_->dead_letters.push_back(std::move(letter));
  return true;
}

// Without its payload.
state::DeadLetter Processor::letter_of(const stream::Batch& batch, const FailedRecord& failed) {
  state::DeadLetter letter;
  letter.shard = batch.shard;
  letter.sequence_number = stream::SequenceNumber(failed.record.sequence_number);
  letter.sub = failed.origin.sub;
  letter.unpacked = failed.origin.unpacked;
  letter.partition_key = failed.record.partition_key;
  letter.arrival = failed.record.arrival;
  letter.code = failed.code;
  letter.reason = failed.reason;
  return letter;
}

Error Processor::no_room_for(const state::DeadLetter& letter) const {
  const auto record =
      fmt::format("record {} failed ({}: {})", event_id_text(context_.stream, letter.id()), letter.code, letter.reason);
  if (policy_.on_failure == OnFailure::halt) {
    return refused("FailedRecord", record + ", and the pipeline's policy is to halt");
  }
  const auto kept = context_.board->letter_room().taken();
  return refused("DeadLettersFull",
                 fmt::format("{}, and {} keeps {} dead letters of {} bytes already; with it they would go beyond their "
                             "bound of {} letters and {} bytes: replay or drop some, or raise the bound",
                             record, context_.pipeline->name(), kept.letters, kept.bytes, policy_.letters_max,
                             policy_.letter_bytes_max));
}

// Whoever only listens cannot stop the count.
void Processor::tell(const state::DeadLetter& letter) const {
  if (!context_.on_dead_letter) {
    return;
  }
  try {
    context_.on_dead_letter(letter);
  } catch (const std::exception& exception) {
    if (context_.log) {
      context_.log(LogLevel::error, fmt::format("on_dead_letter threw an exception: {}", exception.what()));
    }
  }
}

}  // namespace weir::process
