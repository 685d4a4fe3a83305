#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "cli/put_entries.hpp"
#include "cli/record_feed.hpp"
#include "weir/base/random.hpp"
#include "weir/base/signal.hpp"
#include "weir/base/task_group.hpp"

namespace weir::cli {

/// Puts what a feed gives into a stream, with several calls under way. Runs on the awaiting coroutine's
/// loop, which one thread runs; it reads the input there too. What it is given must outlive it.
class Putter {
 public:
  struct Options {
    std::size_t calls_max = 8;  ///< under way at once
    PutRetry retry;
    Options() {}
  };
  struct Totals {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  ///< of their data
    std::uint64_t calls = 0;
    std::uint64_t in_doubt = 0;  ///< records that may be stored beside those, once or more
  };
  struct LineRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const LineRange&, const LineRange&) = default;
  };

  Putter(api::KinesisApi& api, Clock& clock, RecordFeed& feed, LineReader& lines, std::string stream, Random random,
         Options options = Options());

  /// Until the input ends, a line is bad, or a call fails for good; then nothing new is sent, and what is
  /// under way is waited for. Fails with the first bad line's or lost line's sentence. `stop` fails it with
  /// `stopped` once what is under way is done.
  Task<void> run(std::stop_token stop);

  /// What is stored so far.
  const Totals& totals() const noexcept { return totals_; }
  /// The first line that is not known to be put, on failure; every line before it was.
  std::uint64_t first_line_left() const noexcept { return first_line_left_; }
  /// Whether lines after that were put.
  bool put_later_lines() const noexcept { return last_line_put_ > first_line_left_; }
  /// Lines that may be stored, once or more: their calls were sent, and no answer told. In order; neighbours
  /// are one.
  std::vector<LineRange> lines_in_doubt() const;
  /// Nothing after it went out.
  std::uint64_t last_line_sent() const noexcept { return last_line_sent_; }

 private:
  Task<void> send(std::unique_ptr<PutBatch> batch, std::stop_token stop);
  Task<void> wait_for_input(std::stop_token stop);
  void lose(std::uint64_t line, Error error);
  std::unique_ptr<PutBatch> take_batch();

  api::KinesisApi& api_;
  Clock& clock_;
  RecordFeed& feed_;
  LineReader& lines_;
  const std::string stream_;
  Random random_;
  const Options options_;
  std::vector<std::unique_ptr<PutBatch>> spare_;
  std::size_t under_way_ = 0;
  Signal done_;
  std::function<void()> stop_waiting_for_input_;  // empty unless it waits
  Totals totals_;
  std::optional<Error> failure_;
  std::uint64_t first_line_left_ = 0;
  std::uint64_t last_line_put_ = 0;
  std::uint64_t last_line_sent_ = 0;
  std::vector<LineRange> in_doubt_;  // as the calls ended
};

}  // namespace weir::cli
