#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::testing {

/// Makes aggregated records as a producer does, by its own means.
struct KplRecord {
  std::string data;
  std::string partition_key;
  std::optional<std::string> explicit_hash_key;
};

inline std::string kpl_varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80U; value >>= 7U) {
    out.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
  }
  out.push_back(static_cast<char>(value));
  return out;
}
inline std::string kpl_number(unsigned field, std::uint64_t value) {
  return kpl_varint(field << 3U) + kpl_varint(value);
}
inline std::string kpl_bytes(unsigned field, std::string_view bytes) {
  return kpl_varint((field << 3U) | 2U) + kpl_varint(bytes.size()) + std::string(bytes);
}

/// Magic, message, checksum.
inline std::string kpl_envelope(std::string_view message) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(message.data(), message.size(), sum, &size, EVP_md5(), nullptr);
  return std::string("\xf3\x89\x9a\xc2").append(message).append(reinterpret_cast<const char*>(sum), size);
}

inline std::string kpl_aggregate(const std::vector<KplRecord>& records) {
  const auto place = [](std::vector<std::string>& table, const std::string& entry) {
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (table[i] == entry) {
        return i;
      }
    }
    table.push_back(entry);
    return table.size() - 1;
  };
  std::vector<std::string> keys;
  std::vector<std::string> hash_keys;
  std::string packed;
  for (const auto& record : records) {
    auto message = kpl_number(1, place(keys, record.partition_key));
    if (record.explicit_hash_key) {
      message += kpl_number(2, place(hash_keys, *record.explicit_hash_key));
    }
    packed += kpl_bytes(3, message + kpl_bytes(3, record.data));
  }
  std::string tables;
  for (const auto& key : keys) {
    tables += kpl_bytes(1, key);
  }
  for (const auto& key : hash_keys) {
    tables += kpl_bytes(2, key);
  }
  return kpl_envelope(tables + packed);
}

}  // namespace weir::testing
