#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "weir/decode/scratch.hpp"
#include "weir/pipeline/extract.hpp"
#include "weir/pipeline/handler.hpp"

namespace weir::pipelines::typed_detail {

/// How records become a T, and what is done with them.
template <class T>
struct HandlerParts {
  std::function<Result<T>(std::string_view, decode::Scratch&)> decode;
  std::function<bool(const T&, Timestamp, Extracted&)> event_time;
  std::function<Task<void>(HandlerBatch<T>&)> run;
};

template <class T>
class TypedCall final : public HandlerCall {
 public:
  explicit TypedCall(std::shared_ptr<const HandlerParts<T>> parts) : parts_(std::move(parts)) {}

  Result<void> add(const stream::EventId& id, const stream::RawRecord& raw) override {
    auto value = parts_->decode(raw.data, scratch_);
    if (!value) {
      return value.error();
    }
    HandlerRecord<T> record;
    record.event_id = id;
    record.event_time = raw.arrival;
    record.partition_key = raw.partition_key;
    if (parts_->event_time) {
      Extracted extracted;
      if (!parts_->event_time(*value, raw.arrival, extracted)) {
        return corrupt(std::move(extracted.code), std::move(extracted.reason));
      }
      record.event_time = extracted.event_time;
    }
    record.value = *std::move(value);
    places_.push_back(places_.size());
    records_.push_back(std::move(record));
    return {};
  }

  std::size_t bytes() const noexcept override { return records_.size() * sizeof(HandlerRecord<T>); }

  void claimed(std::span<const state::Claim> known) override {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (known[i] == state::Claim::confirmed) {
        continue;
      }
      records_[i].may_be_repeat = known[i] == state::Claim::unsure;
      if (kept != i) {
        records_[kept] = std::move(records_[i]);
      }
      places_[kept++] = i;
    }
    records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(kept), records_.end());
    places_.resize(kept);
  }

  Task<void> run(std::vector<Failure>& failures, std::stop_token stop) override {
    if (records_.empty()) {
      co_return Result<void>();
    }
    for (auto& record : records_) {
      record.may_be_repeat |= ran_;
    }
    ran_ = true;
    HandlerBatch<T> batch(records_, std::move(stop));
    auto handled = co_await parts_->run(batch);
    for (auto& failure : batch.failures()) {
      failure.index = places_.at(failure.index);
      failures.push_back(std::move(failure));
    }
    co_return handled;
  }

 private:
  std::shared_ptr<const HandlerParts<T>> parts_;
  decode::Scratch scratch_;
  std::vector<HandlerRecord<T>> records_;
  std::vector<std::size_t> places_;  // in which each was added
  bool ran_ = false;
};

template <class T>
class TypedHandler final : public Handler {
 public:
  explicit TypedHandler(HandlerParts<T> parts) : parts_(std::make_shared<const HandlerParts<T>>(std::move(parts))) {}
  std::unique_ptr<HandlerCall> begin() const override { return std::make_unique<TypedCall<T>>(parts_); }

 private:
  std::shared_ptr<const HandlerParts<T>> parts_;
};

}  // namespace weir::pipelines::typed_detail
