#include "weir/pipeline/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "pipeline/definition.hpp"
#include "pipeline/deltas.hpp"
#include "pipeline/json_text.hpp"
#include "pipeline/key_text.hpp"
#include "pipeline/row.hpp"
#include "pipeline/slots.hpp"
#include "weir/decode/event_time.hpp"
#include "weir/pipeline/extract.hpp"

namespace weir::pipelines {

bool Extracted::take_event_time(const decode::Value& value, Timestamp arrival) {
  const auto time = decode::parse_event_time(value);
  if (!time) {
    return fail(time.error());
  }
  if (arrival != Timestamp{} && *time > arrival + std::chrono::days(1)) {
    return fail("EventTimeAhead", "the event time is more than a day after the record's arrival");
  }
  event_time = *time;
  return true;
}

namespace {

/// One loop's part: extracts and adds, record by record.
class RecordFolder final : public Folder {
 public:
  RecordFolder(const RowLayout& layout, std::size_t roll_ups, std::unique_ptr<Extractor> extractor,
               decode::Compression compression)
      : layout_(&layout), extractor_(std::move(extractor)) {
    if (compression != decode::Compression::none) {
      decompressor_.emplace(compression);
    }
    extracted_.keys.resize(roll_ups);
    extracted_.values.resize(layout.cells().size());
  }

  std::unique_ptr<Deltas> make_deltas() const override { return std::make_unique<RowDeltas>(*layout_); }

  void fold(std::span<const stream::RawRecord> records, Deltas& deltas, std::vector<Failure>& failures) override {
    auto& rows = static_cast<RowDeltas&>(deltas);
    extractor_->clear();
    for (next_ = 0; next_ < records.size(); ++next_) {
      const bool taken =
          decompressor_ ? extract_decompressed(records[next_]) : extractor_->extract(records[next_], extracted_);
      if (!taken) [[unlikely]] {
        failures.push_back({next_, std::move(extracted_.code), std::move(extracted_.reason)});
        continue;
      }
      for (const auto& key : extracted_.keys) {
        rows.add(key.key(), extracted_.values);
      }
    }
  }

  std::size_t next() const noexcept override { return next_; }

 private:
  // What the record's key and values point into lives until the next record; by then they are applied.
  // Forgotten record by record: a batch of 10 MiB can become gigabytes.
  bool extract_decompressed(const stream::RawRecord& record) {
    extractor_->clear();
    const auto payload = decompressor_->decompress(record.data);
    if (!payload) [[unlikely]] {
      return extracted_.fail(payload.error());
    }
    auto decompressed = record;
    decompressed.data = *payload;
    return extractor_->extract(decompressed, extracted_);
  }

  const RowLayout* layout_;
  std::unique_ptr<Extractor> extractor_;
  std::optional<decode::Decompressor> decompressor_;
  Extracted extracted_;
  std::size_t next_ = 0;
};

class SpecPipeline final : public Pipeline {
 public:
  SpecPipeline(Spec spec, std::vector<std::string> names, const std::vector<AggregateKind>& kinds,
               std::function<std::unique_ptr<Extractor>()> make_extractor)
      : spec_(std::move(spec)),
        names_(std::move(names)),
        layout_(names_, kinds),
        definition_(definition_text(spec_)),
        make_extractor_(std::move(make_extractor)) {}

  const std::string& name() const noexcept override { return spec_.name; }
  const std::string& definition() const noexcept override { return definition_; }
  std::unique_ptr<Folder> make_folder() const override {
    return std::make_unique<RecordFolder>(layout_, spec_.keys.size(), make_extractor_(), spec_.compression);
  }
  bool unpacks_kpl() const noexcept override { return spec_.unpack_kpl; }
  FailurePolicy failure_policy() const noexcept override { return spec_.failure_policy; }
  std::span<const std::string> aggregates() const noexcept override { return names_; }
  void print_json(std::string_view key, std::string_view row, std::string& out) const override;
  Result<std::vector<std::string>> row_keys(std::string_view text) const override { return row_keys_of(text, spec_); }

 private:
  void print_key(std::string_view key, std::string& out) const;

