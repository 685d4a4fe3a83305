#include "weir/decode/compression.hpp"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "weir/stream/record.hpp"

namespace weir::decode {
namespace {

/// What is kept between payloads; more, after a giant one, goes back with the next small one.
constexpr std::size_t kept_bytes_max = 1024 * 1024;
constexpr std::size_t first_bytes = 16 * 1024;
/// A first guess: text becomes four to ten times as large.
constexpr std::size_t growth = 4;

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

}  // namespace

std::string_view to_string(Compression compression) noexcept {
  switch (compression) {
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
    case Compression::none:
      break;
  }
  return "none";
}

struct Decompressor::Memory {
  z_stream inflating{};
  bool can_inflate = false;
  std::unique_ptr<ZSTD_DCtx, FreeZstd> zstd;
  std::unique_ptr<char[]> bytes;
  std::size_t capacity = 0;  // without the padding

  explicit Memory(Compression compression) {
    constexpr int gzip_only = 16;
    if (compression == Compression::gzip) {
      can_inflate = inflateInit2(&inflating, MAX_WBITS + gzip_only) == Z_OK;
    } else if (compression == Compression::zstd) {
      zstd.reset(ZSTD_createDCtx());
    }
    if ((compression == Compression::gzip && !can_inflate) || (compression == Compression::zstd && !zstd)) {
      throw std::bad_alloc();
    }
  }
  ~Memory() {
    if (can_inflate) {
      inflateEnd(&inflating);
    }
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Room for `wanted` bytes, of which the first `used` are there already.
  void reserve(std::size_t wanted, std::size_t used) {
    if (wanted <= capacity) {
      return;
    }
    auto larger = std::make_unique_for_overwrite<char[]>(wanted + stream::padding_bytes);
    if (used > 0) {
      std::memcpy(larger.get(), bytes.get(), used);
    }
    bytes = std::move(larger);
    capacity = wanted;
  }
  void begin(std::size_t payload_bytes, std::size_t bytes_max) {
    const auto guess = std::clamp(payload_bytes * growth, first_bytes, std::max(first_bytes, bytes_max));
    if (capacity > kept_bytes_max && guess <= kept_bytes_max) {
      bytes.reset();
      capacity = 0;
    }
    reserve(guess, 0);
  }
  std::string_view whole(std::size_t size) {
    std::memset(bytes.get() + size, 0, stream::padding_bytes);
    return {bytes.get(), size};
  }
};

Decompressor::Decompressor(Compression compression, std::size_t bytes_max)
    : compression_(compression), bytes_max_(bytes_max), memory_(std::make_unique<Memory>(compression)) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<std::string_view> Decompressor::decompress(std::string_view payload) {
  switch (compression_) {
    case Compression::gzip:
      return gunzip(payload);
    case Compression::zstd:
      return unzstd(payload);
    case Compression::none:
      break;
  }
  return payload;
}

namespace {

Error too_large(std::size_t bytes_max) {
  return corrupt("TooLarge", fmt::format("the payload would become more than {} bytes", bytes_max));
}

}  // namespace

Result<std::string_view> Decompressor::gunzip(std::string_view payload) {
  auto& stream = memory_->inflating;
  if (payload.size() > std::numeric_limits<uInt>::max()) {
    return too_large(bytes_max_);
  }
  memory_->begin(payload.size(), bytes_max_);
  std::size_t size = 0;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(payload.data()));
  stream.avail_in = static_cast<uInt>(payload.size());
  bool whole = false;
  inflateReset(&stream);
  do {
    // One byte more than may be: whoever fills it is too large.
    const auto room = std::min(memory_->capacity, bytes_max_ + 1) - size;
    constexpr std::size_t step_max = 1U << 30U;
    const auto step = std::min(room, step_max);
    stream.next_out = reinterpret_cast<Bytef*>(memory_->bytes.get() + size);
    stream.avail_out = static_cast<uInt>(step);
    const int code = inflate(&stream, Z_NO_FLUSH);
    size += step - stream.avail_out;
    if (size > bytes_max_) {
      return too_large(bytes_max_);
    }
    whole = code == Z_STREAM_END;
    if (whole) {
      inflateReset(&stream);  // another member may follow
    } else if (code == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return corrupt("BadGzip", "the payload is not gzip, or is damaged");
    } else if (stream.avail_out == 0) {
      memory_->reserve(std::min(memory_->capacity * 2, bytes_max_ + 1), size);
    } else {
      return corrupt("BadGzip", "the gzip payload is cut off");
    }
  } while (!whole || stream.avail_in > 0);
  return memory_->whole(size);
}

// Frame by frame, each in one go: so the output is the window, and what a frame asks for as its window costs nothing.
Result<std::string_view> Decompressor::unzstd(std::string_view payload) {
  const auto bad = [] { return corrupt("BadZstd", "the payload is not zstd, or is damaged or cut off"); };
  if (payload.empty()) {
    return bad();
  }
  memory_->begin(payload.size(), bytes_max_);
  std::size_t size = 0;
  while (!payload.empty()) {
    const auto frame = ZSTD_findFrameCompressedSize(payload.data(), payload.size());
    if (ZSTD_isError(frame) != 0) {
      return bad();
    }
    const auto said = ZSTD_getFrameContentSize(payload.data(), frame);
    if (said != ZSTD_CONTENTSIZE_UNKNOWN && said != ZSTD_CONTENTSIZE_ERROR) {
      if (said > bytes_max_ - size) {
        return too_large(bytes_max_);
      }
      memory_->reserve(size + static_cast<std::size_t>(said), size);
    }
    for (;;) {
      const auto room = std::min(memory_->capacity, bytes_max_) - size;
      const auto made =
          ZSTD_decompressDCtx(memory_->zstd.get(), memory_->bytes.get() + size, room, payload.data(), frame);
      if (ZSTD_isError(made) == 0) {
        size += made;
        break;
      }
      if (ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall) {
        return bad();
      }
      if (size + room >= bytes_max_) {
        return too_large(bytes_max_);
      }
      memory_->reserve(std::min(memory_->capacity * 2, bytes_max_), size);
    }
    payload.remove_prefix(frame);
  }
  return memory_->whole(size);
}

}  // namespace weir::decode
