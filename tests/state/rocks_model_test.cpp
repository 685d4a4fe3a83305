#include <gtest/gtest.h>
// After GoogleTest, which it uses without including.
#include <rapidcheck/gtest.h>

#include "support.hpp"
#include "weir/state/memory_store.hpp"
#include "weir/state/rocks_store.hpp"

namespace weir::state {
namespace {

namespace fs = std::filesystem;

/// The memory store beside the RocksDB store: after any history of commits, right and wrong, of closing,
/// and of crashing, both say the same.
class Pair {
 public:
  Pair() { open(); }

  void commit(Draft draft) {
    const auto expected = draft.into(model_);
    const auto actual = draft.into(*store_);
    RC_ASSERT(expected.ok() == actual.ok());
    if (!expected) {
      RC_ASSERT(expected.error().next == actual.error().next);
      RC_ASSERT(expected.error().code == actual.error().code);
    }
  }
  void close_and_open() {
    store_.reset();
    open();
  }
  void forget(std::string_view pipeline) {
    RC_ASSERT(run<void>(model_.forget(pipeline)).ok());
    RC_ASSERT(run<void>(store_->forget(pipeline)).ok());
  }
  void move_to_a_copy() {
    const auto copy = scratch_ / ("state" + std::to_string(++images_));
    RC_ASSERT(run<void>(store_->copy_to(copy.native())).ok());
    store_.reset();
    path_ = copy;
    open();
  }
  void claim(std::string_view pipeline, std::string_view shard, const std::vector<ShardEvent>& events, bool confirm) {
    const std::string name(shard);
    const auto expected = run(model_.claim(pipeline, "s", name, events));
    const auto actual = run(store_->claim(pipeline, "s", name, events));
    RC_ASSERT(expected.ok() == actual.ok());
    if (expected) {
      RC_ASSERT(*expected == *actual);
    }
    if (confirm && expected) {
      RC_ASSERT(run<void>(model_.confirm(pipeline, "s", name, events)).ok());
      RC_ASSERT(run<void>(store_->confirm(pipeline, "s", name, events)).ok());
    }
  }
  // The files as a killed process leaves them: nothing is closed, everything written is there.
  void crash() {
    const auto image = scratch_ / ("state" + std::to_string(++images_));
    fs::copy(path_, image, fs::copy_options::recursive);
    store_.reset();
    path_ = image;
    open();
  }
  void compare() {
    for (const auto* pipeline : {"one", "two"}) {
      RC_ASSERT(rows(model_, pipeline) == rows(*store_, pipeline));
      RC_ASSERT(value_of(model_.dead_letter_sum(pipeline)) == value_of(store_->dead_letter_sum(pipeline)));
      for (const auto* stream : {"s", "t"}) {
        const auto expected = value_of(model_.positions(pipeline, stream));
        const auto actual = value_of(store_->positions(pipeline, stream));
        RC_ASSERT(expected.shards == actual.shards);
        RC_ASSERT(expected.gaps == actual.gaps);
        RC_ASSERT(expected.stream == actual.stream);
        RC_ASSERT(expected.start == actual.start);
        RC_ASSERT(letters(model_, pipeline, stream) == letters(*store_, pipeline, stream));
      }
    }
  }
  void read_one(const std::string& key) { RC_ASSERT(row_of(model_, key, "one") == row_of(*store_, key, "one")); }
  Store& model() { return model_; }

 private:
  void open() {
    RocksStore::Options options(path_.native(), decimal_sum(), blocking_);
    options.journal_bytes_max = 200;  // a checkpoint every few commits
    auto opened = RocksStore::open(std::move(options));
    RC_ASSERT(opened.ok());
    store_ = *std::move(opened);
  }
  static std::vector<std::pair<std::string, std::string>> rows(Store& store, std::string_view pipeline) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& row : value_of(store.scan(pipeline, "", "", 1000))) {
      all.emplace_back(row.key, row.value);
    }
    return all;
  }
  static std::vector<std::string> letters(Store& store, std::string_view pipeline, std::string_view stream) {
    std::vector<std::string> all;
    for (const auto& letter : value_of(store.dead_letters(pipeline, stream, nullptr, 1000))) {
      all.push_back(letter.shard + "/" + letter.sequence_number.text() + ":" + letter.payload + "*" +
                    std::to_string(letter.attempts));
    }
    return all;
  }

