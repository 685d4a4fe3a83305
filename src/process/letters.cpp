#include "weir/process/letters.hpp"

#include <algorithm>
#include <charconv>

#include "process/folding.hpp"
#include "weir/stream/record.hpp"

namespace weir::process {
namespace {

constexpr std::size_t letters_per_commit = 1000;

std::string_view stream_of(std::string_view source) { return source.substr(source.find(':') + 1); }

// Hands out the letters of an order, a page after the other.
class Pages {
 public:
  Pages(state::Store& store, const std::string& pipeline, const std::string& source, std::vector<state::LetterId> ids)
      : store_(store), pipeline_(pipeline), source_(source), ids_(std::move(ids)), all_(ids_.empty()) {
    std::ranges::sort(ids_);
    const auto again = std::ranges::unique(ids_);
    ids_.erase(again.begin(), again.end());
  }

  /// Empty: that was all.
  Task<std::vector<state::DeadLetter>> next(LetterOutcome& outcome) {
    if (all_) {
      WEIR_CO_TRY(auto page,
                  co_await store_.dead_letters(pipeline_, source_, last_ ? &*last_ : nullptr, letters_per_commit));
      if (!page.empty()) {
        last_ = page.back();
        last_->payload.clear();
      }
      co_return page;
    }
    std::vector<state::DeadLetter> page;
    std::size_t bytes = 0;
    while (at_ < ids_.size() && page.size() < letters_per_commit && bytes < state::letter_page_bytes) {
      const auto& id = ids_[at_++];
      WEIR_CO_TRY(auto letter, co_await store_.dead_letter(pipeline_, source_, id));
      if (letter) {
        bytes += letter->payload.size();
        page.push_back(*std::move(letter));
      } else {
        ++outcome.absent;
      }
    }
    co_return page;
  }

 private:
  state::Store& store_;
  const std::string& pipeline_;
  const std::string& source_;
  std::vector<state::LetterId> ids_;
  const bool all_;
  std::size_t at_ = 0;
  std::optional<state::DeadLetter> last_;
};

// Folds what can be folded now into one commit; what fails again is written back into itself.
class Replay {
 public:
  explicit Replay(const pipelines::Pipeline& pipeline)
      : folder_(pipeline.make_folder()), deltas_(folder_->make_deltas()) {}

  // The commit's rows live until the next one.
  void fill(std::vector<state::DeadLetter> page, state::Commit& commit) {
    deltas_->clear();
    for (auto& letter : page) {
      const auto size = letter.payload.size();
      letter.payload.append(stream::padding_bytes, '\0');
      stream::RawRecord record;
      record.sequence_number = letter.sequence_number.text();
      record.data = std::string_view(letter.payload).substr(0, size);
      record.partition_key = letter.partition_key;
      record.arrival = letter.arrival;
      bool failed = false;
      fold_all(*folder_, {&record, 1}, *deltas_, failures_, [&](std::size_t, std::string code, std::string reason) {
        failed = true;
        letter.code = std::move(code);
        letter.reason = std::move(reason);
        return true;
      });
      letter.payload.resize(size);
      if (failed) {
        ++letter.attempts;
        commit.rewritten.push_back(std::move(letter));
      } else {
        commit.released.push_back(letter.id());
      }
    }
    deltas_->encode(commit.rows);
  }

 private:
  std::unique_ptr<pipelines::Folder> folder_;
  std::unique_ptr<pipelines::Deltas> deltas_;
  std::vector<pipelines::Failure> failures_;
};

}  // namespace

std::string event_id_text(std::string_view source, const state::LetterId& id) {
  stream::EventId event;
  event.stream = stream_of(source);
  event.shard = id.shard;
  event.sequence_number = id.sequence_number.text();
  event.sub = id.sub;
  event.unpacked = id.unpacked;
  return event.text();
}

std::optional<state::LetterId> parse_event_id(std::string_view source, std::string_view text) {
  const auto stream = stream_of(source);
  if (!text.starts_with(stream) || text.size() <= stream.size() || text[stream.size()] != '/') {
    return std::nullopt;
  }
  text.remove_prefix(stream.size() + 1);
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) {
    return std::nullopt;
  }
  state::LetterId id;
  id.shard = text.substr(0, slash);
  text.remove_prefix(slash + 1);
  const auto number = text.substr(0, text.find('/'));
  if (!stream::is_sequence_number(number)) {
    return std::nullopt;
  }
  id.sequence_number = stream::SequenceNumber(number);
  if (number.size() == text.size()) {
    return id;
  }
  text.remove_prefix(number.size() + 1);
  id.unpacked = true;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id.sub);
  return code == std::errc() && end == text.data() + text.size() ? std::optional(id) : std::nullopt;
}

Task<LetterOutcome> replay_letters(state::Store& store, const pipelines::Pipeline& pipeline, std::string source,
                                   std::vector<state::LetterId> ids, LetterProgress progress) {
  LetterOutcome outcome;
  Pages pages(store, pipeline.name(), source, std::move(ids));
  Replay replay(pipeline);
  for (;;) {
    WEIR_CO_TRY(auto page, co_await pages.next(outcome));
    if (page.empty()) {
      co_return outcome;
    }
    state::Commit commit;
    commit.pipeline = pipeline.name();
    commit.stream = source;
    commit.sync = true;
    replay.fill(std::move(page), commit);
    WEIR_CO_CHECK(co_await store.commit(commit));
    outcome.done += commit.released.size();
    outcome.failed += commit.rewritten.size();
    WEIR_CO_CHECK(co_await progress(outcome));
  }
}

Task<LetterOutcome> drop_letters(state::Store& store, const pipelines::Pipeline& pipeline, std::string source,
                                 std::vector<state::LetterId> ids, LetterProgress progress) {
  LetterOutcome outcome;
  Pages pages(store, pipeline.name(), source, std::move(ids));
  for (;;) {
    WEIR_CO_TRY(const auto page, co_await pages.next(outcome));
    if (page.empty()) {
      co_return outcome;
    }
    state::Commit commit;
    commit.pipeline = pipeline.name();
    commit.stream = source;
    commit.sync = true;
    for (const auto& letter : page) {
      commit.released.push_back(letter.id());
    }
    WEIR_CO_CHECK(co_await store.commit(commit));
    outcome.done += commit.released.size();
    WEIR_CO_CHECK(co_await progress(outcome));
  }
}

}  // namespace weir::process
