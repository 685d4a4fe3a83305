#include "simulation/effects.hpp"

#include <fmt/format.h>

#include "weir/pipeline/handler.hpp"

namespace weir::simulation {
namespace {

std::string text(const StreamEvent& event) {
  return fmt::format("{}/{}{}", event.first, event.second.sequence_number.text(),
                     event.second.unpacked ? fmt::format("/{}", event.second.sub) : "");
}

}  // namespace

class Effects::Call final : public pipelines::HandlerCall {
 public:
  Call(Effects& effects, std::unique_ptr<pipelines::HandlerCall> call) : effects_(effects), call_(std::move(call)) {}

  Result<void> add(const stream::EventId& id, const stream::RawRecord& record) override {
    WEIR_CHECK(call_->add(id, record));
    state::ShardEvent event;
    event.sequence_number = stream::SequenceNumber(id.sequence_number);
    event.unpacked = id.unpacked;
    event.sub = id.sub;
    events_.emplace_back(StreamEvent(id.shard, std::move(event)), state::Claim::fresh);
    return {};
  }
  std::size_t bytes() const noexcept override { return call_->bytes(); }
  void claimed(std::span<const state::Claim> known) override {
    for (std::size_t i = 0; i < events_.size(); ++i) {
      events_[i].second = known[i];
    }
    call_->claimed(known);
  }
  Task<void> run(std::vector<pipelines::Failure>& failures, std::stop_token stop) override {
    WEIR_CO_CHECK(co_await effects_.wait());
    for (const auto& [event, known] : events_) {
      if (known != state::Claim::confirmed) {
        effects_.note(event, again_ || known == state::Claim::unsure);
      }
    }
    again_ = true;
    WEIR_CO_CHECK(co_await call_->run(failures, std::move(stop)));
    WEIR_CO_CHECK(co_await effects_.wait());
    if (effects_.random_.below(20) == 0) {
      co_return Error(Next::retry, std::string(away), "the outside world does not answer");
    }
    for (const auto& failure : failures) {
      effects_.failed_.insert(events_.at(failure.index).first);
    }
    for (const auto& [event, known] : events_) {
      effects_.done_.insert(event);
    }
    co_return Result<void>();
  }

 private:
  Effects& effects_;
  std::unique_ptr<pipelines::HandlerCall> call_;
  std::vector<std::pair<StreamEvent, state::Claim>> events_;
  bool again_ = false;
};

// The pipeline itself, but for its handler.
class Effects::Heard final : public pipelines::Pipeline, private pipelines::Handler {
 public:
  Heard(Effects& effects, const pipelines::Pipeline& pipeline) : effects_(effects), pipeline_(pipeline) {}
  const std::string& name() const noexcept override { return pipeline_.name(); }
  const std::string& definition() const noexcept override { return pipeline_.definition(); }
  std::unique_ptr<pipelines::Folder> make_folder() const override { return pipeline_.make_folder(); }
  const pipelines::Handler* handler() const noexcept override { return this; }
  bool unpacks_kpl() const noexcept override { return pipeline_.unpacks_kpl(); }
  pipelines::FailurePolicy failure_policy() const noexcept override { return pipeline_.failure_policy(); }
  std::span<const std::string> aggregates() const noexcept override { return pipeline_.aggregates(); }
  void print_json(std::string_view key, std::string_view row, std::string& out) const override {
    pipeline_.print_json(key, row, out);
  }
  Result<std::vector<std::string>> row_keys(std::string_view text) const override { return pipeline_.row_keys(text); }

 private:
  std::unique_ptr<pipelines::HandlerCall> begin() const override {
    return std::make_unique<Call>(effects_, pipeline_.handler()->begin());
  }
  Effects& effects_;
  const pipelines::Pipeline& pipeline_;
};

Effects::Effects(pipelines::PipelinePtr pipeline, Clock& clock, std::function<void(std::string)> problem)
    : pipeline_(std::move(pipeline)),
      heard_(std::make_shared<Heard>(*this, *pipeline_)),
      clock_(clock),
      problem_(std::move(problem)) {}

void Effects::begin_life(std::stop_token end, std::uint64_t seed) {
  end_ = std::move(end);
  random_ = Random(seed);
}

void Effects::confirmed(const stream::ShardId& shard, std::span<const state::ShardEvent> events) {
  for (const auto& event : events) {
    confirmed_.emplace(shard, event);
  }
}

void Effects::clear() {
  ran_.clear();
  done_.clear();
  failed_.clear();
  confirmed_.clear();
  last_.clear();
}

void Effects::note(const StreamEvent& event, bool may_be_repeat) {
  if (confirmed_.contains(event)) {
    problem_(fmt::format("{}: {} is handled again, though that it was handled is confirmed", name(), text(event)));
  }
  if (!ran_.insert(event).second) {
    if (!may_be_repeat) {
      problem_(fmt::format("{}: {} is handled again, and not told so", name(), text(event)));
    }
    return;
  }
  const auto [last, is_first] = last_.try_emplace(event.first, event.second);
  if (!is_first && event.second < last->second) {
    problem_(fmt::format("{}: {} is handled after one that follows it", name(), text(event)));
  }
  last->second = event.second;
}

// A crash may fall before an effect or after it.
Task<void> Effects::wait() {
  const Duration time = std::chrono::microseconds(random_.below(random_.below(8) == 0 ? 900'000 : 3'000));
  co_return co_await clock_.sleep(time, end_);
}

}  // namespace weir::simulation
