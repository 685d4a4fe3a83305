// Any bytes as an AWS JSON message; and any bytes as text that is written: the result must always be JSON.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/wire/document.hpp"
#include "weir/wire/json_writer.hpp"
#include "weir/wire/utf8.hpp"

namespace {

void write(weir::wire::Writer& writer, weir::wire::Value value) {
  using Kind = weir::wire::Value::Kind;
  switch (value.kind()) {
    case Kind::map:
      writer.begin_map();
      for (const auto member : value) {
        writer.key(member.name());
        write(writer, member);
      }
      writer.end_map();
      break;
    case Kind::array:
      writer.begin_array();
      for (const auto item : value) {
        write(writer, item);
      }
      writer.end_array();
      break;
    case Kind::text:
      writer.text(value.text().value());
      break;
    case Kind::boolean:
      writer.boolean(value.boolean().value());
      break;
    case Kind::integer:
      writer.integer(value.integer().value());
      break;
    case Kind::null:
      writer.null();
      break;
    default:
      writer.number(value.number().value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  auto document = weir::wire::Document::parse_json(input);
  if (document.ok()) {
    for (const auto value : document->root()["Records"]) {
      static_cast<void>(value.blob("Data"));
      static_cast<void>(value["T"].timestamp());
    }
    static_cast<void>(document->check().ok());
    std::string out;
    weir::wire::JsonWriter writer(out);
    write(writer, document->root());
    auto again = weir::wire::Document::parse_json(out);
    if (!again.ok()) {
      std::abort();
    }
    std::string twice;
    weir::wire::JsonWriter second(twice);
    write(second, again->root());
    if (twice != out) {
      std::abort();
    }
  }
  std::string text;
  weir::wire::append_json_string(text, input);
  auto written = weir::wire::Document::parse_json(text);
  if (!written.ok() || (weir::wire::is_utf8(input) && written->root().text() != input)) {
    std::abort();
  }
  return 0;
}
