// A page of records from a hostile endpoint: whatever the bytes, the decoder refuses them or hands out
// records that lie within its buffers, are well formed, and have readable bytes behind them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "aws/kinesis_messages.hpp"
#include "weir/stream/sequence_number.hpp"

namespace {

bool same(const weir::api::GetRecordsReply& one, const weir::api::GetRecordsReply& other) {
  return std::equal(one.records.begin(), one.records.end(), other.records.begin(), other.records.end(),
                    [](const auto& a, const auto& b) {
                      return a.sequence_number == b.sequence_number && a.data == b.data &&
                             a.partition_key == b.partition_key && a.arrival == b.arrival;
                    }) &&
         one.next_shard_iterator == other.next_shard_iterator && one.behind == other.behind &&
         std::equal(one.child_shards.begin(), one.child_shards.end(), other.child_shards.begin(),
                    other.child_shards.end(), [](const auto& a, const auto& b) {
                      return a.id == b.id && a.parents == b.parents && a.hash_key_start == b.hash_key_start &&
                             a.hash_key_end == b.hash_key_end;
                    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::shared_ptr<char[]> memory(new char[size + weir::stream::padding_bytes]());
  if (size > 0) {
    std::memcpy(memory.get(), data, size);
  }
  std::shared_ptr<const void> owner(memory, memory.get());
  const auto reply = weir::aws::decode_get_records({memory.get(), size}, owner);
  const auto general = weir::aws::decode_get_records_in_general({memory.get(), size}, owner);
  // The shortcut must not change what a reply means.
  if (reply.ok() != general.ok() || (reply && !same(*reply, *general))) {
    std::abort();
  }
  memory.reset();  // from here on only the replies keep the bytes
  owner.reset();
  if (!reply) {
    return 0;
  }
  if (reply->records.size() > weir::api::get_records_max || reply->behind.count() < 0) {
    std::abort();
  }
  unsigned sum = 0;
  for (const auto& record : reply->records) {
    if (!weir::stream::is_sequence_number(record.sequence_number) || record.partition_key.empty()) {
      std::abort();
    }
    for (std::size_t i = 0; i < record.data.size() + weir::stream::padding_bytes; ++i) {
      sum += static_cast<unsigned char>(record.data.data()[i]);
    }
  }
  volatile unsigned read = sum;  // so that the reads are not left out
  static_cast<void>(read);
  return 0;
}
