// A file of faults of any bytes is read, or refused by name, place and in one line without control characters.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/emulator/faults.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto script = weir::emulator::parse_faults(text, "f.yaml");
  if (script) {
    return 0;
  }
  const auto& message = script.error().message;
  if (message.rfind("f.yaml:", 0) != 0) {
    std::abort();
  }
  for (const unsigned char c : message) {
    if (c < 0x20 || c == 0x7f) {
      std::abort();
    }
  }
  return 0;
}
