// Stored rows of any bytes combine in a compaction, where nobody can be asked: always a row comes out, the
// same one in either order, and nothing read from it breaks a query.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/pipeline/file.hpp"
#include "weir/pipeline/row_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto file = weir::pipelines::parse_file(
      "{name: p, source: {stream: s}, keys: [k, [k, v]], aggregates: {n: count, s: {sum: v}, a: {mean: v}, lo: {min: "
      "v}, "
      "hi: {max: v}}}",
      "f.yaml");
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto middle = data[0] * bytes.size() / 256;
  const std::string left(bytes.substr(0, middle));
  const std::string right(bytes.substr(middle));
  const auto& combiner = weir::pipelines::row_combiner();
  std::string there = left;
  std::string back = right;
  combiner.combine(there, right);
  combiner.combine(back, left);
  if (!left.empty() && !right.empty() && there != back && !(there.size() > 1 && back.size() > 1)) {
    std::abort();
  }
  std::string again = there;
  combiner.combine(again, there);
  std::string out;
  for (const auto& row : {left, right, there, again}) {
    file->pipeline->print_json(bytes, row, out);
  }
  weir::pipelines::RowKeyParts parts;
  (void)weir::pipelines::parse_row_key(bytes, parts);
  return 0;
}
