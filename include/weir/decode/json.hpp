#pragma once

#include <bitset>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/decode/json_cursor.hpp"
#include "weir/decode/scratch.hpp"

namespace weir::decode {

/// A struct whose members were named with BOOST_DESCRIBE_STRUCT or BOOST_DESCRIBE_CLASS.
template <class T>
concept Described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

template <class T>
using DescribedMembers =
    boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

namespace json_detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T, class A>
inline constexpr bool is_vector<std::vector<T, A>> = true;
template <class>
inline constexpr bool unreadable = false;

template <class T>
bool read(JsonCursor& cursor, T& value);

template <class T, class D>
bool read_member(JsonCursor& cursor, T& object, D /*member*/) {
  if (!read(cursor, object.*D::pointer)) [[unlikely]] {
    return cursor.blame(std::string_view(D::name));
  }
  return true;
}

/// The n-th member's own name, length known while compiling, so that comparing takes a few instructions.
template <class D>
inline constexpr std::string_view name_of{D::name};

template <class D>
bool name_matches(const JsonCursor& cursor) {
  constexpr auto name = name_of<D>;
  if constexpr (name.size() <= JsonCursor::short_name_max) {
    return cursor.name_is<name.size()>(name.data());
  } else {
    return cursor.name() == name;
  }
}

template <class T, template <class...> class List, class... D, std::size_t... I>
bool read_members(JsonCursor& cursor, T& object, List<D...> /*members*/, std::index_sequence<I...> /*indices*/) {
  std::bitset<sizeof...(D)> seen;
  auto step = cursor.first_member();
  for (; step == JsonCursor::Step::member; step = cursor.next_member()) {
    bool ok = true;
    // The first of equal names wins; a later one is skipped.
    const bool known =
        ((name_matches<D>(cursor) && !seen[I] ? (seen[I] = true, ok = read_member(cursor, object, D()), true)
                                              : false) ||
         ...);
    if (!known) {
      ok = cursor.skip();
    }
    if (!ok) [[unlikely]] {
      return false;
    }
  }
  if (step == JsonCursor::Step::failed) [[unlikely]] {
    return false;
  }
  [[maybe_unused]] const auto present = [&]<class M>(M /*member*/, bool was_seen) {
    using Type = std::remove_cvref_t<decltype(object.*M::pointer)>;
    if (was_seen || is_optional<Type>) {
      return true;
    }
    cursor.fail("MissingMember", "it is missing");
    return cursor.blame(std::string_view(M::name));
  };
  return (present(D(), seen[I]) && ...);
}

template <class E>
bool read_enum(JsonCursor& cursor, E& value) {
  std::string_view name;
  if (!cursor.string(name)) {
    return false;
  }
  bool found = false;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto enumerator) {
    if (!found && name == std::string_view(enumerator.name)) {
      value = enumerator.value;
      found = true;
    }
  });
  return found || cursor.fail("UnknownName", "the string is none of the names it may have");
}

template <class T>
bool read_elements(JsonCursor& cursor, std::vector<T>& values) {
  if (!cursor.enter_array()) {
    return false;
  }
  values.clear();
  auto step = cursor.first_element();
  for (; step == JsonCursor::Step::member; step = cursor.next_element()) {
    T value{};
    if (!read(cursor, value)) {
      return cursor.blame(values.size());
    }
    values.push_back(std::move(value));
  }
  return step == JsonCursor::Step::end;
}

template <class T>
bool read(JsonCursor& cursor, T& value) {
  if constexpr (is_optional<T>) {
    if (cursor.at_null()) {
      value.reset();
      return cursor.null();
    }
    return read(cursor, value.emplace());
  } else if constexpr (std::is_same_v<T, bool>) {
    return cursor.boolean(value);
  } else if constexpr (IntegerLike<T>) {
    return cursor.integer(value);
  } else if constexpr (std::is_same_v<T, double>) {
    return cursor.number(value);
  } else if constexpr (std::is_same_v<T, float>) {
    double wide = 0;
    if (!cursor.number(wide)) {
      return false;
    }
    if (wide > std::numeric_limits<float>::max() || wide < std::numeric_limits<float>::lowest()) {
      return cursor.out_of_range();
    }
    value = static_cast<float>(wide);
    return true;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return cursor.string(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    std::string_view text;
    if (!cursor.string(text)) {
      return false;
    }
    value.assign(text);
    return true;
  } else if constexpr (is_vector<T>) {
    return read_elements(cursor, value);
  } else if constexpr (std::is_enum_v<T>) {
    return read_enum(cursor, value);
  } else if constexpr (Described<T>) {
    using Members = DescribedMembers<T>;
    return cursor.enter_object() &&
           read_members(cursor, value, Members(), std::make_index_sequence<boost::mp11::mp_size<Members>::value>());
  } else {
    static_assert(unreadable<T>, "weir reads strings, numbers, bool, optional, vector, described structs and enums");
  }
}

}  // namespace json_detail

/// Reads a T from JSON by the names of its described members. Members that T does not have are checked for
/// structure only. Fails with `corrupt` and one of the codes of JsonProblem. Stateless; any thread.
template <class T>
class JsonDecoder {
 public:
  using value_type = T;

  /// Any bytes. `string_view` members point into `payload`; those that had escapes live until this
  /// thread's next call.
  Result<T> operator()(std::string_view payload) const {
    Scratch& scratch = this_threads_scratch();
    scratch.clear();
    return value_of(scratch.open_unpadded(payload), scratch);
  }
  /// A payload of a Batch, without a copy (see PaddedDecoder).
  Result<T> operator()(std::string_view padded, Scratch& scratch) const {
    return value_of(scratch.open(padded), scratch);
  }

 private:
  static Result<T> value_of(JsonCursor cursor, Scratch& scratch) {
    Result<T> result{T{}};
    if (!cursor.valid() || !json_detail::read(cursor, *result) || !cursor.finish()) [[unlikely]] {
      result = scratch.problem().error();
    }
    return result;
  }
};

/// The ready decoder for described structs.
template <class T>
JsonDecoder<T> json_decoder() {
  return {};
}

}  // namespace weir::decode

namespace weir {
using decode::json_decoder;
}  // namespace weir
