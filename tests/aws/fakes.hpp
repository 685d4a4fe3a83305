#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/aws/environment.hpp"
#include "weir/aws/service_client.hpp"
#include "weir/base/clock.hpp"
#include "weir/http/message.hpp"

namespace weir::aws::testing {

inline std::string vector_file(const std::string& path) {
  std::ifstream in(std::string(WEIR_SOURCE_DIR "/tests/vectors/") + path, std::ios::binary);
  if (!in) {
    throw std::runtime_error("no vector " + path);
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

/// Runs a task that waits for nothing outside this thread.
template <class T>
Result<T> run(Task<T> task) {
  boost::asio::io_context context;
  std::optional<Result<T>> outcome;
  boost::asio::co_spawn(context, std::move(task), [&outcome](std::exception_ptr thrown, Result<T> result) {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
    outcome = std::move(result);
  });
  context.run();
  return std::move(outcome).value();
}

/// Time passes only in `sleep`, at once, and when told to.
class FakeClock final : public Clock {
 public:
  Timestamp now() const override { return now_; }
  Duration elapsed() const override { return now_.time_since_epoch(); }
  Task<void> sleep(Duration time, std::stop_token stop) override {
    sleeps.push_back(time);
    now_ += std::chrono::floor<std::chrono::milliseconds>(time);
    if (during_sleep) {
      during_sleep();
    }
    co_return stop.stop_requested() ? Result<void>(stopped()) : Result<void>();
  }
  void pass(Duration time) { now_ += std::chrono::floor<std::chrono::milliseconds>(time); }

  std::vector<Duration> sleeps;
  std::function<void()> during_sleep;

 private:
  Timestamp now_{std::chrono::milliseconds(1'795'485'968'000)};  // 2026-11-24T02:06:08Z
};

inline std::string http_date(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];
  std::snprintf(text, sizeof text, "Tue, %02u %s %04d %02d:%02d:%02d GMT", static_cast<unsigned>(date.day()),
                months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

inline http::Buffer buffer_of(std::string_view bytes) {
  std::shared_ptr<char[]> memory(new char[bytes.size() + stream::padding_bytes]());
  std::copy(bytes.begin(), bytes.end(), memory.get());
  return {std::shared_ptr<const char>(memory, memory.get()), bytes.size()};
}

inline http::Reply reply_of(int status, std::string_view body = {}, const std::vector<std::string>& header_lines = {}) {
  http::Reply reply;
  reply.status = status;
  for (const auto& line : header_lines) {
    if (!reply.headers.add_line(line)) {
      throw std::runtime_error("no header: " + line);
    }
  }
  reply.body = buffer_of(body);
  return reply;
}

/// A whole HTTP/1.1 reply as recorded.
inline http::Reply recorded_reply(const std::string& path) {
  const auto bytes = vector_file(path);
  const auto head_end = bytes.find("\r\n\r\n");
  std::vector<std::string> lines;
  for (std::size_t at = bytes.find("\r\n") + 2; at < head_end;) {
    const auto end = bytes.find("\r\n", at);
    lines.push_back(bytes.substr(at, end - at));
    at = end + 2;
  }
  return reply_of(std::stoi(bytes.substr(9, 3)), std::string_view(bytes).substr(head_end + 4), lines);
}

/// What `operation` failing with this error type looks like.
inline http::Reply error_reply(int status, const std::string& code, const std::string& message = "no") {
  return reply_of(status, R"({"__type":")" + code + R"(","message":")" + message + R"("})", {"x-amzn-RequestId: r-1"});
}

/// Answers each request with the next of a script, and keeps what was sent.
class Script {
 public:
  struct Sent {
    std::map<std::string, std::string> headers;
    std::string url;
    std::string body;
    std::stop_token stop;
  };

  void then(Result<http::Reply> answer) { answers_.push_back(std::move(answer)); }
  Transport transport() {
    return [this](const http::Request& request, std::stop_token stop) { return answer(request, std::move(stop)); };
  }
  std::vector<Sent> sent;
  FakeClock* clock = nullptr;  ///< with it, every answer takes `answer_time`
  Duration answer_time{};
  std::stop_source* stop_at_answer = nullptr;  ///< somebody asks to stop just before the answer comes

 private:
  Task<http::Reply> answer(const http::Request& request, std::stop_token stop) {
    Sent what;
    what.stop = std::move(stop);
    for (const auto& [name, value] : request.headers) {
      what.headers[name] = value;
    }
    what.url = request.url;
    what.body = std::string(request.body);
    sent.push_back(std::move(what));
    if (clock != nullptr) {
      clock->pass(answer_time);
    }
    if (stop_at_answer != nullptr) {
      stop_at_answer->request_stop();
    }
    if (answers_.empty()) {
      throw std::runtime_error("the script has no answer left");
    }
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    co_return answer;
  }
  std::deque<Result<http::Reply>> answers_;
};

inline Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

}  // namespace weir::aws::testing
