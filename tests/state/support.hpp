#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "weir/state/deduper.hpp"
#include "weir/state/store.hpp"

namespace weir::state {

/// Rows of these tests: a whole number in decimal; a change is added. What is no number counts as 0.
class DecimalSum final : public Combiner {
 public:
  void combine(std::string& row, std::string_view delta) const noexcept override {
    row = std::to_string(number(row) + number(delta));
  }
  static std::int64_t number(std::string_view text) noexcept {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
};

inline const Combiner& decimal_sum() {
  static const DecimalSum combiner;
  return combiner;
}

/// Runs one task to its end on a loop of its own.
template <class T>
Result<T> run(Task<T> task) {
  boost::asio::io_context loop;
  std::optional<Result<T>> result;
  boost::asio::co_spawn(loop, std::move(task), [&result](const std::exception_ptr& failure, Result<T> value) {
    if (failure) {
      std::rethrow_exception(failure);
    }
    result = std::move(value);
  });
  loop.run();
  return *std::move(result);
}

/// The value of a task that must succeed.
template <class T>
T value_of(Task<T> task) {
  auto result = run(std::move(task));
  if (!result) {
    ADD_FAILURE() << to_string(result.error());
    return T();
  }
  return *std::move(result);
}

/// A directory that goes with the test; in memory where the machine offers that, because most of these
/// tests' time would be the disk's.
class Scratch {
 public:
  Scratch() {
    const std::filesystem::path memory = "/dev/shm";
    auto name =
        ((::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path()) / "weir-state-XXXXXX")
            .native();
    path_ = ::mkdtemp(name.data());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// A commit that lives: owns the texts that its rows view. Moves, does not copy.
struct Draft {
  Commit commit;
  std::vector<std::pair<std::string, std::string>> rows;

  explicit Draft(std::string pipeline = "flights", std::string stream = "kinesis:flights") {
    commit.pipeline = std::move(pipeline);
    commit.stream = std::move(stream);
  }
  Draft& discover(std::string shard, std::vector<std::string> parents = {}, bool from_start = false) {
    stream::ShardPosition position;
    position.parents = std::move(parents);
    position.from_start = from_start;
    commit.discovered.emplace_back(std::move(shard), std::move(position));
    return *this;
  }
  Draft& advance(std::string shard, std::string_view from, std::string_view to, bool ended = false) {
    ShardAdvance step;
    step.shard = std::move(shard);
    step.from = stream::SequenceNumber(from);
    step.to = stream::SequenceNumber(to);
    step.ended = ended;
    commit.advances.push_back(std::move(step));
    return *this;
  }
  Draft& row(std::string key, std::string delta) {
    rows.emplace_back(std::move(key), std::move(delta));
    return *this;
  }
  Draft& letter(std::string shard, std::string_view number, std::string payload = "{", std::uint32_t sub = 0,
                bool unpacked = false) {
    DeadLetter letter;
    letter.shard = std::move(shard);
    letter.sequence_number = stream::SequenceNumber(number);
    letter.sub = sub;
    letter.unpacked = unpacked;
    letter.partition_key = "pk";
    letter.arrival = Timestamp(std::chrono::milliseconds(1'000'000'000'123));
    letter.code = "BadJson";
    letter.reason = "the payload ends early";
    letter.payload = std::move(payload);
    commit.dead_letters.push_back(std::move(letter));
    return *this;
  }
  /// Puts the last letter in the place of one that is stored, as having failed `attempts` times.
  Draft& again(std::uint32_t attempts) {
    commit.rewritten.push_back(std::move(commit.dead_letters.back()));
    commit.dead_letters.pop_back();
    commit.rewritten.back().attempts = attempts;
    return *this;
  }
  Draft& release(std::string shard, std::string_view number, std::uint32_t sub = 0, bool unpacked = false) {
    commit.released.push_back({std::move(shard), stream::SequenceNumber(number), unpacked, sub});
    return *this;
  }
  Draft& bound(std::uint64_t letters, std::uint64_t bytes) {
    commit.dead_letters_max = LetterSum{letters, bytes};
    return *this;
  }
  Result<void> into(Store& store) {
    commit.rows.clear();
    for (const auto& [key, delta] : rows) {
      commit.rows.push_back({key, delta});
    }
    return run<void>(store.commit(commit));
  }
};

/// The stored row, or "" where there is none.
inline std::string row_of(Store& store, std::string key, std::string_view pipeline = "flights") {
  const std::vector<std::string> keys{std::move(key)};
  auto values = value_of(store.get_many(pipeline, keys));
  return values.size() == 1 && values[0] ? *values[0] : "";
}

inline std::string after_of(Store& store, std::string_view shard, std::string_view pipeline = "flights") {
  auto positions = value_of(store.positions(pipeline, "kinesis:flights"));
  const auto at = positions.shards.find(shard);
  return at == positions.shards.end() ? "unknown" : at->second.after.text();
}

/// Claims events of shard "a" (or another), told by their letters: fresh, unsure, confirmed.
struct Handler {
  Deduper& deduper;
  std::string pipeline = "flights";
  std::string stream = "kinesis:flights";
  std::string shard = "a";

  std::string claim(std::vector<ShardEvent> events) const {
    std::string all;
    for (const auto known : value_of(deduper.claim(pipeline, stream, shard, events))) {
      all += known == Claim::fresh ? 'f' : known == Claim::unsure ? 'u' : known == Claim::confirmed ? 'c' : '?';
    }
    return all;
  }
  void confirm(std::vector<ShardEvent> events) const {
    const auto done = run<void>(deduper.confirm(pipeline, stream, shard, events));
    EXPECT_TRUE(done.ok()) << to_string(done.error());
  }
};
inline ShardEvent event(std::string_view number) { return {stream::SequenceNumber(number), false, 0}; }
inline ShardEvent event(std::string_view number, std::uint32_t sub) { return {stream::SequenceNumber(number), true, sub}; }

/// The payloads of all dead letters of one page, joined by commas: what is there at a glance.
inline std::string letters_of(Store& store, std::string_view pipeline = "flights",
                              std::string_view stream = "kinesis:flights") {
  std::string all;
  for (const auto& letter : value_of(store.dead_letters(pipeline, stream, nullptr, 1000))) {
    all += (all.empty() ? "" : ",") + letter.payload;
  }
  return all;
}

}  // namespace weir::state
