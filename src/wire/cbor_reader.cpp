#include "weir/wire/cbor_reader.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "weir/wire/base64.hpp"
#include "weir/wire/timestamp.hpp"

namespace weir::wire {
namespace {

// RFC 8949 appendix D.
double half_to_double(std::uint16_t half) {
  const int exponent = (half >> 10U) & 0x1f;
  const int mantissa = half & 0x3ff;
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent != 31) {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  } else {
    value = mantissa == 0 ? HUGE_VAL : std::nan("");
  }
  return (half & 0x8000U) != 0 ? -value : value;
}

}  // namespace

CborReader::Type CborReader::peek() const {
  // Looks past the tags, which all have a number behind them; what is cut off reads as none.
  const auto* at = at_;
  while (at != end_ && (*at >> 5U) == 6) {
    const unsigned info = *at & 31U;
    const std::size_t size = info < 24 ? 1 : (info <= 27 ? 1 + (std::size_t{1} << (info - 24U)) : 0);
    if (size == 0 || static_cast<std::size_t>(end_ - at) < size) {
      return Type::none;
    }
    at += size;
  }
  if (at == end_) {
    return Type::none;
  }
  switch (*at >> 5U) {
    case 0:
      return Type::unsigned_integer;
    case 1:
      return Type::negative_integer;
    case 2:
      return Type::bytes;
    case 3:
      return Type::text;
    case 4:
      return Type::array;
    case 5:
      return Type::map;
    default:
      break;
  }
  switch (*at & 31U) {
    case 20:
    case 21:
      return Type::boolean;
    case 22:
    case 23:
      return Type::null;
    case 25:
    case 26:
    case 27:
      return Type::floating;
    default:
      return Type::none;
  }
}

CborReader::Head CborReader::head() {
  for (;;) {
    if (at_ == end_) {
      fail("ends where a value is due");
      return {8, 0, 0};
    }
    const std::uint8_t first = *at_++;
    Head item{static_cast<std::uint8_t>(first >> 5U), static_cast<std::uint8_t>(first & 31U), 0};
    if (item.info < 24) {
      item.value = item.info;
    } else if (item.info <= 27) {
      const std::size_t size = std::size_t{1} << (item.info - 24U);
      if (bytes_left() < size) {
        fail("ends inside a number or length");
        return {8, 0, 0};
      }
      for (std::size_t i = 0; i < size; ++i) {
        item.value = item.value << 8U | *at_++;
      }
    } else if (item.info != 31 || item.major < 2 || item.major > 5) {
      fail(first == break_byte ? "has a break where a value is due" : "has a reserved value");
      return {8, 0, 0};
    }
    if (item.major != 6) {
      return item;
    }
  }
}

std::int64_t CborReader::integer() {
  const auto item = head();
  if (item.major <= 1 && item.value <= static_cast<std::uint64_t>(INT64_MAX)) {
    const auto value = static_cast<std::int64_t>(item.value);
    return item.major == 0 ? value : ~value;
  }
  wrong(item, item.major <= 1 ? "an integer of 64 bits" : "an integer");
  return 0;
}

std::uint64_t CborReader::unsigned_integer() {
  const auto item = head();
  if (item.major != 0) {
    wrong(item, "an unsigned integer");
    return 0;
  }
  return item.value;
}

bool CborReader::boolean() {
  const auto item = head();
  if (item.major == 7 && (item.info == 20 || item.info == 21)) {
    return item.info == 21;
  }
  wrong(item, "a boolean");
  return false;
}

bool CborReader::enter(unsigned major, const char* expected) {
  const auto item = head();
  if (item.major != major) {
    wrong(item, expected);
    return false;
  }
  // Each item needs a byte at least: a size that the input cannot hold is refused before anyone trusts it.
  if (item.info != 31 && item.value > bytes_left() / (major == 5 ? 2 : 1)) {
    fail("ends inside a container");
    return false;
  }
  if (depth_ == depth_max) {
    fail("is nested too deep");
    return false;
  }
  left_[depth_++] = item.info == 31 ? indefinite : item.value;
  return true;
}

// Long strings, strings in chunks, null, and what is no string at all.
std::string_view CborReader::other_string(unsigned major) {
  const auto item = head();
  if (item.major == major && item.info != 31) {
    if (item.value > bytes_left()) {
      fail("ends inside a string");
      return {};
    }
    const std::string_view view(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(item.value));
    at_ += view.size();
    return view;
  }
  if (item.major != major) {
    wrong(item, major == 3 ? "text" : "bytes");
    return {};
  }
  // Two passes: the first finds the whole size, so that the chunks are copied once.
  std::string_view first;
  std::size_t size = 0;
  std::size_t chunks = 0;
  const auto* start = at_;
  for (int pass = 0; pass < 2; ++pass) {
    char* out = pass == 0 ? nullptr : arena_.allocate(size);
    const char* joined = out;
    at_ = start;
    for (;;) {
      if (at_ != end_ && *at_ == break_byte) {
        ++at_;
        break;
      }
      if (at_ != end_ && (*at_ >> 5U) != major) {
        fail("has a chunk of another kind inside a string");
        return {};
      }
      const auto chunk = head();
      if (chunk.major != major || chunk.info == 31 || chunk.value > bytes_left()) {
        fail("ends inside a string");
        return {};
      }
      const auto length = static_cast<std::size_t>(chunk.value);
      if (pass == 1) {
        std::memcpy(out, at_, length);
        out += length;
      } else {
        first = {reinterpret_cast<const char*>(at_), length};
        size += length;
        ++chunks;
      }
      at_ += length;
    }
    if (chunks <= 1) {
      return first;
    }
    if (pass == 1) {
      return {joined, size};
    }
  }
  return {};
}

