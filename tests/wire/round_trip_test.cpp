// Any tree written in either encoding reads back as it was.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <variant>
#include <vector>

#include "bytes.hpp"
#include "weir/wire/cbor_reader.hpp"
#include "weir/wire/cbor_writer.hpp"
#include "weir/wire/document.hpp"
#include "weir/wire/json_writer.hpp"

namespace weir::wire {
namespace {

struct Blob {
  std::string bytes;
};
struct Tree;
using Members = std::vector<std::pair<std::string, Tree>>;
struct Tree {
  std::variant<std::nullptr_t, std::string, Blob, std::int64_t, double, bool, Timestamp, std::vector<Tree>, Members>
      value;
};

std::string ascii_text() { return *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127)); }

// Draws a tree whose depth stays within the readers' limit.
Tree draw(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 9 : 7)) {
    case 0:
      return {nullptr};
    case 1:
      return {ascii_text()};
    case 2:
      return {Blob{*rc::gen::arbitrary<std::string>()}};
    case 3:
      return {*rc::gen::arbitrary<std::int64_t>()};
    case 4: {
      const auto value = *rc::gen::arbitrary<double>();
      return {std::isfinite(value) ? value : 0.5};
    }
    case 5:
      return {*rc::gen::arbitrary<bool>()};
    case 6:
      return {Timestamp(std::chrono::milliseconds(*rc::gen::inRange(timestamp_ms_min, timestamp_ms_max + 1)))};
    case 7: {
      std::vector<Tree> items;
      for (int count = *rc::gen::inRange(0, 5); count > 0; --count) {
        items.push_back(draw(depth - 1));
      }
      return {std::move(items)};
    }
    default: {
      Members members;
      for (int count = *rc::gen::inRange(0, 5); count > 0; --count) {
        // The number keeps names apart: of duplicates only the first is seen.
        members.emplace_back(std::to_string(count) + ascii_text(), draw(depth - 1));
      }
      return {std::move(members)};
    }
  }
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

void write(Writer& writer, const Tree& tree) {
  std::visit(Overloaded{[&](std::nullptr_t) { writer.null(); }, [&](const std::string& text) { writer.text(text); },
                        [&](const Blob& blob) { writer.blob(blob.bytes); },
                        [&](std::int64_t value) { writer.integer(value); }, [&](double value) { writer.number(value); },
                        [&](bool value) { writer.boolean(value); }, [&](Timestamp value) { writer.timestamp(value); },
                        [&](const std::vector<Tree>& items) {
                          writer.begin_array();
                          for (const auto& item : items) {
                            write(writer, item);
                          }
                          writer.end_array();
                        },
                        [&](const Members& members) {
                          writer.begin_map();
                          for (const auto& [name, member] : members) {
                            writer.key(name);
                            write(writer, member);
                          }
                          writer.end_map();
                        }},
             tree.value);
}

void expect_same(Value found, const Tree& tree) {
  std::visit(Overloaded{[&](std::nullptr_t) { RC_ASSERT(!found.exists()); },
                        [&](const std::string& text) { RC_ASSERT(found.text() == text); },
                        [&](const Blob& blob) { RC_ASSERT(found.blob() == blob.bytes); },
                        [&](std::int64_t value) { RC_ASSERT(found.integer() == value); },
                        [&](double value) { RC_ASSERT(found.number() == value); },
                        [&](bool value) { RC_ASSERT(found.boolean() == value); },
                        [&](Timestamp value) { RC_ASSERT(found.timestamp() == value); },
                        [&](const std::vector<Tree>& items) {
                          RC_ASSERT(found.size() == items.size());
                          auto at = found.begin();
                          for (const auto& item : items) {
                            expect_same(*at, item);
                            ++at;
                          }
                        },
                        [&](const Members& members) {
                          RC_ASSERT(found.is_map());
                          for (const auto& [name, member] : members) {
                            expect_same(found[name], member);
                          }
                        }},
             tree.value);
}

RC_GTEST_PROP(RoundTrip, ThroughCbor, ()) {
  const auto tree = draw(4);
  std::string out;
  CborWriter writer(out);
  write(writer, tree);
  const Exact exact(out);
  auto document = Document::parse_cbor(exact.view());
  RC_ASSERT(document.ok());
  expect_same(document->root(), tree);
  RC_ASSERT(document->check().ok());
  // Whatever can be read can be skipped, and ends at the same place.
  Arena arena;
  CborReader reader(exact.view(), arena);
  reader.skip();
  RC_ASSERT(reader.finish().ok());
}

RC_GTEST_PROP(RoundTrip, ThroughJson, ()) {
  const auto tree = draw(4);
  std::string out;
  JsonWriter writer(out);
  write(writer, tree);
  auto document = Document::parse_json(out);
  RC_ASSERT(document.ok());
  expect_same(document->root(), tree);
  RC_ASSERT(document->check().ok());
}

// Definite and indefinite strings hold the same: chunks are joined wherever the sender cut them.
RC_GTEST_PROP(RoundTrip, StringsInChunks, (const std::vector<std::string>& chunks)) {
  std::string out(1, '\x5f');
  CborWriter writer(out);
  std::string whole;
  for (const auto& chunk : chunks) {
    writer.blob(chunk);
    whole += chunk;
  }
  out.push_back('\xff');
  Arena arena;
  CborReader reader(out, arena);
  RC_ASSERT(reader.blob() == whole);
  RC_ASSERT(reader.finish().ok());
}

}  // namespace
}  // namespace weir::wire
