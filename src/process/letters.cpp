#include "weir/process/letters.hpp"

#include <algorithm>
#include <charconv>
#include <list>

#include "process/folding.hpp"
#include "process/handling.hpp"
#include "weir/stream/record.hpp"

namespace weir::process {
namespace {

constexpr std::size_t letters_per_commit = 1000;

std::string_view stream_of(std::string_view source) { return source.substr(source.find(':') + 1); }

// Views of both.
stream::EventId event_id(std::string_view source, const state::LetterId& id) {
  stream::EventId event;
  event.stream = stream_of(source);
  event.shard = id.shard;
  event.sequence_number = id.sequence_number.text();
  event.sub = id.sub;
  event.unpacked = id.unpacked;
  return event;
}

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

// A dead letter as the record it was, for as long as both live.
class Revived {
 public:
  explicit Revived(state::DeadLetter& letter) : letter_(letter), bytes_(letter.payload.size()) {
    letter.payload.append(stream::padding_bytes, '\0');
    record.sequence_number = letter.sequence_number.text();
    record.data = std::string_view(letter.payload).substr(0, bytes_);
    record.partition_key = letter.partition_key;
    record.arrival = letter.arrival;
  }
  ~Revived() { letter_.payload.resize(bytes_); }
  Revived(const Revived&) = delete;
  Revived& operator=(const Revived&) = delete;

  stream::RawRecord record;

 private:
  state::DeadLetter& letter_;
  const std::size_t bytes_;
};

// What becomes of a letter: it leaves, or it is written back into itself with the new reason.
void leave(state::DeadLetter& letter, std::optional<Error> failure, state::Commit& commit) {
  if (!failure) {
    commit.released.push_back(letter.id());
    return;
  }
  letter.code = std::move(failure->code);
  letter.reason = std::move(failure->message);
  ++letter.attempts;
  commit.rewritten.push_back(std::move(letter));
}

class Replay {
 public:
  Replay(const pipelines::Pipeline& pipeline, std::string_view source, std::stop_token stop)
      : pipeline_(pipeline),
        source_(source),
        stop_(std::move(stop)),
        folder_(pipeline.make_folder()),
        deltas_(folder_->make_deltas()) {}

  // Folds the letters, or hands them to the pipeline's handler. The commit's rows live until the next one.
  Task<void> fill(std::vector<state::DeadLetter>& page, state::Commit& commit) {
    deltas_->clear();
    if (pipeline_.handler() != nullptr) {
      co_return co_await handle(page, commit);
    }
    for (auto& letter : page) {
      std::optional<Error> failure;
      {
        const Revived revived(letter);
        fold_all(*folder_, {&revived.record, 1}, *deltas_, failures_,
                 [&](std::size_t /*index*/, std::string code, std::string reason) {
                   failure = corrupt(std::move(code), std::move(reason));
                   return true;
                 });
      }
      leave(letter, std::move(failure), commit);
    }
    deltas_->encode(commit.rows);
    co_return Result<void>();
  }

 private:
  // A shard's letters after the other's, as everywhere. Nobody knows for which of them the handler ran before: they
  // failed then, or a replay was cut short.
  Task<void> handle(std::vector<state::DeadLetter>& page, state::Commit& commit) {
    for (std::size_t first = 0; first < page.size();) {
      std::size_t end = first;
      while (end < page.size() && page[end].shard == page[first].shard) {
        ++end;
      }
      WEIR_CO_CHECK(co_await handle_shard(std::span(page).subspan(first, end - first), commit));
      first = end;
    }
    co_return Result<void>();
  }

  Task<void> handle_shard(std::span<state::DeadLetter> letters, state::Commit& commit) {
    std::vector<std::optional<Error>> failed(letters.size());
    std::vector<std::size_t> added;
    std::list<Revived> revived;
    std::list<state::LetterId> ids;
    const auto call = pipeline_.handler()->begin();
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const auto& record = revived.emplace_back(letters[i]).record;
      auto taken = add_event(*call, event_id(source_, ids.emplace_back(letters[i].id())), record);
      if (taken) {
        added.push_back(i);
      } else {
        failed[i] = taken.error();
      }
    }
    const std::vector<state::Claim> known(added.size(), state::Claim::unsure);
    call->claimed(known);
    WEIR_CO_CHECK(co_await run_handler(*call, failures_, stop_));
    for (auto& failure : failures_) {
      failed[added[failure.index]] = corrupt(std::move(failure.code), std::move(failure.reason));
    }
    revived.clear();
    for (std::size_t i = 0; i < letters.size(); ++i) {
      leave(letters[i], std::move(failed[i]), commit);
    }
    co_return Result<void>();
  }

  const pipelines::Pipeline& pipeline_;
  const std::string_view source_;
  const std::stop_token stop_;
  std::unique_ptr<pipelines::Folder> folder_;
  std::unique_ptr<pipelines::Deltas> deltas_;
  std::vector<pipelines::Failure> failures_;
};

}  // namespace

std::string event_id_text(std::string_view source, const state::LetterId& id) { return event_id(source, id).text(); }

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
                                   std::vector<state::LetterId> ids, LetterProgress progress, std::stop_token stop) {
  LetterOutcome outcome;
  Pages pages(store, pipeline.name(), source, std::move(ids));
  Replay replay(pipeline, source, std::move(stop));
  for (;;) {
    WEIR_CO_TRY(auto page, co_await pages.next(outcome));
    if (page.empty()) {
      co_return outcome;
    }
    state::Commit commit;
    commit.pipeline = pipeline.name();
    commit.stream = source;
    commit.sync = true;
    WEIR_CO_CHECK(co_await replay.fill(page, commit));
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
