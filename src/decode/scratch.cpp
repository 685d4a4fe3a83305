#include "weir/decode/scratch.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "weir/stream/record.hpp"

namespace weir::decode {
namespace {

/// What is kept between batches; a 10 MiB payload needs 40 MiB of index, an ordinary one some KiB.
constexpr std::size_t kept_payload_bytes_max = 256 * 1024;
/// Offsets are 32 bits wide.
constexpr std::size_t payload_bytes_max = 0xFFFF'FF00U;

std::string_view sentence(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return "not JSON: invalid UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "not JSON: a control character inside a string";
    case simdjson::UNCLOSED_STRING:
      return "not JSON: a string is not closed";
    case simdjson::EMPTY:
      return "not JSON: nothing but white space";
    default:
      return "not JSON";
  }
}

/// What is wrong with a payload that begins an object or array and does not end with one.
std::string_view why_unended(std::string_view padded, const std::uint32_t* token, const std::uint32_t* end) {
  std::size_t depth = 0;
  for (; token != end; ++token) {
    const char byte = padded[*token];
    depth += byte == '{' || byte == '[' ? 1U : 0U;
    depth -= byte == '}' || byte == ']' ? 1U : 0U;
    if (depth == 0) {
      return "not JSON: something follows the value";  // what came before ended it, and this is not the last token
    }
  }
  return "not JSON: it ends inside an object or array";
}

}  // namespace

/// Only the first stage of simdjson is used, through its parser's interface: it picks the widest vectors
/// the machine has while the program runs, whatever the caller is compiled for, which its `ondemand` types
/// do not (and they break linking between differently compiled files).
struct Scratch::Index {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
  std::size_t capacity = 0;

  simdjson::error_code grow(std::size_t bytes) {
    const std::size_t wanted = std::max<std::size_t>({bytes, std::min(capacity * 2, payload_bytes_max), 4096});
    stage.reset();
    capacity = 0;
    const auto code = simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, 1, stage);
    if (code == simdjson::SUCCESS) {
      capacity = wanted;
    }
    return code;
  }
};

Scratch::Scratch() : index_(std::make_unique<Index>()) {}
Scratch::~Scratch() = default;
Scratch::Scratch(Scratch&&) noexcept = default;
Scratch& Scratch::operator=(Scratch&&) noexcept = default;

JsonCursor Scratch::open(std::string_view padded, const char* slices) {
  const auto failed = [this](std::string_view text) {
    problem_ = {"BadJson", "", std::string(text)};
    return JsonCursor(nullptr, nullptr, nullptr, nullptr, false, arena_, problem_);
  };
  if (padded.empty()) {
    return failed("not JSON: empty");
  }
  if (padded.size() > index_->capacity) [[unlikely]] {
    if (padded.size() > payload_bytes_max || index_->grow(padded.size()) != simdjson::SUCCESS) {
      return failed("too large to be indexed");
    }
  }
  auto& stage = *index_->stage;
  const auto code =
      stage.stage1(reinterpret_cast<const std::uint8_t*>(padded.data()), padded.size(), simdjson::stage1_mode::regular);
  if (code != simdjson::SUCCESS) [[unlikely]] {
    return failed(sentence(code));
  }
  const std::uint32_t* begin = stage.structural_indexes.get();
  const std::uint32_t* end = begin + stage.n_structural_indexes;
  const char first = padded[*begin];
  if (first == '{' || first == '[') [[likely]] {
    // The cursor relies on this: see there.
    const char last = padded[end[-1]];
    if (last != '}' && last != ']') [[unlikely]] {
      return failed(why_unended(padded, begin, end));
    }
  } else if (padded.data() != padded_.data()) {
    // A lone scalar ends at the payload's end, where any byte may follow: give it white space.
    return open(pad(padded), slices);
  }
  const bool escapes = std::memchr(padded.data(), '\\', padded.size()) != nullptr;
  return {padded.data(), slices, begin, end, escapes, arena_, problem_};
}

std::string_view Scratch::pad(std::string_view payload) {
  padded_.resize(payload.size() + stream::padding_bytes);
  if (!payload.empty()) {
    std::memcpy(padded_.data(), payload.data(), payload.size());
  }
  std::memset(padded_.data() + payload.size(), ' ', stream::padding_bytes);
  return {padded_.data(), payload.size()};
}

JsonCursor Scratch::open_unpadded(std::string_view payload) { return open(pad(payload), payload.data()); }

void Scratch::clear() noexcept {
  arena_.clear();
  if (padded_.capacity() > kept_payload_bytes_max) {
    std::vector<char>().swap(padded_);
  }
  if (index_->capacity > kept_payload_bytes_max) {
    index_->stage.reset();
    index_->capacity = 0;
  }
}

Scratch& this_threads_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

}  // namespace weir::decode
