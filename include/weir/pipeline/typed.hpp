#pragma once

#include <boost/describe/enum_to_string.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/decode/decoder.hpp"
#include "weir/decode/event_time.hpp"
#include "weir/decode/json.hpp"
#include "weir/decode/text.hpp"
#include "weir/pipeline/aggregate.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/pipeline/pipeline.hpp"
#include "weir/pipeline/typed_handler.hpp"

namespace weir::pipelines {

namespace typed_detail {

template <class T>
inline constexpr bool is_optional = decode::json_detail::is_optional<T>;
template <class>
inline constexpr bool unusable = false;

/// The name of a described member, given its pointer; a callable, or a member not described, has none.
template <class T, class F>
std::string field_name(const F& field) {
  std::string name;
  if constexpr (std::is_member_object_pointer_v<F> && decode::Described<T>) {
    boost::mp11::mp_for_each<decode::DescribedMembers<T>>([&](auto member) {
      if constexpr (std::is_same_v<std::remove_cv_t<decltype(member.pointer)>, F>) {
        if (member.pointer == field) {
          name = member.name;
        }
      }
    });
  }
  return name.empty() ? "(code)" : name;
}

/// Makes the value of a number, or of an optional one.
template <class V>
decode::Value number_value(const V& value) {
  if constexpr (is_optional<V>) {
    return value ? number_value(*value) : decode::Value();
  } else if constexpr (std::is_same_v<V, decode::UnsignedInteger>) {
    return value <= static_cast<decode::UnsignedInteger>(decode::integer_max)
               ? decode::Value::of(static_cast<decode::Integer>(value))
               : decode::Value::of(decode::Value::Kind::blocked);
  } else if constexpr (decode::IntegerLike<V>) {
    return decode::Value::of(static_cast<decode::Integer>(value));
  } else if constexpr (std::is_floating_point_v<V>) {
    return decode::Value::of(static_cast<double>(value));
  } else {
    static_assert(unusable<V>, "weir adds up integers, floating-point numbers and optionals of them");
  }
}

/// Adds a value to a key; false where it is absent.
template <class V>
bool add_part(RowKeyWriter& key, const V& value) {
  if constexpr (is_optional<V>) {
    return value && add_part(key, *value);
  } else if constexpr (std::is_same_v<V, bool>) {
    key.add(value);
    return true;
  } else if constexpr (decode::IntegerLike<V> && !std::is_same_v<V, decode::UnsignedInteger>) {
    key.add(static_cast<decode::Integer>(value));
    return true;
  } else if constexpr (std::is_convertible_v<const V&, std::string_view>) {
    key.add(std::string_view(value));
    return true;
  } else if constexpr (std::is_enum_v<V>) {
    key.add(std::string_view(boost::describe::enum_to_string(value, "")));
    return true;
  } else {
    static_assert(unusable<V>, "weir keys by strings, integers, bool, described enums and optionals of them");
  }
}

template <class V>
decode::Value time_value(const V& value) {
  if constexpr (is_optional<V>) {
    return value ? time_value(*value) : decode::Value();
  } else if constexpr (std::is_convertible_v<const V&, std::string_view>) {
    return decode::Value::of(std::string_view(value));
  } else {
    return number_value(value);
  }
}

template <class T>
struct Part {
  std::string field;
  std::function<bool(const T&, RowKeyWriter&)> add;
};
template <class T>
struct Number {
  std::string field;
  std::function<decode::Value(const T&)> value;  ///< empty with `count`
};

/// What the builder collects, and what the folders of its pipeline share.
template <class T>
struct Parts {
  std::function<Result<T>(std::string_view, decode::Scratch&)> decode;
  std::function<bool(const T&, Timestamp, Extracted&)> event_time;
  std::vector<std::vector<Part<T>>> keys;
  std::vector<Number<T>> numbers;
};

template <class T>
class TypedExtractor final : public Extractor {
 public:
  explicit TypedExtractor(std::shared_ptr<const Parts<T>> parts) : parts_(std::move(parts)) {}

