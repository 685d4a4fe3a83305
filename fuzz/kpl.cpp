// Records from anybody: an aggregated one is taken apart within its bytes, each user record lies in it, two halves of
// the hash range share them out, and what is none gives nothing. The message alone is tried under a right checksum,
// which the fuzzer would never find.

#include <openssl/evp.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/stream/unpack.hpp"

namespace {

using namespace weir::stream;

void require(bool claim) {
  if (!claim) {
    std::abort();
  }
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::size_t count(Unpacker& unpacker, std::string_view data, const std::optional<HashRange>& range) {
  const auto form = unpacker.open(data, range);
  std::size_t records = 0;
  std::optional<std::uint32_t> last;
  for (UserRecord user; unpacker.next(user); ++records) {
    require(form == Unpacker::Form::aggregated);
    require(lies_in(user.data, data) && lies_in(user.partition_key, data));
    require(!last || user.sub > *last);
    last = user.sub;
    const auto at = user.explicit_hash_key ? *user.explicit_hash_key : hash_key_of(user.partition_key);
    require(!range || range->contains(at));
  }
  require(records + unpacker.misplaced() <= user_records_max || form != Unpacker::Form::aggregated);
  return records;
}

void take_apart(std::string_view data) {
  static Unpacker unpacker;
  const auto middle = HashKey{1} << 127U;
  const auto all = count(unpacker, data, {});
  const auto lower = count(unpacker, data, HashRange{0, middle - 1});
  const auto upper = count(unpacker, data, HashRange{middle, ~HashKey{0}});
  require(lower + upper == all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  take_apart(bytes);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int sum_size = 0;
  EVP_Digest(data, size, sum, &sum_size, EVP_md5(), nullptr);
  take_apart(std::string("\xf3\x89\x9a\xc2").append(bytes).append(reinterpret_cast<const char*>(sum), sum_size));
  return 0;
}
