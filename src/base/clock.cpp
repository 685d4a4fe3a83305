#include "weir/base/clock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <memory>

namespace weir {
namespace {

namespace asio = boost::asio;

class SystemClock final : public Clock {
 public:
  Timestamp now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  Duration elapsed() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
  Task<void> sleep(Duration time, std::stop_token stop) override {
    if (stop.stop_requested()) {
      co_return stopped();
    }
    auto executor = co_await asio::this_coro::executor;
    auto timer = std::make_shared<asio::steady_timer>(executor, time);
    // The stop may come from any thread; the timer belongs to this loop, so the cancellation is posted
    // to it. It can then only run after the wait below has begun.
    std::stop_callback on_stop(stop, [timer, executor] { asio::post(executor, [timer] { timer->cancel(); }); });
    boost::system::error_code code;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, code));
    if (stop.stop_requested()) {
      co_return stopped();
    }
    co_return Result<void>();
  }
};

// Reads exactly `count` digits.
bool digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) {
    return false;
  }
  const auto* end = text.data() + count;
  auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || text.front() == '-') {
    return false;
  }
  text.remove_prefix(count);
  return true;
}

bool literal(std::string_view& text, std::string_view choices) {
  if (text.empty() || choices.find(text.front()) == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

std::string to_string(Timestamp time) {
  // The years 0 to 9999, which is what RFC 3339 can say. Not by way of system_clock::to_time_t, whose
  // nanoseconds overflow after 2262.
  constexpr Timestamp first = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
  constexpr Timestamp end = std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);
  time = std::clamp(time, first, end - std::chrono::milliseconds(1));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  const auto error = [text] {
    return refused("BadTime",
                   fmt::format("\"{}\" is not an RFC 3339 time such as 2026-11-24T06:05:30Z", text.substr(0, 64)));
  };
  auto rest = text;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!digits(rest, 4, year) || !literal(rest, "-") || !digits(rest, 2, month) || !literal(rest, "-") ||
      !digits(rest, 2, day) || !literal(rest, "Tt ") || !digits(rest, 2, hour) || !literal(rest, ":") ||
      !digits(rest, 2, minute) || !literal(rest, ":") || !digits(rest, 2, second)) {
    return error();
  }
  int millis = 0;
  if (literal(rest, ".")) {
    int scale = 100;
    bool any = false;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      millis += (rest.front() - '0') * scale;
      scale /= 10;
      any = true;
      rest.remove_prefix(1);
    }
    if (!any) {
      return error();
    }
  }
  int offset_minutes = 0;
  if (!literal(rest, "Zz")) {
    const bool west = !rest.empty() && rest.front() == '-';
    int hours = 0, minutes = 0;
    if (!literal(rest, "+-") || !digits(rest, 2, hours) || !literal(rest, ":") || !digits(rest, 2, minutes) ||
        hours > 23 || minutes > 59) {
      return error();
    }
    offset_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!rest.empty() || !date.ok() || hour > 23 || minute > 59 || second > 60) {
    return error();
  }
  const auto time = Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
                    std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second) +
                    std::chrono::milliseconds(millis);
  // The offset, or a leap second, may lead out of the years that can be said.
  const auto begin_of = [](int number) {
    return Timestamp(std::chrono::sys_days(std::chrono::year(number) / std::chrono::January / 1));
  };
  if (time < begin_of(0) || time >= begin_of(10'000)) {
    return error();
  }
  return time;
}

}  // namespace weir
