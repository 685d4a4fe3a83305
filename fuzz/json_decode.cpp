// Payloads from anybody: decoding must neither crash nor read beyond them, both ways of decoding must agree,
// and what simdjson's own parser takes for a document with both members must be taken too.

#include <simdjson.h>

#include <boost/describe/class.hpp>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/decode/fields.hpp"
#include "weir/decode/json.hpp"
#include "weir/stream/record.hpp"

namespace {

struct Inner {
  std::optional<double> x;
  std::vector<std::string> list;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (x, list))

struct Outer {
  std::optional<std::string_view> a;
  std::optional<int> b;
  std::optional<weir::decode::Integer> c;
  std::optional<bool> d;
  std::optional<Inner> e;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (a, b, c, d, e))

struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

void require(bool claim) {
  if (!claim) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The bytes behind a payload belong to another record.
  std::string padded(text);
  padded.append(weir::stream::padding_bytes, size % 2 == 0 ? '}' : '7');
  const std::string_view view(padded.data(), size);

  static weir::decode::Scratch scratch;
  scratch.clear();
  const auto outer = weir::json_decoder<Outer>()(view, scratch);
  const auto copied = weir::json_decoder<Outer>()(text);
  require(outer.ok() == copied.ok());
  require(!outer.ok() || outer->a == copied->a);

  static const auto fields = weir::decode::Fields::of({"a", "b", "e.x", "e.list", "f.g"}).value();
  std::vector<weir::decode::Value> values(fields.size());
  (void)fields.read(view, scratch, values);

  // simdjson checks more in what is skipped, so only its yes binds us; and it counts depth its own way.
  static simdjson::dom::parser parser(64 * 1024 * 1024);
  simdjson::dom::element element;
  const bool is_object =
      parser.parse(text.data(), text.size()).get(element) == simdjson::SUCCESS && element.is_object();
  std::size_t depth = 0;
  for (const char c : text) {
    depth += c == '[' || c == '{' ? 1 : 0;
  }
  if (is_object && depth < weir::decode::json_depth_max) {
    require(weir::json_decoder<Nothing>()(view, scratch).ok());
  }
  return 0;
}
