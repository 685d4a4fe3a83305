#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/pipeline/pipeline.hpp"

namespace weir::testing {

/// Adds decimal numbers: the rows of WordCount.
class DecimalCombiner final : public state::Combiner {
 public:
  void combine(std::string& row, std::string_view delta) const noexcept override {
    row = std::to_string(number(row) + number(delta));
  }

 private:
  static long number(std::string_view digits) noexcept {
    long value = 0;
    for (const char c : digits) {
      value = value * 10 + (c - '0');
    }
    return value;
  }
};

/// The smallest pipeline: counts each record under its own text. A record "bad" fails, and "throw" makes
/// the pipeline's code throw.
class WordCount : public pipelines::Pipeline {
 public:
  explicit WordCount(std::string name = "words", bool unpacks = false) : name_(std::move(name)), unpacks_(unpacks) {}
  const std::string& name() const noexcept override { return name_; }
  const std::string& definition() const noexcept override { return definition_; }
  std::span<const std::string> aggregates() const noexcept override { return aggregates_; }
  std::unique_ptr<pipelines::Folder> make_folder() const override { return std::make_unique<Folder>(bad_fails); }
  bool unpacks_kpl() const noexcept override { return unpacks_; }
  pipelines::FailurePolicy failure_policy() const noexcept override { return policy; }

  pipelines::FailurePolicy policy;
  bool bad_fails = true;  ///< false: as if somebody had mended the code

  void print_json(std::string_view key, std::string_view row, std::string& out) const override {
    out.append("{\"key\":\"").append(key).append("\",\"count\":").append(row).append("}");
  }
  Result<std::vector<std::string>> row_keys(std::string_view text) const override {
    return std::vector<std::string>{std::string(text)};
  }

 private:
  class Deltas final : public pipelines::Deltas {
   public:
    std::size_t keys() const noexcept override { return counts.size(); }
    std::size_t bytes() const noexcept override { return counts.size() * 100; }
    void encode(std::vector<state::RowChange>& changes) override {
      for (auto& [key, count] : counts) {
        texts_.push_back(std::make_unique<std::string>(std::to_string(count)));
        changes.push_back({key, *texts_.back()});
      }
    }
    void clear() noexcept override {
      counts.clear();
      texts_.clear();
    }
    std::map<std::string, long, std::less<>> counts;

   private:
    std::vector<std::unique_ptr<std::string>> texts_;
  };

  class Folder final : public pipelines::Folder {
   public:
    explicit Folder(bool bad_fails) : bad_fails_(bad_fails) {}
    std::unique_ptr<pipelines::Deltas> make_deltas() const override { return std::make_unique<Deltas>(); }
    void fold(std::span<const stream::RawRecord> records, pipelines::Deltas& deltas,
              std::vector<pipelines::Failure>& failures) override {
      for (next_ = 0; next_ < records.size(); ++next_) {
        const auto word = records[next_].data;
        if (word == "throw") {
          throw std::runtime_error("as the record asks");
        }
        if (word == "bad" && bad_fails_) {
          failures.push_back({next_, "Bad", "the word is bad"});
          continue;
        }
        ++static_cast<Deltas&>(deltas).counts[std::string(word)];
      }
    }
    std::size_t next() const noexcept override { return next_; }

   private:
    bool bad_fails_;
    std::size_t next_ = 0;
  };

  std::string name_;
  bool unpacks_;
  std::string definition_ = "count words";
  std::vector<std::string> aggregates_{"count"};
};

}  // namespace weir::testing