  bool extract(const stream::RawRecord& record, Extracted& out) override {
    const Result<T> decoded = parts_->decode(record.data, scratch_);
    if (!decoded) [[unlikely]] {
      return out.fail(decoded.error());
    }
    const T& value = *decoded;
    if (parts_->event_time && !parts_->event_time(value, record.arrival, out)) [[unlikely]] {
      return false;
    }
    for (std::size_t i = 0; i < parts_->keys.size(); ++i) {
      auto& key = out.keys[i];
      key.begin(static_cast<std::uint8_t>(i));
      for (const auto& part : parts_->keys[i]) {
        if (!part.add(value, key)) [[unlikely]] {
          return out.missing_key(part.field);
        }
      }
      if (!out.finish_key(i)) [[unlikely]] {
        return false;
      }
    }
    for (std::size_t i = 0; i < parts_->numbers.size(); ++i) {
      if (!number(parts_->numbers[i], value, out.values[i])) [[unlikely]] {
        return out.fail("OutOfRange",
                        "the value of " + parts_->numbers[i].field + " is no finite number of up to 128 bits");
      }
    }
    return true;
  }

  void clear() noexcept override { scratch_.clear(); }

 private:
  static bool number(const Number<T>& from, const T& value, decode::Value& out) {
    if (!from.value) {
      return true;
    }
    out = from.value(value);
    return out.kind == decode::Value::Kind::real ? std::isfinite(out.real) : out.kind != decode::Value::Kind::blocked;
  }

  std::shared_ptr<const Parts<T>> parts_;
  decode::Scratch scratch_;
};

template <class D>
inline constexpr std::string_view decoder_name = "(code)";
template <class T>
inline constexpr std::string_view decoder_name<decode::JsonDecoder<T>> = "json";
template <>
inline constexpr std::string_view decoder_name<decode::TextDecoder> = "text";
template <>
inline constexpr std::string_view decoder_name<decode::BytesDecoder> = "bytes";

}  // namespace typed_detail

/// Says what to keep of records that decode to a T; converts to a pipeline where a host takes one. Fields
/// are member pointers or callables of `const T&`, pure and safe to call from several threads: what a record
/// does must depend on the record alone. A record at which one throws becomes a dead letter.
///
///     const auto departures = weir::pipeline<Flight>("departures")
///                                 .key(&Flight::origin)
///                                 .keep("flights", weir::count())
///                                 .keep("delay", weir::mean(&Flight::delay));
template <class T>
class PipelineBuilder {
 public:
  explicit PipelineBuilder(std::string name) {
    spec_.name = std::move(name);
    if constexpr (decode::Described<T>) {
      decode(decode::json_decoder<T>());
    }
  }

  /// Keeps a total per value of the field, or per combination of several. Called again it adds a roll-up:
  /// the same aggregates by another key. A string_view that a callable returns must point into the record or
  /// live as long as the program; strings are returned by value.
  template <class... F>
  PipelineBuilder& key(F... fields) {
    auto& names = spec_.keys.emplace_back();
    auto& parts = parts_.keys.emplace_back();
    (add_key(names, parts, std::move(fields)), ...);
    return *this;
  }

  /// Keeps an aggregate under a name: weir::count(), or sum, mean, min, max of a field. An absent value (an
  /// empty optional) leaves it as it was.
  template <class F>
  PipelineBuilder& keep(std::string name, Aggregate<F> aggregate) {
    typed_detail::Number<T> number;
    if constexpr (!std::is_same_v<F, NoField>) {
      number.field = typed_detail::field_name<T>(aggregate.field);
      number.value = [field = std::move(aggregate.field)](const T& value) {
        return typed_detail::number_value<std::remove_cvref_t<std::invoke_result_t<const F&, const T&>>>(
            std::invoke(field, value));
      };
    }
    spec_.keeps.push_back({std::move(name), aggregate.kind, number.field});
    parts_.numbers.push_back(std::move(number));
    return *this;
  }

