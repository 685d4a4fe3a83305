#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace weir::pipelines {

/// What may be kept per key. The numbers are stored in rows (docs/formats.md) and never change meaning.
enum class AggregateKind : std::uint8_t { count = 1, sum = 2, mean = 3, min = 4, max = 5 };

/// "count", "sum", ...: as pipeline files spell them.
std::string_view to_string(AggregateKind kind) noexcept;

/// What to keep of one field: a member pointer, or a callable that makes a number of a record.
template <class Field>
struct Aggregate {
  AggregateKind kind = AggregateKind::count;
  Field field;
};
struct NoField {};

}  // namespace weir::pipelines

namespace weir {

/// How many records.
inline pipelines::Aggregate<pipelines::NoField> count() { return {pipelines::AggregateKind::count, {}}; }
/// The sum of the values: integers exact in 128 bits, floating point within 1e-12 of the exact sum's size.
template <class Field>
pipelines::Aggregate<Field> sum(Field field) {
  return {pipelines::AggregateKind::sum, std::move(field)};
}
/// The sum of the values divided by their number; absent values count as neither.
template <class Field>
pipelines::Aggregate<Field> mean(Field field) {
  return {pipelines::AggregateKind::mean, std::move(field)};
}
template <class Field>
pipelines::Aggregate<Field> min(Field field) {
  return {pipelines::AggregateKind::min, std::move(field)};
}
template <class Field>
pipelines::Aggregate<Field> max(Field field) {
  return {pipelines::AggregateKind::max, std::move(field)};
}

}  // namespace weir