  Spec spec_;
  std::vector<std::string> names_;
  RowLayout layout_;
  std::string definition_;
  std::function<std::unique_ptr<Extractor>()> make_extractor_;
};

void append_list(std::span<const decode::Value> values, std::string& out) {
  if (values.size() == 1) {
    append_json(values.front(), out);
    return;
  }
  out.push_back('[');
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.append(i == 0 ? "" : ",");
    append_json(values[i], out);
  }
  out.push_back(']');
}

void SpecPipeline::print_key(std::string_view key, std::string& out) const {
  out.append("{\"key\":");
  RowKeyParts parts;
  if (!parse_row_key(key, parts)) {
    out.append("null");
    return;
  }
  append_list(parts.parts, out);
  if (spec_.keys.size() > 1 && parts.roll_up < spec_.keys.size()) {
    std::vector<decode::Value> fields;
    for (const auto& field : spec_.keys[parts.roll_up]) {
      fields.push_back(decode::Value::of(std::string_view(field)));
    }
    out.append(",\"by\":");
    append_list(fields, out);
  }
}

void SpecPipeline::print_json(std::string_view key, std::string_view row, std::string& out) const {
  print_key(key, out);
  RowReader reader(row);
  std::vector<RowEntry> entries;
  for (RowEntry entry; reader.next(entry);) {
    entries.push_back(entry);
  }
  const auto cells = layout_.cells();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out.push_back(',');
    append_json_string(names_[i], out);
    out.push_back(':');
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const RowEntry& candidate) { return candidate.id == cells[i].id; });
    const bool found = entry != entries.end();
    bool ok = reader.ok() && (!found || entry->tag == static_cast<std::uint8_t>(cells[i].kind));
    with_slot(cells[i].kind, [&]<class Slot>(Slot* /*type*/) {
      Slot slot;
      std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
      ok = ok && (!found || slot.decode(entry->payload));
      if (ok) {
        slot.print(cells[i].kind, out);
      } else {
        out.append("\"corrupt\"");
      }
    });
  }
  out.push_back('}');
}

Result<void> check_keys(const Spec& spec) {
  if (spec.keys.empty()) {
    return refused("NoKey", fmt::format("pipeline {} has no key: say by which field it keeps its totals", spec.name));
  }
  if (spec.keys.size() > roll_ups_max) {
    return refused("TooManyKeys", fmt::format("pipeline {} has {} keys, at most {} are possible", spec.name,
                                              spec.keys.size(), roll_ups_max));
  }
  for (std::size_t i = 0; i < spec.keys.size(); ++i) {
    if (spec.keys[i].empty() || spec.keys[i].size() > key_parts_max) {
      return refused("BadKey", fmt::format("a key of pipeline {} has {} fields, 1 to {} are possible", spec.name,
                                           spec.keys[i].size(), key_parts_max));
    }
  }
  return {};
}

Result<void> check_aggregates(const Spec& spec) {
  if (spec.keeps.empty() || spec.keeps.size() > aggregates_max) {
    return refused("NoAggregates", fmt::format("pipeline {} keeps {} aggregates, 1 to {} are possible", spec.name,
                                               spec.keeps.size(), aggregates_max));
  }
  for (std::size_t i = 0; i < spec.keeps.size(); ++i) {
    const auto& name = spec.keeps[i].name;
    if (!is_name(name) || name == "key" || name == "by") {
      return refused("BadName", fmt::format("aggregate \"{}\" cannot be named so: up to {} letters, digits, _ - and ., "
                                            "and not `key` or `by`",
                                            name.substr(0, name_bytes_max), name_bytes_max));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (name == spec.keeps[j].name) {
        return refused("BadName", fmt::format("aggregate \"{}\" is there twice", name));
      }
      if (aggregate_id(name) == aggregate_id(spec.keeps[j].name)) {
        return refused("BadName", fmt::format("aggregates \"{}\" and \"{}\" share a number in stored rows: rename one",
                                              spec.keeps[j].name, name));
      }
    }
  }
  return {};
}

}  // namespace

Result<PipelinePtr> make_pipeline(Spec spec, std::function<std::unique_ptr<Extractor>()> make_extractor) {
  WEIR_CHECK(check_name(spec));
  WEIR_CHECK(check_keys(spec));
  WEIR_CHECK(check_aggregates(spec));
  std::vector<std::string> names;
  std::vector<AggregateKind> kinds;
  for (const auto& keep : spec.keeps) {
    names.push_back(keep.name);
    kinds.push_back(keep.kind);
  }
  return PipelinePtr(
      std::make_shared<SpecPipeline>(std::move(spec), std::move(names), kinds, std::move(make_extractor)));
}

}  // namespace weir::pipelines