  /// How a payload becomes a T; json_decoder<T>() unless said, where T's members are described.
  template <class D>
    requires decode::Decoder<D, T>
  PipelineBuilder& decode(D decoder) {
    spec_.decode = typed_detail::decoder_name<D>;
    parts_.decode = [decoder = std::move(decoder)](std::string_view padded, decode::Scratch& scratch) -> Result<T> {
      return decode::decode_padded<T>(decoder, padded, scratch);
    };
    return *this;
  }

  /// Instead of keeping totals: calls `run` with the records of each shard, in order, a batch after the other, for
  /// what acts on the outside world. Each record is acknowledged after `run` returns; one for which it may have run
  /// before (a crash, a failure) says so. Fails with `retry`: the same batch again after a wait; any other failure,
  /// and an exception, halts the pipeline. Batches of different shards may run at once, from several threads.
  PipelineBuilder& handler(std::function<Task<void>(HandlerBatch<T>&)> run) {
    handler_ = std::move(run);
    return *this;
  }

  /// Takes apart what the Kinesis Producer Library aggregated: each user record counts for itself.
  PipelineBuilder& unpack_kpl() {
    spec_.unpack_kpl = true;
    return *this;
  }

  /// Payloads are decompressed before they are decoded; one that is not compressed so is a dead letter.
  PipelineBuilder& decompress(Compression compression) {
    spec_.compression = compression;
    return *this;
  }

  /// What becomes of records that fail; they are dead letters unless said.
  PipelineBuilder& on_failure(FailurePolicy policy) {
    spec_.failure_policy = policy;
    return *this;
  }

  /// When the record happened: text or a number as decode::parse_event_time takes it; else its arrival.
  template <class F>
  PipelineBuilder& event_time(F field) {
    spec_.event_time = typed_detail::field_name<T>(field);
    parts_.event_time = [field = std::move(field)](const T& value, Timestamp arrival, Extracted& out) {
      const auto& time = std::invoke(field, value);
      return out.take_event_time(typed_detail::time_value(time), arrival);
    };
    return *this;
  }

  /// The pipeline, or `refused` with what is wrong with it.
  Result<PipelinePtr> build() const {
    if (!parts_.decode) {
      return refused("NoDecoder", "pipeline " + spec_.name + " needs a decoder: its type's members are not described");
    }
    if (handler_) {
      typed_detail::HandlerParts<T> parts{parts_.decode, parts_.event_time, handler_};
      return make_handler_pipeline(spec_, std::make_unique<typed_detail::TypedHandler<T>>(std::move(parts)));
    }
    auto parts = std::make_shared<const typed_detail::Parts<T>>(parts_);
    return make_pipeline(spec_, [parts] { return std::make_unique<typed_detail::TypedExtractor<T>>(parts); });
  }
  // Implicit, so that a builder is given to `run` as it is.
  operator Result<PipelinePtr>() const { return build(); }

 private:
  template <class F>
  static void add_key(std::vector<std::string>& names, std::vector<typed_detail::Part<T>>& parts, F field) {
    names.push_back(typed_detail::field_name<T>(field));
    parts.push_back({names.back(), [field = std::move(field)](const T& value, RowKeyWriter& key) {
                       const auto& part = std::invoke(field, value);
                       return typed_detail::add_part(key, part);
                     }});
  }

  Spec spec_;
  typed_detail::Parts<T> parts_;
  std::function<Task<void>(HandlerBatch<T>&)> handler_;
};

}  // namespace weir::pipelines

namespace weir {

/// A pipeline over records that decode to a T.
template <class T>
pipelines::PipelineBuilder<T> pipeline(std::string name) {
  return pipelines::PipelineBuilder<T>(std::move(name));
}

}  // namespace weir
