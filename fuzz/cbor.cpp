// Any bytes as CBOR: by members, by skipping and as a tree. Reading ends, in bounds, and the ways agree.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/wire/cbor_reader.hpp"
#include "weir/wire/document.hpp"

namespace {

using weir::wire::CborReader;

// Reads whatever comes next by its type, as a client does that knows what to expect.
void read(CborReader& reader, std::size_t& sum) {
  switch (reader.peek()) {
    case CborReader::Type::array:
      if (reader.enter_array()) {
        while (reader.next()) {
          read(reader, sum);
        }
      }
      break;
    case CborReader::Type::map:
      if (reader.enter_map()) {
        while (reader.next()) {
          for (const char c : reader.key()) {
            sum += static_cast<unsigned char>(c);
          }
          read(reader, sum);
        }
      }
      break;
    case CborReader::Type::text:
      for (const char c : reader.text()) {
        sum += static_cast<unsigned char>(c);
      }
      break;
    case CborReader::Type::bytes:
      for (const char c : reader.blob()) {
        sum += static_cast<unsigned char>(c);
      }
      break;
    case CborReader::Type::floating:
      sum += static_cast<std::size_t>(reader.timestamp().time_since_epoch().count());
      break;
    case CborReader::Type::unsigned_integer:
      sum += reader.unsigned_integer();
      break;
    case CborReader::Type::negative_integer:
      sum += static_cast<std::size_t>(reader.integer());
      break;
    case CborReader::Type::boolean:
      sum += reader.boolean() ? 1 : 0;
      break;
    default:
      reader.skip();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  weir::wire::Arena arena;
  CborReader reader(input, arena);
  std::size_t sum = 0;
  read(reader, sum);
  const bool was_read = reader.finish().ok();

  CborReader skipper(input, arena);
  skipper.skip();
  const bool skipped = skipper.finish().ok();
  CborReader blob(input, arena);
  blob.blob();

  auto document = weir::wire::Document::parse_cbor(input);
  if ((was_read || document.ok()) && !skipped) {
    std::abort();  // what can be read can be skipped
  }
  if (document.ok()) {
    for (const auto value : document->root()["Records"]) {
      sum += value.blob("Data").size() + value["T"].timestamp().has_value();
    }
    static_cast<void>(document->check().ok());
  }
  [[maybe_unused]] static volatile std::size_t seen;  // so that nothing read is optimised away
  seen = sum;
  return 0;
}
