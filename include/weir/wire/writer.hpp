#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/clock.hpp"

namespace weir::wire {

/// The two encodings of the AWS JSON 1.1 protocol family.
enum class Format : std::uint8_t { json, cbor };
/// `application/x-amz-json-1.1` or `application/x-amz-cbor-1.1`.
std::string_view content_type(Format format) noexcept;

/// Writes one AWS message, in CBOR or JSON: what is written once serves both. A value follows each
/// `key()`; the two-argument forms write both. What must not be null is left out by not writing it.
class Writer {
 public:
  virtual ~Writer() = default;

  virtual void begin_map() = 0;
  virtual void end_map() = 0;
  virtual void begin_array() = 0;
  virtual void end_array() = 0;
  virtual void key(std::string_view name) = 0;

  virtual void text(std::string_view value) = 0;
  virtual void blob(std::string_view bytes) = 0;  ///< bytes in CBOR, base64 in JSON
  virtual void integer(std::int64_t value) = 0;
  virtual void unsigned_integer(std::uint64_t value) = 0;
  virtual void number(double value) = 0;
  virtual void boolean(bool value) = 0;
  virtual void null() = 0;
  virtual void timestamp(Timestamp value) = 0;  ///< tag 1 with integer ms in CBOR, epoch seconds in JSON

  void begin_map(std::string_view name) { key(name), begin_map(); }
  void begin_array(std::string_view name) { key(name), begin_array(); }
  void text(std::string_view name, std::string_view value) { key(name), text(value); }
  void blob(std::string_view name, std::string_view bytes) { key(name), blob(bytes); }
  void integer(std::string_view name, std::int64_t value) { key(name), integer(value); }
  void unsigned_integer(std::string_view name, std::uint64_t value) { key(name), unsigned_integer(value); }
  void number(std::string_view name, double value) { key(name), number(value); }
  void boolean(std::string_view name, bool value) { key(name), boolean(value); }
  void null(std::string_view name) { key(name), null(); }
  void timestamp(std::string_view name, Timestamp value) { key(name), timestamp(value); }
};

}  // namespace weir::wire
