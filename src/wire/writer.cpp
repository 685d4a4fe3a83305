#include "weir/wire/writer.hpp"

namespace weir::wire {

std::string_view content_type(Format format) noexcept {
  return format == Format::cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
}

}  // namespace weir::wire
