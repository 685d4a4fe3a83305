#include "pipeline/field_extractor.hpp"

#include <fmt/format.h>

#include "weir/decode/fields.hpp"
#include "weir/decode/text.hpp"

namespace weir::pipelines {
namespace {

using decode::Value;

enum class Payload : std::uint8_t { json, text, bytes };

/// Where the fields of a Spec are among those read.
struct Plan {
  Payload payload = Payload::json;
  decode::Fields fields;
  std::vector<std::string> names;  // of the fields read
  std::vector<std::vector<std::size_t>> keys;
  std::vector<std::optional<std::size_t>> values;  // none with `count`
  std::optional<std::size_t> event_time;
};

class FieldExtractor final : public Extractor {
 public:
  explicit FieldExtractor(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)), read_(plan_->names.size()) {}

  bool extract(const stream::RawRecord& record, Extracted& out) override {
    if (!read(record.data, out)) [[unlikely]] {
      return false;
    }
    if (plan_->event_time && !out.take_event_time(read_[*plan_->event_time], record.arrival)) [[unlikely]] {
      return false;
    }
    for (std::size_t i = 0; i < plan_->keys.size(); ++i) {
      out.keys[i].begin(static_cast<std::uint8_t>(i));
      for (const auto field : plan_->keys[i]) {
        if (!out.keys[i].add(read_[field])) [[unlikely]] {
          return refuse_key(field, out);
        }
      }
      if (!out.finish_key(i)) [[unlikely]] {
        return false;
      }
    }
    for (std::size_t i = 0; i < plan_->values.size(); ++i) {
      if (!plan_->values[i]) {
        continue;
      }
      const Value& value = read_[*plan_->values[i]];
      if (!value.absent() && value.kind != Value::Kind::integer && value.kind != Value::Kind::real) [[unlikely]] {
        return out.fail("WrongType", fmt::format("member {}: expected a number, found {}",
                                                 plan_->names[*plan_->values[i]], to_string(value.kind)));
      }
      out.values[i] = value;
    }
    return true;
  }

  void clear() noexcept override { scratch_.clear(); }

 private:
  bool read(std::string_view payload, Extracted& out) {
    if (plan_->payload == Payload::json) {
      return plan_->fields.read(payload, scratch_, read_) || out.fail(scratch_.problem().error());
    }
    if (plan_->payload == Payload::text && !decode::is_utf8(payload)) {
      return out.fail("BadText", "the payload is not UTF-8");
    }
    for (auto& value : read_) {
      value = Value::of(payload);
    }
    return true;
  }
  bool refuse_key(std::size_t field, Extracted& out) const {
    const Value& value = read_[field];
    if (value.absent()) {
      return out.missing_key(plan_->names[field]);
    }
    return out.fail("WrongType", fmt::format("member {}: expected a string, an integer or a boolean as key, found {}",
                                             plan_->names[field], to_string(value.kind)));
  }

  std::shared_ptr<const Plan> plan_;
  std::vector<Value> read_;
  decode::Scratch scratch_;
};

/// The field's place among those read; one that was asked for before keeps its first place.
std::size_t place_of(const std::string& name, std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) {
      return i;
    }
  }
  names.push_back(name);
  return names.size() - 1;
}

}  // namespace

Result<PipelinePtr> make_field_pipeline(Spec spec) {
  auto plan = std::make_shared<Plan>();
  for (const auto& key : spec.keys) {
    auto& places = plan->keys.emplace_back();
    for (const auto& field : key) {
      places.push_back(place_of(field, plan->names));
    }
  }
  for (const auto& keep : spec.keeps) {
    plan->values.push_back(keep.kind == AggregateKind::count ? std::nullopt
                                                             : std::optional(place_of(keep.field, plan->names)));
  }
  if (!spec.event_time.empty()) {
    plan->event_time = place_of(spec.event_time, plan->names);
  }
  if (spec.decode == "json") {
    WEIR_TRY(plan->fields, decode::Fields::of(plan->names));
  } else {
    plan->payload = spec.decode == "text" ? Payload::text : Payload::bytes;
    for (const auto& name : plan->names) {
      if (name != spec.decode) {
        return refused("BadField", fmt::format("\"{}\" is no field: with decode: {} there is one, `{}`", name,
                                               spec.decode, spec.decode));
      }
    }
  }
  std::shared_ptr<const Plan> shared = std::move(plan);
  return make_pipeline(std::move(spec), [shared] { return std::make_unique<FieldExtractor>(shared); });
}

}  // namespace weir::pipelines