std::string_view CborReader::other_blob() {
  if (peek() != Type::text) {
    return other_string(2);
  }
  const auto text = other_string(3);
  if (failed()) {
    return {};
  }
  const auto bytes = decode_base64(text, arena_);
  if (!bytes) {
    fail("has text that is no base64 where bytes are due");
    return {};
  }
  return *bytes;
}

double CborReader::floating(Head item) {
  switch (item.info) {
    case 25:
      return half_to_double(static_cast<std::uint16_t>(item.value));
    case 26:
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(item.value)));
    default:
      return std::bit_cast<double>(item.value);
  }
}

double CborReader::number() {
  const auto item = head();
  if (item.major == 0) {
    return static_cast<double>(item.value);
  }
  if (item.major == 1) {
    return -1.0 - static_cast<double>(item.value);
  }
  if (item.major == 7 && item.info >= 25 && item.info <= 27) {
    return floating(item);
  }
  wrong(item, "a number");
  return 0;
}

Timestamp CborReader::other_timestamp() {
  const auto item = head();
  std::optional<Timestamp> time;
  if (item.major == 0 && item.value <= static_cast<std::uint64_t>(INT64_MAX)) {
    time = timestamp_of_ms(static_cast<std::int64_t>(item.value));
  } else if (item.major == 1 && item.value <= static_cast<std::uint64_t>(INT64_MAX)) {
    time = timestamp_of_ms(~static_cast<std::int64_t>(item.value));
  } else if (item.major == 7 && item.info >= 25 && item.info <= 27) {
    time = timestamp_of_seconds(floating(item));
  }
  if (!time) {
    wrong(item, "a time between the years 1 and 9999");
    return {};
  }
  return *time;
}

void CborReader::skip_any() {
  // Values still to pass over, per open container. Maps count keys and values; one of indefinite length
  // may break off before a key only.
  constexpr std::uint64_t in_array = UINT64_MAX;
  constexpr std::uint64_t at_key = UINT64_MAX - 1;
  constexpr std::uint64_t at_value = UINT64_MAX - 2;
  std::uint64_t open[depth_max];
  std::size_t depth = 0;
  do {
    if (depth > 0) {
      auto& left = open[depth - 1];
      if (left == 0 || ((left == in_array || left == at_key) && at_ != end_ && *at_ == break_byte)) {
        at_ += left == 0 ? 0 : 1;
        --depth;
        continue;
      }
      if (left == at_key || left == at_value) {
        left = left == at_key ? at_value : at_key;
      } else if (left != in_array) {
        --left;
      }
    }
    const auto item = head();
    switch (item.major) {
      case 2:
      case 3:
        if (item.info != 31) {
          if (item.value > bytes_left()) {
            fail("ends inside a string");
            return;
          }
          at_ += item.value;
        } else {
          while (at_ != end_ && *at_ != break_byte) {
            const bool chunk_fits = (*at_ >> 5U) == item.major;
            const auto chunk = head();
            if (!chunk_fits || chunk.info == 31 || chunk.value > bytes_left()) {
              fail("has a wrong chunk inside a string");
              return;
            }
            at_ += chunk.value;
          }
          if (at_ == end_) {
            fail("ends inside a string");
            return;
          }
          ++at_;
        }
        break;
      case 4:
      case 5: {
        const bool map = item.major == 5;
        if (item.info != 31 && item.value > bytes_left() / (map ? 2 : 1)) {
          fail("ends inside a container");
          return;
        }
        if (depth_ + depth == depth_max) {
          fail("is nested too deep");
          return;
        }
        open[depth++] = item.info == 31 ? (map ? at_key : in_array) : item.value * (map ? 2 : 1);
        break;
      }
      case 7:
        // RFC 8949, 3.3: a simple value in two bytes must not be one that fits in one.
        if (item.info == 24 && item.value < 32) {
          fail("has a reserved value");
          return;
        }
        break;
      case 8:
        return;
      default:
        break;
    }
  } while (depth > 0);
}

void CborReader::wrong(Head item, const char* expected) {
  const bool null = item.major == 7 && (item.info == 22 || item.info == 23);
  if (!null) {
    fail("has another value", expected);
  }
}

void CborReader::fail(const char* problem, const char* expected) {
  if (problem_ == nullptr) {
    problem_ = problem;
    expected_ = expected;
    problem_offset_ = offset();
  }
  // Nothing is left to read, so every later read fails and every loop ends.
  at_ = end_;
  depth_ = 0;
}

Result<void> CborReader::finish() const {
  if (problem_ != nullptr) {
    return corrupt("BadCbor", fmt::format("the CBOR {}{}{} (byte {})", problem_,
                                          expected_ == nullptr ? "" : " where the reader needs ",
                                          expected_ == nullptr ? "" : expected_, problem_offset_));
  }
  if (depth_ != 0 || at_ != end_) {
    return corrupt("BadCbor", fmt::format("the CBOR has bytes after its end (byte {} of {})", offset(), end_ - begin_));
  }
  return {};
}

}  // namespace weir::wire
