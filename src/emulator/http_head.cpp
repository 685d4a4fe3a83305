#include "emulator/http_head.hpp"

#include <array>
#include <chrono>
#include <string_view>

namespace weir::emulator {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 413:
      return "Content Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

void append_hex(std::string& out, std::uint64_t value, unsigned digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (unsigned i = digits; i > 0; --i) {
    out.push_back(hex[(value >> ((i - 1) * 4)) & 0xfU]);
  }
}

/// As AWS's: a version 4 UUID.
void append_request_id(std::string& out, Random& ids) {
  const std::uint64_t high = ids();
  const std::uint64_t low = ids();
  append_hex(out, high >> 32U, 8);
  out.push_back('-');
  append_hex(out, high >> 16U, 4);
  out.append("-4");
  append_hex(out, high, 3);
  out.push_back('-');
  append_hex(out, 0x8000U | ((low >> 48U) & 0x3fffU), 4);
  out.push_back('-');
  append_hex(out, low, 12);
}

void append_two(std::string& out, unsigned value) {
  out.push_back(static_cast<char>('0' + value / 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

/// RFC 9110's fixed form: `Tue, 24 Nov 2026 02:10:50 GMT`.
void append_date(std::string& out, Timestamp now) {
  constexpr std::array<std::string_view, 7> days = {"Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "};
  constexpr std::array<std::string_view, 12> months = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                                       " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
  out.append(days[std::chrono::weekday(day).c_encoding()]);
  append_two(out, static_cast<unsigned>(date.day()));
  out.append(months[static_cast<unsigned>(date.month()) - 1]);
  out.append(std::to_string(static_cast<int>(date.year()))).push_back(' ');
  append_two(out, static_cast<unsigned>(time.hours().count()));
  out.push_back(':');
  append_two(out, static_cast<unsigned>(time.minutes().count()));
  out.push_back(':');
  append_two(out, static_cast<unsigned>(time.seconds().count()));
  out.append(" GMT");
}

}  // namespace

void write_http_head(std::string& out, const Answer& answer, Timestamp now, Random& ids, bool keep_alive) {
  out.assign("HTTP/1.1 ");
  out.append(std::to_string(answer.status)).push_back(' ');
  out.append(reason_of(answer.status)).append("\r\nx-amzn-RequestId: ");
  append_request_id(out, ids);
  out.append("\r\nx-amz-id-2: ");
  for (int i = 0; i < 4; ++i) {
    append_hex(out, ids(), 16);
  }
  out.append("\r\nDate: ");
  append_date(out, now);
  out.append("\r\nContent-Type: ").append(answer.content_type);
  out.append("\r\nContent-Length: ").append(std::to_string(answer.body_bytes()));
  out.append(keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
}

}  // namespace weir::emulator
