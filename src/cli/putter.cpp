#include "cli/putter.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::cli {

namespace asio = boost::asio;

Putter::Putter(api::KinesisApi& api, Clock& clock, RecordFeed& feed, LineReader& lines, std::string stream,
               Random random, Options options)
    : api_(api),
      clock_(clock),
      feed_(feed),
      lines_(lines),
      stream_(std::move(stream)),
      random_(random),
      options_(options) {}

Task<void> Putter::run(std::stop_token stop) {
  auto executor = co_await asio::this_coro::executor;
  TaskGroup calls(executor, std::stop_token());
  Result<void> outcome;
  while (!failure_) {
    if (stop.stop_requested()) {
      lose(lines_.line_number() + 1, stopped());
      break;
    }
    if (under_way_ >= options_.calls_max) {
      const auto ticket = done_.ticket();
      outcome = co_await done_.wait(ticket, stop);  // `stopped` is seen above
      continue;
    }
    auto batch = take_batch();
    const auto step = feed_.fill(*batch);
    const auto bad_line = lines_.line_number();
    if (!batch->lines.empty()) {
      ++under_way_;
      calls.spawn(send(std::move(batch), stop));
    } else {
      spare_.push_back(std::move(batch));
    }
    if (!step) {
      lose(bad_line, step.error());
    } else if (*step == LineReader::Step::end) {
      break;
    } else if (*step == LineReader::Step::wait) {
      outcome = co_await wait_for_input(stop);
    }
  }
  auto ended = co_await calls.wait();
  if (failure_) {
    co_return *failure_;
  }
  co_return ended;
}

std::unique_ptr<PutBatch> Putter::take_batch() {
  if (spare_.empty()) {
    auto batch = std::make_unique<PutBatch>();
    batch->request.stream.name = stream_;
    return batch;
  }
  auto batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

Task<void> Putter::send(std::unique_ptr<PutBatch> batch, std::stop_token stop) {
  last_line_sent_ = std::max(last_line_sent_, batch->lines.back());
  auto outcome = co_await put_entries(api_, clock_, batch->request, options_.retry, random_(), stop);
  if (outcome) {
    totals_.records += outcome->records;
    totals_.bytes += outcome->bytes;
    ++totals_.calls;
    if (outcome->error) {
      const auto line = batch->lines[outcome->first_left];
      if (outcome->in_doubt) {
        totals_.in_doubt += batch->request.records.size();
        in_doubt_.push_back({line, batch->lines[outcome->last_left]});
      }
      auto error = *outcome->error;
      if (!error.is_stopped()) {
        const auto last = batch->lines.back();
        error.message = line == last ? fmt::format("line {}: {}", line, error.message)
                                     : fmt::format("lines {} to {}: {}", line, last, error.message);
      }
      lose(line, std::move(error));
    }
    if (!outcome->error || outcome->records > 0) {
      last_line_put_ = std::max(last_line_put_, batch->lines.back());
    }
  }
  batch->clear();
  spare_.push_back(std::move(batch));
  --under_way_;
  done_.notify();
  co_return Result<void>();
}

std::vector<Putter::LineRange> Putter::lines_in_doubt() const {
  auto sorted = in_doubt_;
  std::sort(sorted.begin(), sorted.end(), [](const auto& left, const auto& right) { return left.first < right.first; });
  std::vector<LineRange> joined;
  for (const auto& range : sorted) {
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

void Putter::lose(std::uint64_t line, Error error) {
  if (!failure_ || line < first_line_left_) {
    failure_ = std::move(error);
    first_line_left_ = line;
    if (stop_waiting_for_input_) {
      stop_waiting_for_input_();
    }
  }
}

// A pipe or terminal can be waited for; files never make the reader wait.
Task<void> Putter::wait_for_input(std::stop_token stop) {
  auto executor = co_await asio::this_coro::executor;
  auto input = std::make_shared<asio::posix::stream_descriptor>(executor, ::dup(lines_.descriptor()));
  boost::system::error_code code;
  stop_waiting_for_input_ = [input, executor] {
    asio::post(executor, [input] {
      boost::system::error_code ignored;
      input->cancel(ignored);
    });
  };
  {
    std::stop_callback on_stop(stop, stop_waiting_for_input_);
    co_await input->async_wait(asio::posix::stream_descriptor::wait_read,
                               asio::redirect_error(asio::use_awaitable, code));
  }
  stop_waiting_for_input_ = nullptr;
  co_return Result<void>();
}

}  // namespace weir::cli
