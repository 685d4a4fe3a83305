#include "cli/dead_letter_copies.hpp"

#include <fmt/format.h>

#include "weir/base/random.hpp"

namespace weir::cli {

Task<void> DeadLetterCopies::copy(std::span<const state::DeadLetter> letters, std::stop_token stop) {
  std::size_t next = 0;
  while (next < letters.size()) {
    api::PutRecordsRequest request;
    request.stream.name = stream_;
    std::size_t bytes = 0;
    for (; next < letters.size() && request.records.size() < api::put_records_max; ++next) {
      const auto& letter = letters[next];
      const auto size = letter.payload.size() + letter.partition_key.size();
      if (!request.records.empty() && bytes + size > api::put_request_bytes_max) {
        break;
      }
      auto& entry = request.records.emplace_back();
      entry.data = letter.payload;
      entry.partition_key = letter.partition_key;
      bytes += size;
    }
    const PutRetry retry;
    auto put = co_await put_entries(api_, clock_, request, retry, Random::from_machine()(), stop);
    if (!put) {
      co_return put.error();
    }
    if (put->error) {
      auto error = *put->error;
      error.message = fmt::format("copying dead letters to stream {}: {}", stream_, error.message);
      co_return error;
    }
  }
  co_return Result<void>();
}

}  // namespace weir::cli
