#include "weir/wire/document.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>

#include "weir/wire/base64.hpp"
#include "weir/wire/cbor_reader.hpp"
#include "weir/wire/timestamp.hpp"

namespace weir::wire {

// Appends nodes in the order of the text; a container's `end` is set when it is left.
struct Document::Builder {
  Document& document;
  const char* problem = nullptr;

  std::uint32_t here() const { return static_cast<std::uint32_t>(document.nodes_.size()); }
  Node* add(Kind kind, std::string_view name) {
    if (document.nodes_.size() == values_max) {
      problem = "has too many values";
      return nullptr;
    }
    auto& node = document.nodes_.emplace_back();
    node.kind = kind;
    node.name = name;
    node.end = here();
    return &node;
  }
  void text(Kind kind, std::string_view name, std::string_view value) {
    if (auto* node = add(kind, name)) {
      node->string = {value.data(), value.size()};
    }
  }

  bool cbor(CborReader& reader, std::string_view name) {
    const auto index = here();
    switch (reader.peek()) {
      case CborReader::Type::unsigned_integer:
        if (auto* node = add(Kind::integer, name)) {
          node->unsigned_integer = reader.unsigned_integer();
          if (node->unsigned_integer > static_cast<std::uint64_t>(INT64_MAX)) {
            node->kind = Kind::unsigned_integer;
          } else {
            node->integer = static_cast<std::int64_t>(node->unsigned_integer);
          }
        }
        break;
      case CborReader::Type::negative_integer:
        if (auto* node = add(Kind::integer, name)) {
          node->integer = reader.integer();
        }
        break;
      case CborReader::Type::floating:
        if (auto* node = add(Kind::number, name)) {
          node->number = reader.number();
        }
        break;
      case CborReader::Type::boolean:
        if (auto* node = add(Kind::boolean, name)) {
          node->integer = reader.boolean() ? 1 : 0;
        }
        break;
      case CborReader::Type::text:
        text(Kind::text, name, reader.text());
        break;
      case CborReader::Type::bytes:
        text(Kind::bytes, name, reader.blob());
        break;
      case CborReader::Type::array:
        if (add(Kind::array, name) != nullptr && reader.enter_array()) {
          container(index, reader, [&] { return cbor(reader, {}); });
        }
        break;
      case CborReader::Type::map:
        if (add(Kind::map, name) != nullptr && reader.enter_map()) {
          container(index, reader, [&] {
            const auto key = reader.key();
            return cbor(reader, key);
          });
        }
        break;
      default:
        // Null, and what is no value of ours: passed over, or refused, by the reader.
        add(Kind::null, name);
        reader.skip();
        break;
    }
    return problem == nullptr && !reader.failed();
  }
  template <class Item>
  void container(std::uint32_t index, CborReader& reader, Item item) {
    std::uint32_t count = 0;
    while (reader.next() && item()) {
      ++count;
    }
    document.nodes_[index].count = count;
    document.nodes_[index].end = here();
  }

