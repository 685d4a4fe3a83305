// A pipeline file of any bytes is read or refused with its name in the message; and what was read makes a
// pipeline that folds and prints.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "weir/pipeline/file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto file = weir::pipelines::parse_file(text, "f.yaml");
  if (!file) {
    if (file.error().message.rfind("f.yaml:", 0) != 0) {
      std::abort();
    }
    return 0;
  }
  std::string payload = R"({"a":1,"b":"x","origin":"JFK","delay":2.5})";
  const auto length = payload.size();
  payload.append(weir::stream::padding_bytes, ' ');
  weir::stream::RawRecord record;
  record.data = std::string_view(payload).substr(0, length);
  const auto folder = file->pipeline->make_folder();
  const auto deltas = folder->make_deltas();
  std::vector<weir::pipelines::Failure> failures;
  folder->fold({&record, 1}, *deltas, failures);
  std::vector<weir::state::RowChange> changes;
  deltas->encode(changes);
  for (const auto& change : changes) {
    std::string out;
    file->pipeline->print_json(change.key, change.delta, out);
  }
  return 0;
}
