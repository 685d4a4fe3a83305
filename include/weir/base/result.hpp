#pragma once

#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "weir/base/error.hpp"

namespace weir {

/// A value, or the Error that prevented it. Must be looked at: discarding one fails the build with
/// clang (GCC 12 does not see a discarded `co_await`). Reading the value of a failed Result is a broken
/// invariant and throws `tl::bad_expected_access`.
template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result() = default;
  // Implicit, so that `return value;` and `return error;` read as what they are.
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(tl::unexpect, std::move(error)) {}
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
  Result(U&& value) : state_(T(std::forward<U>(value))) {}

  bool ok() const noexcept { return state_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & { return state_.value(); }
  const T& value() const& { return state_.value(); }
  T&& value() && { return std::move(state_).value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return state_.error(); }
  Error&& error() && { return std::move(state_).error(); }

 private:
  tl::expected<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  // Implicit, so that `return error;` reads as what it is.
  Result(Error error) : state_(tl::unexpect, std::move(error)) {}

  bool ok() const noexcept { return state_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  void value() const {
    if (!ok()) {
      throw tl::bad_expected_access<Error>(state_.error());
    }
  }
  const Error& error() const& { return state_.error(); }
  Error&& error() && { return std::move(state_).error(); }

 private:
  tl::expected<void, Error> state_;
};

}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

/// `WEIR_TRY(auto page, parse(bytes));` declares `page`, or returns the error from this function.
#define WEIR_TRY(declaration, ...) WEIR_TRY_INNER(WEIR_CONCAT(weir_result_, __LINE__), return, declaration, __VA_ARGS__)
/// The same in a coroutine. A declaration, not an expression: GCC 12 miscompiles the latter.
#define WEIR_CO_TRY(declaration, ...) \
  WEIR_TRY_INNER(WEIR_CONCAT(weir_result_, __LINE__), co_return, declaration, __VA_ARGS__)
#define WEIR_TRY_INNER(result, leave, declaration, ...) \
  auto result = __VA_ARGS__;                            \
  if (!result) {                                        \
    leave std::move(result).error();                    \
  }                                                     \
  declaration = *std::move(result)

/// `WEIR_CHECK(write(page));` returns the error of a Result<void>, or goes on.
#define WEIR_CHECK(...) WEIR_CHECK_INNER(WEIR_CONCAT(weir_result_, __LINE__), return, __VA_ARGS__)
#define WEIR_CO_CHECK(...) WEIR_CHECK_INNER(WEIR_CONCAT(weir_result_, __LINE__), co_return, __VA_ARGS__)
#define WEIR_CHECK_INNER(result, leave, ...) \
  auto result = __VA_ARGS__;                 \
  if (!result) {                             \
    leave std::move(result).error();         \
  }
