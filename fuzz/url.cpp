// An endpoint as users and services write it: taken apart within its bytes, or refused without being repeated.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view url(reinterpret_cast<const char*>(data), size);
  const auto origin = weir::http::origin_of(url);
  if (!origin) {
    const auto said = [&origin](std::string_view other) {
      return origin.error().message == weir::http::origin_of(other).error().message;
    };
    if (size <= weir::http::url_bytes_max && !said("") && !said("http:// ") && !said("http://")) {
      std::abort();
    }
    return 0;
  }
  if (!url.starts_with(*origin) || weir::http::place_of(*origin).empty()) {
    std::abort();
  }
  const auto again = weir::http::origin_of(*origin);
  if (!again || *again != *origin) {
    std::abort();
  }
  return 0;
}
