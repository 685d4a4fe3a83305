#pragma once

#include <string>

#include "weir/wire/writer.hpp"

namespace weir::wire {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

/// Appends JSON without spaces to `out`, which must outlive the writer. Places the commas; bytes that are
/// no UTF-8 become U+FFFD, so that the result is always JSON. One writer per top-level value.
class JsonWriter final : public Writer {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_map() override { open('{'); }
  void end_map() override { close('}'); }
  void begin_array() override { open('['); }
  void end_array() override { close(']'); }
  using Writer::begin_array;
  using Writer::begin_map;

  void key(std::string_view name) override;
  void text(std::string_view value) override;
  void blob(std::string_view bytes) override;
  void integer(std::int64_t value) override;
  void unsigned_integer(std::uint64_t value) override;
  /// The shortest text that reads back as the same value; `null` for what JSON cannot say (NaN, infinity).
  void number(double value) override;
  void boolean(bool value) override;
  void null() override;
  /// Epoch seconds; with three decimals unless the moment is a whole second.
  void timestamp(Timestamp value) override;
  /// All digits, as a number: readers with 64 bits or doubles only must take care.
  void integer128(Int128 value);
  /// A value that is JSON already.
  void raw(std::string_view json);
  using Writer::blob;
  using Writer::boolean;
  using Writer::integer;
  using Writer::null;
  using Writer::number;
  using Writer::text;
  using Writer::timestamp;
  using Writer::unsigned_integer;
  void integer128(std::string_view name, Int128 value) { key(name), integer128(value); }
  void raw(std::string_view name, std::string_view json) { key(name), raw(json); }

 private:
  void before_value() {
    if (comma_) {
      out_.push_back(',');
    }
    comma_ = true;
  }
  void open(char bracket) {
    before_value();
    out_.push_back(bracket);
    comma_ = false;
  }
  void close(char bracket) {
    out_.push_back(bracket);
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;
};

/// Appends `text` in quotes, escaped.
void append_json_string(std::string& out, std::string_view text);
/// The decimal digits of a 128-bit integer.
std::string to_decimal(Int128 value);

}  // namespace weir::wire