  Scratch scratch_;
  fs::path path_ = scratch_ / "state";
  int images_ = 0;
  Blocking blocking_{0};
  MemoryStore model_{decimal_sum()};
  std::unique_ptr<RocksStore> store_;
};

Draft random_commit(Store& model) {
  const auto pick = [](int bound) { return *rc::gen::inRange(0, bound); };
  const std::string pipeline = pick(2) == 0 ? "one" : "two";
  const std::string stream = pick(2) == 0 ? "s" : "t";
  const auto positions = value_of(model.positions(pipeline, stream));
  Draft draft(pipeline, stream);
  for (int i = pick(2); i > 0; --i) {
    draft.discover("shard" + std::to_string(pick(3)), {}, pick(2) == 0);
  }
  if (pick(4) == 0) {
    draft.commit.identity.emplace().name = pick(8) == 0 ? "other" : "name";
    draft.commit.start.emplace();
  }
  for (int shard = 0; shard < 3; ++shard) {
    if (pick(2) == 0) {
      continue;
    }
    const auto name = "shard" + std::to_string(shard);
    const auto at = positions.shards.find(name);
    const auto stored =
        at == positions.shards.end() || at->second.after.empty() ? 0 : std::stoi(at->second.after.text());
    // Mostly from where it stands; sometimes from a little before, which is a repetition or a conflict.
    const int from = pick(4) == 0 ? std::max(0, stored - pick(3)) : stored;
    const int to = from + pick(3);
    draft.advance(name, from == 0 ? "" : std::to_string(from), to == 0 ? "" : std::to_string(to), pick(20) == 0);
    if (pick(4) == 0) {
      draft.letter(name, std::to_string(to), "payload" + std::to_string(pick(10)));
    }
  }
  const auto letters = value_of(model.dead_letters(pipeline, stream, nullptr, 1000));
  if (!letters.empty() && pick(2) == 0) {
    if (pick(4) != 0) {  // with a step it would be refused
      draft.commit.advances.clear();
    }
    for (int i = 1 + pick(2); i > 0; --i) {
      draft.commit.released.push_back(letters[static_cast<std::size_t>(pick(static_cast<int>(letters.size())))].id());
    }
    if (pick(6) == 0) {
      draft.release("shard0", std::to_string(pick(30)));
    }
  }
  if (!letters.empty() && pick(4) == 0) {
    draft.commit.rewritten.push_back(letters[static_cast<std::size_t>(pick(static_cast<int>(letters.size())))]);
    draft.commit.rewritten.back().payload += std::string(static_cast<std::size_t>(pick(3)), '+');
    ++draft.commit.rewritten.back().attempts;
  }
  if (pick(4) == 0) {
    draft.bound(static_cast<std::uint64_t>(pick(6)), static_cast<std::uint64_t>(pick(60)));
  }
  for (int i = pick(6); i > 0; --i) {
    draft.row("key" + std::to_string(pick(8)), std::to_string(pick(100)));
  }
  if (pick(10) == 0) {
    stream::Gap gap;
    gap.shard = "shard0";
    gap.from = stream::SequenceNumber(std::to_string(pick(3)));
    draft.commit.gaps.push_back(gap);
  }
  draft.commit.sync = pick(8) == 0;
  return draft;
}

RC_GTEST_PROP(RocksStoreModel, SaysWhatTheMemoryStoreSaysAfterAnyHistory, ()) {
  Pair pair;
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::inRange(0, 24)) {
      case 0:
        pair.close_and_open();
        break;
      case 1:
        pair.crash();
        break;
      case 2:
        pair.compare();
        break;
      case 3:
        pair.read_one("key" + std::to_string(*rc::gen::inRange(0, 8)));
        break;
      case 4:
        pair.move_to_a_copy();
        break;
      case 6:
      case 7: {
        const int first = *rc::gen::inRange(1, 12);
        const std::vector<ShardEvent> events{event(std::to_string(first)), event(std::to_string(first), 3),
                                             event(std::to_string(first + 1))};
        pair.claim("one", *rc::gen::element("shard0", "shard1"), events, *rc::gen::arbitrary<bool>());
        break;
      }
      case 5:
        pair.forget(*rc::gen::element("one", "two", "three"));
        break;
      default:
        pair.commit(random_commit(pair.model()));
    }
  }
  pair.compare();
}

}  // namespace
}  // namespace weir::state
