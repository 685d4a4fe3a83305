#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "weir/stream/record.hpp"

namespace weir::http {

/// A reply's body. Copies share the bytes; when the last one goes, on whatever thread and even after the
/// client and its loop are gone, the memory returns to the client's pool. `stream::padding_bytes` readable
/// zero bytes follow the last one, also when the body is empty.
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<const char> data, std::size_t size) noexcept : data_(std::move(data)), size_(size) {}

  std::string_view bytes() const noexcept { return {data_ == nullptr ? nothing : data_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Keeps the bytes alive for views into them (`stream::Batch::buffer`); null for an empty body.
  std::shared_ptr<const void> owner() const noexcept { return data_; }

 private:
  static constexpr char nothing[stream::padding_bytes] = {};
  std::shared_ptr<const char> data_;
  std::size_t size_ = 0;
};

}  // namespace weir::http
