#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.hpp"
#include "weir/base/result.hpp"
#include "weir/wire/arena.hpp"
#include "weir/wire/writer.hpp"

namespace weir::wire {

class Document;

/// One value of a Document: a small handle, valid as long as the document stays where it is. An absent
/// member and null are the same: `exists()` is false. Reading a value as something it is not gives nothing
/// and leaves a complaint with the document, which is looked at once: `document.check()`.
class Value {
 public:
  enum class Kind : std::uint8_t { null, text, bytes, integer, unsigned_integer, number, boolean, array, map };

  Value() = default;

  /// What the message holds here: `unsigned_integer` only above the range of `integer`; null where absent.
  Kind kind() const;
  bool exists() const { return kind() != Kind::null; }
  bool is_map() const { return kind() == Kind::map; }

  /// A map's member; the first one of duplicates.
  Value operator[](std::string_view name) const;
  /// How many items an array has.
  std::size_t size() const;

  std::optional<std::string_view> text() const;
  /// Bytes in CBOR, base64 text in JSON (and, an emulator's habit, in CBOR).
  std::optional<std::string_view> blob() const;
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  /// CBOR: an integer is milliseconds, a floating value is seconds. JSON: seconds.
  std::optional<Timestamp> timestamp() const;

  /// A member's value, or the type's empty value where it is absent.
  std::string_view text(std::string_view name) const { return (*this)[name].text().value_or(std::string_view()); }
  std::string_view blob(std::string_view name) const { return (*this)[name].blob().value_or(std::string_view()); }

  /// Walks an array's items, or a map's values; nothing for what is absent.
  class Iterator {
   public:
    Value operator*() const { return Value(document_, index_); }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    friend class Value;
    Iterator(Document* document, std::uint32_t index) : document_(document), index_(index) {}
    Document* document_;
    std::uint32_t index_;
  };
  Iterator begin() const;
  Iterator end() const;
  /// The name of a map's member.
  std::string_view name() const;

 private:
  friend class Document;
  Value(Document* document, std::uint32_t index) : document_(document), index_(index) {}
  Document* document_ = nullptr;
  std::uint32_t index_ = 0;
};

/// An AWS message as a tree, from CBOR or JSON: what is read from it once serves both. Its strings are
/// views into the input (CBOR; it must outlive the document) or into the document. For requests and for
/// replies that are small; pages of records are read with CborReader. One thread.
class Document {
 public:
  /// Values in one message. A ListShards page of 10,000 shards has about 100,000.
  static constexpr std::size_t values_max = 1'000'000;
  /// Containers within containers.
  static constexpr std::size_t depth_max = 32;

  static Result<Document> parse(Format format, std::string_view input);
  static Result<Document> parse_cbor(std::string_view input);
  static Result<Document> parse_json(std::string_view input);

  Document(Document&&) = default;
  Document& operator=(Document&&) = default;

  /// The whole message. Handles become invalid when the document is moved.
  Value root() { return Value(this, 0); }
  /// Fails with `SerializationException` when a value was read as something it is not: names the member.
  Result<void> check() const;

 private:
  friend class Value;
  friend class Value::Iterator;
  struct Builder;

  using Kind = Value::Kind;
  struct Node {
    Kind kind = Kind::null;
    std::uint32_t end = 0;    // the node after this one and all within it
    std::uint32_t count = 0;  // items of an array, members of a map
    std::string_view name;    // a member's
    union {
      std::int64_t integer;
      std::uint64_t unsigned_integer;
      double number;
      struct {
        const char* data;
        std::size_t size;
      } string;
    };
    Node() : string{nullptr, 0} {}
    std::string_view view() const { return {string.data, string.size}; }
  };

  explicit Document(Format format) : format_(format) {}
  void complain(const Node& node, const char* expected);

  Format format_;
  std::vector<Node> nodes_;
  Arena arena_;
  std::shared_ptr<const void> strings_;  // what JSON's strings point into
  std::string complaint_;
};

}  // namespace weir::wire
