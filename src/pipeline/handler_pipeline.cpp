#include <fmt/format.h>

#include <deque>
#include <utility>

#include "pipeline/definition.hpp"
#include "weir/decode/compression.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/pipeline/handler.hpp"

namespace weir::pipelines {
namespace {

// Nothing is folded and nothing kept.
class NoDeltas final : public Deltas {
 public:
  std::size_t keys() const noexcept override { return 0; }
  std::size_t bytes() const noexcept override { return 0; }
  void encode(std::vector<state::RowChange>& /*changes*/) override {}
  void clear() noexcept override {}
};
class NoFolder final : public Folder {
 public:
  std::unique_ptr<Deltas> make_deltas() const override { return std::make_unique<NoDeltas>(); }
  void fold(std::span<const stream::RawRecord> records, Deltas& /*deltas*/,
            std::vector<Failure>& /*failures*/) override {
    next_ = records.size();
  }
  std::size_t next() const noexcept override { return next_; }

 private:
  std::size_t next_ = 0;
};

// Keeps what it decompressed for as long as the call.
class DecompressingCall final : public HandlerCall {
 public:
  DecompressingCall(std::unique_ptr<HandlerCall> call, decode::Compression compression)
      : call_(std::move(call)), decompressor_(compression) {}

  Result<void> add(const stream::EventId& id, const stream::RawRecord& record) override {
    WEIR_TRY(const auto payload, decompressor_.decompress(record.data));
    auto& kept = payloads_.emplace_back();
    kept.reserve(payload.size() + stream::padding_bytes);
    kept.append(payload).append(stream::padding_bytes, '\0');
    bytes_ += kept.size();
    auto decompressed = record;
    decompressed.data = std::string_view(kept).substr(0, payload.size());
    return call_->add(id, decompressed);
  }
  std::size_t bytes() const noexcept override { return bytes_ + call_->bytes(); }
  void claimed(std::span<const state::Claim> known) override { call_->claimed(known); }
  Task<void> run(std::vector<Failure>& failures, std::stop_token stop) override {
    return call_->run(failures, std::move(stop));
  }

 private:
  std::deque<std::string> payloads_;
  std::size_t bytes_ = 0;
  std::unique_ptr<HandlerCall> call_;
  decode::Decompressor decompressor_;
};

class HandlerPipeline final : public Pipeline, private Handler {
 public:
  HandlerPipeline(Spec spec, std::unique_ptr<Handler> handler)
      : spec_(std::move(spec)), definition_(definition_text(spec_)), handler_(std::move(handler)) {}

  const std::string& name() const noexcept override { return spec_.name; }
  const std::string& definition() const noexcept override { return definition_; }
  std::unique_ptr<Folder> make_folder() const override { return std::make_unique<NoFolder>(); }
  const Handler* handler() const noexcept override { return this; }
  bool unpacks_kpl() const noexcept override { return spec_.unpack_kpl; }
  FailurePolicy failure_policy() const noexcept override { return spec_.failure_policy; }
  std::span<const std::string> aggregates() const noexcept override { return {}; }
  void print_json(std::string_view /*key*/, std::string_view /*row*/, std::string& out) const override {
    out.append("{}");
  }
  Result<std::vector<std::string>> row_keys(std::string_view /*text*/) const override {
    return refused("NoTotals", fmt::format("pipeline {} is a handler: it keeps no totals", spec_.name));
  }

 private:
  std::unique_ptr<HandlerCall> begin() const override {
    auto call = handler_->begin();
    if (spec_.compression == decode::Compression::none) {
      return call;
    }
    return std::make_unique<DecompressingCall>(std::move(call), spec_.compression);
  }

  Spec spec_;
  std::string definition_;
  std::unique_ptr<Handler> handler_;
};

}  // namespace

Result<PipelinePtr> make_handler_pipeline(Spec spec, std::unique_ptr<Handler> handler) {
  WEIR_CHECK(check_name(spec));
  if (!spec.keys.empty() || !spec.keeps.empty()) {
    return refused("HandlerWithTotals",
                   fmt::format("pipeline {} has a handler, and keys or aggregates too: make two pipelines of it, which "
                               "one worker runs on one read",
                               spec.name));
  }
  return PipelinePtr(std::make_shared<HandlerPipeline>(std::move(spec), std::move(handler)));
}

}  // namespace weir::pipelines
