#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "weir/stream/record.hpp"

namespace weir::decode {

/// A payload as batches hold it: followed by readable bytes, here the most misleading ones. In memory of
/// exactly that size, so that a sanitizer sees one byte too many.
class Padded {
 public:
  explicit Padded(std::string_view text, char filler = '7')
      : bytes_(std::make_unique<char[]>(text.size() + stream::padding_bytes)), size_(text.size()) {
    if (!text.empty()) {
      std::memcpy(bytes_.get(), text.data(), text.size());
    }
    std::memset(bytes_.get() + text.size(), filler, stream::padding_bytes);
  }
  std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

}  // namespace weir::decode
