// Any bytes as an error reply: the code is a name or empty, the message one line of UTF-8.
#include "weir/wire/aws_error.hpp"

#include <cstdint>
#include <cstdlib>

#include "weir/wire/utf8.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const auto& error : {weir::wire::read_aws_error("", input), weir::wire::read_aws_error(input, "{}"),
                            weir::wire::read_aws_error(input.substr(0, size / 2), input.substr(size / 2))}) {
    if (!weir::wire::is_utf8(error.message) || error.message.size() > weir::wire::AwsError::message_bytes_max ||
        error.message.find_first_of("\r\n\x1b") != std::string::npos ||
        error.code.find_first_of(" \r\n\x1b#:<") != std::string::npos) {
      std::abort();
    }
  }
  return 0;
}