  // No deeper than depth_max, which the parser was told.
  bool json(simdjson::dom::element element, std::string_view name) {
    using Type = simdjson::dom::element_type;
    const auto index = here();
    std::uint32_t count = 0;
    switch (element.type()) {
      case Type::OBJECT:
        if (add(Kind::map, name) == nullptr) {
          return false;
        }
        for (const auto member : simdjson::dom::object(element)) {
          if (!json(member.value, member.key)) {
            return false;
          }
          ++count;
        }
        break;
      case Type::ARRAY:
        if (add(Kind::array, name) == nullptr) {
          return false;
        }
        for (const auto item : simdjson::dom::array(element)) {
          if (!json(item, {})) {
            return false;
          }
          ++count;
        }
        break;
      case Type::STRING:
        text(Kind::text, name, std::string_view(element));
        return problem == nullptr;
      default:
        json_scalar(element, name);
        return problem == nullptr;
    }
    document.nodes_[index].count = count;
    document.nodes_[index].end = here();
    return true;
  }
  void json_scalar(simdjson::dom::element element, std::string_view name) {
    using Type = simdjson::dom::element_type;
    auto* node = add(Kind::null, name);
    if (node == nullptr) {
      return;
    }
    switch (element.type()) {
      case Type::INT64:
        node->kind = Kind::integer;
        node->integer = std::int64_t(element);
        break;
      case Type::UINT64:
        node->kind = Kind::unsigned_integer;
        node->unsigned_integer = std::uint64_t(element);
        break;
      case Type::DOUBLE:
        node->kind = Kind::number;
        node->number = double(element);
        break;
      case Type::BOOL:
        node->kind = Kind::boolean;
        node->integer = bool(element) ? 1 : 0;
        break;
      default:
        break;
    }
  }
};

Result<Document> Document::parse(Format format, std::string_view input) {
  return format == Format::cbor ? parse_cbor(input) : parse_json(input);
}

Result<Document> Document::parse_cbor(std::string_view input) {
  Document document(Format::cbor);
  CborReader reader(input, document.arena_);
  Builder builder{document};
  builder.cbor(reader, {});
  if (builder.problem != nullptr) {
    return corrupt("BadCbor", fmt::format("the CBOR {}", builder.problem));
  }
  WEIR_CHECK(reader.finish());
  return document;
}

Result<Document> Document::parse_json(std::string_view input) {
  Document document(Format::json);
  auto parser = std::make_shared<simdjson::dom::parser>();
  auto code = parser->allocate(std::max<std::size_t>(input.size(), 64), depth_max);
  simdjson::dom::element root;
  if (code == simdjson::SUCCESS) {
    code = parser->parse(input.data(), input.size()).get(root);
  }
  if (code != simdjson::SUCCESS) {
    return corrupt("BadJson", fmt::format("the JSON cannot be read: {}", simdjson::error_message(code)));
  }
  Builder builder{document};
  if (!builder.json(root, {})) {
    return corrupt("BadJson", fmt::format("the JSON {}", builder.problem));
  }
  document.strings_ = std::move(parser);
  return document;
}

void Document::complain(const Node& node, const char* expected) {
  if (complaint_.empty()) {
    complaint_ = node.name.empty() ? fmt::format("a value is not {}", expected)
                                   : fmt::format("{} is not {}", node.name.substr(0, 64), expected);
  }
}

Result<void> Document::check() const {
  if (!complaint_.empty()) {
    return refused("SerializationException", complaint_);
  }
  return {};
}

Value::Kind Value::kind() const { return document_ == nullptr ? Kind::null : document_->nodes_[index_].kind; }

Value Value::operator[](std::string_view name) const {
  if (!exists()) {
    return {};
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind != Kind::map) {
    document_->complain(node, "a structure");
    return {};
  }
  for (auto child = index_ + 1; child != node.end; child = document_->nodes_[child].end) {
    if (document_->nodes_[child].name == name) {
      return {document_, child};
    }
  }
  return {};
}

std::size_t Value::size() const {
  if (!exists()) {
    return 0;
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind != Kind::array) {
    document_->complain(node, "a list");
    return 0;
  }
  return node.count;
}

std::optional<std::string_view> Value::text() const {
  if (!exists()) {
    return std::nullopt;
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind != Kind::text) {
    document_->complain(node, "a string");
    return std::nullopt;
  }
  return node.view();
}

std::optional<std::string_view> Value::blob() const {
  if (!exists()) {
    return std::nullopt;
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind == Kind::bytes) {
    return node.view();
  }
  if (node.kind == Kind::text) {
    if (const auto bytes = decode_base64(node.view(), document_->arena_)) {
      return bytes;
    }
  }
  document_->complain(node, "a blob");
  return std::nullopt;
}

std::optional<std::int64_t> Value::integer() const {
  if (!exists()) {
    return std::nullopt;
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind == Kind::integer) {
    return node.integer;
  }
  // 3.0 and 1.5E9 are integers too. 2^63 is exact in a double, and the first that does not fit.
  if (node.kind == Kind::number && std::trunc(node.number) == node.number && node.number >= -0x1p63 &&
      node.number < 0x1p63) {
    return static_cast<std::int64_t>(node.number);
  }
  document_->complain(node, "an integer");
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (!exists()) {
    return std::nullopt;
  }
  const auto& node = document_->nodes_[index_];
  switch (node.kind) {
    case Kind::number:
      return node.number;
    case Kind::integer:
      return static_cast<double>(node.integer);
    case Kind::unsigned_integer:
      return static_cast<double>(node.unsigned_integer);
    default:
      document_->complain(node, "a number");
      return std::nullopt;
  }
}

std::optional<bool> Value::boolean() const {
  if (!exists()) {
    return std::nullopt;
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind != Kind::boolean) {
    document_->complain(node, "a boolean");
    return std::nullopt;
  }
  return node.integer != 0;
}

std::optional<Timestamp> Value::timestamp() const {
  if (!exists()) {
    return std::nullopt;
  }
  const auto& node = document_->nodes_[index_];
  std::optional<Timestamp> time;
  if (node.kind == Kind::integer && document_->format_ == Format::cbor) {
    time = timestamp_of_ms(node.integer);
  } else if (node.kind == Kind::integer) {
    time = timestamp_of_seconds(static_cast<double>(node.integer));
  } else if (node.kind == Kind::number) {
    time = timestamp_of_seconds(node.number);
  }
  if (!time) {
    document_->complain(node, "a timestamp");
  }
  return time;
}

Value::Iterator& Value::Iterator::operator++() {
  index_ = document_->nodes_[index_].end;
  return *this;
}

Value::Iterator Value::begin() const {
  const bool container = end().index_ != 0;
  return {document_, container ? index_ + 1 : 0};
}

Value::Iterator Value::end() const {
  if (!exists()) {
    return {document_, 0};
  }
  const auto& node = document_->nodes_[index_];
  if (node.kind != Kind::array && node.kind != Kind::map) {
    document_->complain(node, "a list");
    return {document_, 0};
  }
  return {document_, node.end};
}

std::string_view Value::name() const {
  return document_ == nullptr ? std::string_view() : document_->nodes_[index_].name;
}

}  // namespace weir::wire
